import type { RunParameters } from '../../executors/regression/parameters.ts';
import type { RunPlan } from '../../executors/regression/plan.ts';
import type { Report } from '../framework/report.ts';

/** A plan for people and programs. */
export function planReport(parameters: RunParameters, plan: RunPlan): Report {
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
    ['Expected time of an iteration', formatSeconds(plan.secondsPerIteration)],
    ['Loss', plan.loss],
    ...plan.budgets.map(({ party, columns, openingsPerRow }): [string, string] => [
      `Openings for ${party}`,
      `${openingsPerRow.toFixed(4)} for each row, of ${counted(columns, 'column')}`,
    ]),
  ];
  return {
    json: { parameters, ...plan },
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

function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined) return 'not measured';
  return seconds < 1 ? `${Math.ceil(seconds * 1000)} ms of computing` : `${seconds.toFixed(1)} s of computing`;
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

function formatBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}
