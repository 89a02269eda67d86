import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { toError, UserError } from '../../colony/errors.ts';
import type { Io } from './io.ts';

/**
 * Reads a JSON file that the user named.
 *
 * @returns its text, which may be anything
 * @throws UserError when it cannot be read
 */
export async function readJsonText({ cwd }: Io, file: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, file), 'utf8');
  } catch (thrown) {
    throw new UserError(`${file}: expected a readable JSON file, got "${toError(thrown).message}"`, { cause: thrown });
  }
}
