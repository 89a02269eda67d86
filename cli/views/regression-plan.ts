import type { RunParameters } from '../../executors/regression/parameters.ts';
import type { RunPlan } from '../../executors/regression/plan.ts';
import type { Report } from '../framework/report.ts';
import { formatDuration } from '../framework/text.ts';

/** What computes ciphertexts here. */
interface Engine {
  readonly name: string;
  readonly threads: number;
}

/** A plan for people and programs. @param engine that its times were measured with */
export function planReport(parameters: RunParameters, plan: RunPlan, { name, threads }: Engine): Report {
  const basis = `all parties on one machine like this one (engine ${name}, ${counted(threads, 'thread')}), its processors free, networks not counted`;
  const rows: [string, string][] = [
    ['Mode', parameters.mode],
    ['Key', `${parameters.keyBits} bits, ${plan.ciphertextBytes} bytes a ciphertext`],
    ['Rows in an iteration', `${plan.rowsPerIteration} in ${counted(plan.chunksPerIteration, 'chunk')}`],
    ['Gradient slots', `${plan.slotsPerCiphertext} of ${plan.slotBits} bits in a ciphertext`],
    ['Room before overflow', `${plan.overflowMarginBits} bits`],
    ['Sent at the start', formatBytes(plan.bytesAtStart)],
    [
      'Sent in an iteration',
      `${formatBytes(plan.bytesPerIteration)}, of which ${formatBytes(plan.bytesPerForward)} by each feature party`,
    ],
    ['Processes in an iteration', `${plan.processesPerIteration}, ${plan.chainDepth} after one another`],
    ['Expected time of the set-up', formatSeconds(plan.secondsAtStart)],
    ['Expected time of an iteration', formatSeconds(plan.secondsPerIteration)],
    [`Of ${counted(parameters.iterations, 'iteration')}`, formatSeconds(times(parameters.iterations, plan))],
    ['Times are those of', basis],
    ['Loss', plan.loss],
    ...plan.budgets.map(({ party, columns, openingsPerRow }): [string, string] => [
      `Openings for ${party}`,
      `${openingsPerRow.toFixed(4)} for each row, of ${counted(columns, 'column')}`,
    ]),
  ];
  return {
    json: { parameters, ...plan, timesAreThoseOf: basis },
    show(out, talk) {
      out.facts(rows);
      out.line('\nWho learns what:');
      for (const sentence of plan.leakage) out.line(`- ${sentence}`);
      for (const warning of plan.warnings) talk.line(`warning: ${warning}`);
    },
  };
}

function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

function times(count: number, { secondsPerIteration }: RunPlan): number | undefined {
  return secondsPerIteration === undefined ? undefined : count * secondsPerIteration;
}

function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined) return 'not measured';
  return `about ${formatDuration(Number(seconds.toPrecision(2)) * 1000)}`;
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

function formatBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}
