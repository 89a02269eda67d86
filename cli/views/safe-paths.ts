import { lstat, mkdir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { toError, UserError } from '../../colony/errors.ts';
import { isWithin } from './files.ts';

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f/\\]/u;
/** On Windows, these make names of devices, streams or other drives. */
const UNSAFE_ON_WINDOWS = /[<>:"|?*]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$/iu;

/** Whether a name is that of a file right in a directory, wherever it comes from. */
export function isPlainName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || UNSAFE.test(name)) return false;
  return process.platform !== 'win32' || !UNSAFE_ON_WINDOWS.test(name);
}

/**
 * The directories that lead from one label down to another.
 *
 * @returns undefined when it does not lie below, or when one of them is no {@link isPlainName plain name}
 */
export function directoriesBetween(above: string, label: string): readonly string[] | undefined {
  if (!isWithin(label, above)) return undefined;
  const rest = label.slice(above.length).replace(/^\//u, '');
  const names = rest === '' ? [] : rest.split('/');
  return names.every(isPlainName) ? names : undefined;
}

/**
 * Makes the directories that lead down from a directory. A symbolic link among them is refused: it may lead anywhere.
 *
 * @param names plain names
 * @returns the path of the last one
 * @throws UserError when one cannot be made, or is something else
 */
export async function makeDirectories(directory: string, names: readonly string[]): Promise<string> {
  let path = await openDirectory(directory);
  for (const name of names) {
    path = join(path, name);
    await makeDirectory(path);
  }
  return path;
}

/** The directory that the user named may be reached through links. */
async function openDirectory(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true });
    return await realpath(directory);
  } catch (thrown) {
    throw new UserError(`${directory}: expected a directory, got "${toError(thrown).message}"`, { cause: thrown });
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (thrown) {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return;
    const got = found === undefined ? `"${toError(thrown).message}"` : 'something else';
    throw new UserError(`${path}${sep}: expected a directory, no link to one, got ${got}`, { cause: thrown });
  }
}
