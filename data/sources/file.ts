import { access, constants, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { DataError } from '../errors.ts';

/** How a file is called in logs and errors: by its name, because its folders may tell about their owner. */
export function describeFile(kind: string, path: string): string {
  return `${kind} file ${basename(path)}`;
}

/**
 * Checks that a file is there to be read.
 *
 * @throws DataError `SOURCE_MISSING`
 */
export async function requireFile(path: string, description: string): Promise<void> {
  const problem = await fileProblem(path);
  if (problem !== undefined) {
    throw new DataError(
      'SOURCE_MISSING',
      `${description}: ${problem}; correct the path ("source.path" of a configuration, --source of a command), or the file's permissions`,
    );
  }
}

async function fileProblem(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.R_OK);
    return (await stat(path)).isFile() ? undefined : 'not a regular file';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    return `cannot be read (${code})`;
  }
}
