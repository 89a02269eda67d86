import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { once } from 'node:events';
import { createColoniesClient } from '../../colony/client.ts';
import { loadEnvironment, requireColonyName } from '../../colony/environment.ts';
import type { Process } from '../../colony/messages/processes.ts';
import { labelOfRun } from '../../workflows/vertical-regression/builder.ts';
import { type Desk, openDesk, type RunningProgram, until } from '../../test/support/processes.ts';

/** What a run is measured with. */
interface Training {
  readonly mode: string;
  readonly keyBits: number;
  readonly iterations: number;
}

/** What was measured. */
interface Measured {
  /** From the request until the first iteration begins. */
  readonly setUpSeconds: number;
  readonly secondsPerIteration: number;
  /** Outputs of all processes of an iteration, their blobs included. */
  readonly bytesPerIteration: number;
  /** Largest resident set of any of the parties' processes so far. */
  readonly residentMebibytes: number;
}

const RUN = 'bench';
const LABEL_UNIT = 90;
/** Mean gradients right to 2^−22 per step, which decides how long the exponents of shared residuals are. */
const PRECISION_BITS = 22;
const PARTIES = ['x1', 'x2', 'y', 'regression-aggregator'];

/** Four daemons with made-up rows at a server, all processes of their own. */
export async function openBenchStage(
  rows: number,
): Promise<{ train: (training: Training) => Promise<Measured> } & AsyncDisposable> {
  const desk = await openDesk();
  await writeTables(desk, rows);
  await desk.startServer();
  const daemons = [
    desk.start(['executor', 'start', 'regression-feature', 'x1', '--source', 'x1.csv']),
    desk.start(['executor', 'start', 'regression-feature', 'x2', '--source', 'x2.csv']),
    desk.start(['executor', 'start', 'regression-label', 'y', '--source', 'y.csv']),
    desk.start(['executor', 'start', 'regression-aggregator']),
  ];
  await until(
    async () => {
      const listed = await desk.run(['executor', 'ls', '--json']);
      return PARTIES.every((party) => listed.stdout.includes(`"${party}"`));
    },
    () => daemons.map((daemon) => daemon.stderr()).join('\n'),
  );
  return {
    train: (training) => train(desk, daemons, training),
    [Symbol.asyncDispose]: () => desk[Symbol.asyncDispose](),
  };
}

/** y = 31·x1 − 5.5·x2 and noise, in units of about its standard deviation; one column in each file. */
async function writeTables(desk: Desk, rows: number): Promise<void> {
  const files = ['x1', 'x2', 'y'].map((name) => {
    const stream = createWriteStream(join(desk.directory, `${name}.csv`));
    stream.write(`${name}\n`);
    return stream;
  });
  for (let row = 0; row < rows; row += 1) {
    const [x1, x2] = [uniform(), uniform()];
    const values = [x1, x2, (31 * x1 - 5.5 * x2 + uniform() / 5) / LABEL_UNIT];
    for (const [index, stream] of files.entries()) {
      if (!stream.write(`${values[index]?.toFixed(6)}\n`)) await once(stream, 'drain');
    }
  }
  await Promise.all(files.map((stream) => finished(stream.end())));
}

function uniform(): number {
  return (randomBytes(4).readUInt32LE() / 2 ** 32) * 10 - 5;
}

async function train(desk: Desk, daemons: readonly RunningProgram[], training: Training): Promise<Measured> {
  const request = {
    run: RUN,
    label: 'y',
    features: ['x1', 'x2'],
    model: 'linear',
    scaling: 'standard',
    alpha: 0.1,
    residualBoundBits: 4,
    precisionBits: PRECISION_BITS,
    blockIterations: training.iterations,
    ...training,
  };
  await writeFile(join(desk.directory, 'request.json'), JSON.stringify(request));
  const submittedAt = Date.now();
  const ended = await desk.run(['regression', 'submit', '--spec', 'request.json', '--wait']);
  if (ended.exitCode !== 0) throw new Error(`bench: the training failed\n${ended.stderr}`);
  const processes = await listProcesses(desk);
  const times = processes.flatMap(({ spec, startTime, endTime }) => {
    const iteration = spec.kwargs['iteration'];
    const isStep = /^(?:forward|aggregate|gradient|open|product|sum)-/u.test(spec.nodeName);
    return isStep && typeof iteration === 'number' && startTime && endTime ? [{ iteration, startTime, endTime }] : [];
  });
  const first = Math.min(...times.map(({ startTime }) => startTime.getTime()));
  const last = Math.max(...times.map(({ endTime }) => endTime.getTime()));
  const stepBytes = processes.filter(({ spec }) => spec.kwargs['iteration'] === 0).map(bytesOf);
  return {
    setUpSeconds: (first - submittedAt) / 1000,
    secondsPerIteration: (last - first) / 1000 / training.iterations,
    bytesPerIteration: stepBytes.reduce((sum, bytes) => sum + bytes, 0),
    residentMebibytes: Math.max(...(await Promise.all(daemons.map(peakMebibytes)))),
  };
}

async function listProcesses(desk: Desk): Promise<readonly Process[]> {
  const environment = loadEnvironment(desk.env);
  const client = createColoniesClient({ server: environment.server, identity: environment.identity });
  const colonyName = requireColonyName(environment);
  const filter = { executorType: '', initiator: '', label: labelOfRun(RUN), state: 2, count: 100 };
  return client.getProcesses({ colonyName, ...filter });
}

function bytesOf({ output }: Process): number {
  const text = output.join('');
  let bytes = text.length;
  for (const [, size] of text.matchAll(/bytes\\*":(\d+)/gu)) bytes += Number(size);
  return bytes;
}

/** Linux keeps the largest resident set of a process; elsewhere nothing is known. */
async function peakMebibytes({ child }: RunningProgram): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
  return Number(/VmHWM:\s+(\d+) kB/u.exec(status)?.[1] ?? Number.NaN) / 1024;
}
