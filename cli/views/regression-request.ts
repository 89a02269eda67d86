import type { Executor } from '../../colony/messages/executors.ts';
import { UserError } from '../../colony/errors.ts';
import { readTrainingRequest, type TrainingRequest } from '../../executors/regression/training.ts';
import { isObject } from '../../workflows/function-spec.ts';
import { parseJson } from '../../colony/json-text.ts';
import type { Connection } from '../framework/context.ts';

/**
 * A party that nobody has started would be waited for without an end, and two with one name would take turns.
 *
 * @throws UserError
 */
export async function requireDaemons(
  { client, colonyName }: Pick<Connection, 'client' | 'colonyName'>,
  parties: readonly string[],
): Promise<void> {
  const executors = await client.getExecutors({ colonyName });
  const known = new Set(executors.flatMap(({ executorType, state }) => (state === 'approved' ? [executorType] : [])));
  const absent = parties.filter((party) => !known.has(party));
  if (absent.length > 0) {
    throw new UserError(
      `parties: expected an approved executor for each, got none of type ${absent.join(', ')}; start their daemons with "colonies executor start regression-…", or mend the names`,
    );
  }
  for (const party of parties) requireOneKey(party, executors);
}

function requireOneKey(party: string, executors: readonly Executor[]): void {
  const own = executors.filter(({ executorType, state }) => executorType === party && state === 'approved');
  if (new Set(own.map(({ executorId }) => executorId)).size === 1) return;
  throw new UserError(
    `${party}: expected one party of that name, got the executors ${own.map(({ executorName }) => executorName).join(', ')} with keys of their own; ` +
      'stop the wrong ones, remove those that are gone with "colonies executor remove", or give one party another name',
  );
}

/**
 * Reads a request from the text of a file.
 *
 * @param run a name that replaces the file's
 * @throws UserError naming the field that is wrong
 */
export function loadRequest(text: string, file: string, run: string | undefined): TrainingRequest {
  const document = parseJson(text, file);
  if (!isObject(document)) throw new UserError(`${file}: expected one object with run, label, features and model`);
  try {
    return readTrainingRequest(JSON.stringify(run === undefined ? document : { ...document, run }));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new UserError(`${file}: ${error.message}`, { cause: error });
  }
}
