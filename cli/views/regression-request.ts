import { UserError } from '../../colony/errors.ts';
import { readTrainingRequest, type TrainingRequest } from '../../executors/regression/training.ts';
import { isObject } from '../../workflows/function-spec.ts';
import { parseJson } from '../../colony/json-text.ts';

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
