import { submitFunctionSpec } from '../colony/messages/processes.ts';
import { measureCommits, measureRoundTrips, OFFICIAL, spawnEcho } from './server/baselines.ts';
import { connectParty } from './server/party.ts';
import { type Setting, spec, startSetting } from './server/setting.ts';
import { measureStartUp, residentMegabytes } from './server/start-up.ts';
import { type Manner, measureEcho, measureThroughput } from './server/throughput.ts';
import { measureChain, measureFanOut, measureHandOvers } from './server/workflows.ts';
import { formatTable, median, short } from './support/measure.ts';

/**
 * How fast is the embedded server? The server is a process of its own with its real store on a real disk; this process is
 * the client, who signs every request while the clock runs.
 *
 * Beside each figure stands what any durable server costs here, measured in the same run: the same client against a bare
 * HTTP server that echoes, and one bare commit to disk. The last column is what the official server is published with.
 */

const PROCESSES = 3000;
const WARM_UP = 2000;
const HAND_OVERS = 300;
const ROUNDS = 3;
const LEAVES = 1000;
const STORED = 100_000;

const HEAD = ['figure', 'this server', 'baseline of this run', 'official v1.9.12, as published'] as const;

/** What executors may do, and what the table calls it. */
const MANNERS: readonly (readonly [label: string, manner: Manner])[] = [
  ['processes per second, 8 executors in batches', { signing: 'batches', processesAtATime: 1 }],
  ['  four processes at a time each', { signing: 'batches', processesAtATime: 4 }],
  ['  one, and every message signed by itself', { signing: 'each', processesAtATime: 1 }],
  ['  one, and every poll signed anew as well', { signing: 'anew', processesAtATime: 1 }],
];

async function throughputRows(setting: Setting, echoPort: number): Promise<string[][]> {
  const rows = MANNERS.map(([label, manner]) => ({ label, manner, rates: [] as number[] }));
  const echoes: number[] = [];
  for (const { label, manner } of rows) await measureThroughput(setting, `warm-up ${label}`, WARM_UP, manner);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { label, manner, rates } of rows) {
      rates.push(await measureThroughput(setting, `${label} ${round}`, PROCESSES, manner));
    }
    echoes.push(await measureEcho(setting, echoPort, PROCESSES));
  }
  const baseline = `${short(Math.round(median(echoes)))} by a server that echoes`;
  return rows.map(({ label, manner: { signing }, rates }) => {
    const isComparable = signing === 'each';
    return [label, spread(rates), isComparable ? baseline : '–', isComparable ? `${OFFICIAL.processesPerSecond}` : '–'];
  });
}

async function handOverRows(setting: Setting, echoPort: number): Promise<string[][]> {
  const user = await connectParty(setting.port, setting.user);
  const body = user.seal(submitFunctionSpec, { spec: spec('nobody') });
  user.close();
  const trips = await measureRoundTrips(echoPort, body, HAND_OVERS);
  const commits = measureCommits(setting.directory, HAND_OVERS);
  const handOvers = await measureHandOvers(setting, HAND_OVERS);
  return [0.5, 0.99].map((share) => [
    `hand-over from a close to the waiting child, p${share * 100}`,
    milliseconds(quantile(handOvers, share)),
    `${milliseconds(quantile(trips, share))} echo, ${milliseconds(quantile(commits, share))} commit`,
    share === 0.5 ? milliseconds(OFFICIAL.handOverMs) : '–',
  ]);
}

async function workflowRows(setting: Setting): Promise<string[][]> {
  const shortStepMs = await measureChain(setting, 60);
  const longStepMs = await measureChain(setting, 600);
  const { totalMs, readMs } = await measureFanOut(setting, LEAVES);
  return [
    ['step of a chain of 60 nodes', milliseconds(shortStepMs), '–', milliseconds(OFFICIAL.chainStepMs)],
    ['step of a chain of 600 nodes', milliseconds(longStepMs), '–', '–'],
    [`fan-out of ${LEAVES} leaves with a join`, milliseconds(totalMs), '–', OFFICIAL.fanOut],
    ['  reading that graph', milliseconds(readMs), '–', '–'],
    ['memory after all of this', `${residentMegabytes(setting.pid).toFixed(0)} MB`, '–', '–'],
  ];
}

async function startUpRows(): Promise<string[][]> {
  const { startMs, emptyStartMs, residentMegabytes: atRest } = await measureStartUp(STORED);
  const what = `with ${STORED} finished processes`;
  return [
    [
      `start-up of the built program ${what}`,
      milliseconds(startMs.built),
      `${milliseconds(emptyStartMs.built)} with none`,
      '–',
    ],
    [
      '  from TypeScript sources',
      milliseconds(startMs.sources),
      `${milliseconds(emptyStartMs.sources)} with none`,
      '–',
    ],
    [`memory at rest ${what}`, `${atRest.toFixed(0)} MB`, '–', '–'],
  ];
}

/** The middle of several runs, and their range. */
function spread(values: readonly number[]): string {
  const rounded = [median(values), Math.min(...values), Math.max(...values)].map((value) => value.toFixed(0));
  return `${rounded[0]} (${rounded[1]} to ${rounded[2]})`;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function milliseconds(value: number): string {
  return `${short(value)} ms`;
}

const echo = await spawnEcho();
try {
  await using setting = await startSetting();
  const rows = [
    ...(await throughputRows(setting, echo.port)),
    ...(await handOverRows(setting, echo.port)),
    ...(await workflowRows(setting)),
    ...(await startUpRows()),
  ];
  console.log(formatTable([HEAD, ...rows]));
} finally {
  echo.end();
}
