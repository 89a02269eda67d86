import { ConnectionError, ServerError } from '../../colony/errors.ts';
import { call } from '../../colony/message-batches.ts';
import { type FunctionSpec, Process, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { EXIT_CODES } from '../command.ts';
import type { Connection, Context } from '../framework/context.ts';
import { describeError } from '../framework/refusals.ts';
import type { Report } from '../framework/report.ts';
import { printableLine } from '../framework/text.ts';
import { toWire } from './wire.ts';

/** A function that was not submitted, as far as is known. */
interface Failure {
  /** Its place in the list, from 0. */
  readonly index: number;
  readonly error: Error;
}

/**
 * Submits functions in as few requests as the server takes, and reports which of them were.
 *
 * @throws ConnectionError when the connection was lost before any was known to be
 */
export async function submitAll(
  { client }: Connection,
  specs: readonly FunctionSpec[],
  { io }: Context,
): Promise<Report> {
  const calls = specs.map((spec) => call(submitFunctionSpec, { spec }));
  const outcomes = await client.batch(calls, { signal: io.signal });
  const submitted = outcomes.flatMap(({ reply }) => reply ?? []);
  const failures = outcomes.flatMap(({ error }, index) => (error === undefined ? [] : [{ index, error }]));
  const [first] = failures;
  if (submitted.length === 0 && first?.error instanceof ConnectionError) throw first.error;
  return reportOf(submitted, failures);
}

function reportOf(submitted: readonly Process[], failures: readonly Failure[]): Report {
  const count = submitted.length + failures.length;
  return {
    json: { submitted: submitted.map((process) => toWire(Process, process)), refused: failures.map(toJson) },
    show(out, talk) {
      talk.line(
        failures.length === 0
          ? `Processes submitted: ${count}`
          : `Processes submitted: ${submitted.length} of ${count}`,
      );
      for (const { processId } of submitted) out.line(processId);
      for (const failure of failures.slice(0, MAX_SHOWN)) talk.line(lineOf(failure));
      if (failures.length > MAX_SHOWN) talk.line(`... and ${failures.length - MAX_SHOWN} more, which --json lists`);
    },
    exitCode: failures.length === 0 ? EXIT_CODES.success : EXIT_CODES.error,
  };
}

const MAX_SHOWN = 20;

function lineOf({ index, error }: Failure): string {
  return `$[${index}]: ${printableLine(describeError(error))}`;
}

function toJson({ index, error }: Failure): object {
  const status = error instanceof ServerError ? error.status : undefined;
  return { index, status, message: describeError(error) };
}
