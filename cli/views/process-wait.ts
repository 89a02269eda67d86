import { Process } from '../../colony/messages/processes.ts';
import { waitForProcess } from '../../colony/subscription.ts';
import { EXIT_CODES } from '../command.ts';
import type { Connection, Context } from '../framework/context.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';
import type { Report } from '../framework/report.ts';
import { formatValue, indentRest, printableLine } from '../framework/text.ts';
import { keepCompanyWith } from './company.ts';
import { followLogs } from './logs.ts';
import { toWire } from './wire.ts';

/** How to stay with a process that was submitted. */
export interface StayArguments {
  readonly wait: boolean;
  readonly out: boolean;
  readonly follow: boolean;
}

/** Reports a submitted process: at once, or when it has finished. */
export async function reportSubmitted(
  connection: Connection,
  submitted: Process,
  args: StayArguments,
  context: Context,
): Promise<Report> {
  const { processId } = submitted;
  if (!args.wait && !args.out && !args.follow)
    return { json: toWire(Process, submitted), show: (out) => out.line(processId) };
  context.say(`Process submitted: ${processId}`);
  const process = await keepCompanyWith(connection, processId, context, () =>
    waitForSubmitted(connection, submitted, args, context),
  );
  return args.out ? outputReport(process) : finishedReport(process);
}

async function waitForSubmitted(
  { client }: Connection,
  { processId, spec }: Process,
  { follow }: StayArguments,
  { io: { signal }, say }: Context,
): Promise<Process> {
  if (follow) {
    const source = { processId, executorName: '' };
    await followLogs(client, spec.conditions.colonyName, source, signal, ({ message }) => say(indentRest(message)));
  }
  return waitForProcess(client, { processId, signal, retry: { forMs: PATIENT_BRIDGE_MS } });
}

/** Reports how a process ended, and its errors. */
export function finishedReport(process: Process): Report {
  return {
    json: toWire(Process, process),
    show(out, talk) {
      out.line(process.processId);
      talk.line(endOf(process));
    },
    exitCode: exitCodeOf(process),
  };
}

/** Reports the output of a process, one line per element. */
export function outputReport(process: Process): Report {
  return {
    json: process.output,
    show(out, talk) {
      for (const value of process.output) out.line(formatValue(value));
      if (process.state !== 'success') talk.line(endOf(process));
    },
    exitCode: exitCodeOf(process),
  };
}

function exitCodeOf({ state }: Process): number {
  return state === 'failed' || state === 'cancelled' ? EXIT_CODES.failedWork : EXIT_CODES.success;
}

function endOf({ processId, state, errors }: Process): string {
  const reasons = errors.map((error) => `\n  ${printableLine(error)}`).join('');
  return state === 'success' ? 'Process successful' : `Process ${processId}: ${state}${reasons}`;
}
