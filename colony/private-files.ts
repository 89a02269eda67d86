import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { toError, UserError } from './errors.ts';

/** Windows keeps access rights elsewhere; its modes say nothing. */
const HAS_MODES = process.platform !== 'win32';

/**
 * Reads a file that holds secrets.
 *
 * @returns its text, or undefined when there is no such file
 * @throws UserError when others than the owner may read it, or it cannot be read
 */
export function readPrivateFile(path: string): string | undefined {
  try {
    requirePrivate(path);
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    if (thrown instanceof UserError) throw thrown;
    throw new UserError(`${path}: expected a readable file, got "${toError(thrown).message}"`, { cause: thrown });
  }
}

/** Writes a file that only its owner can read, whole or not at all, in a directory that is made where missing. */
export function writePrivateFile(path: string, text: string): void {
  makePrivateDirectory(dirname(path));
  try {
    writeWholeFile(path, text, { mode: 0o600, overwrite: true });
  } catch (thrown) {
    throw new UserError(`${path}: expected to write it, got "${toError(thrown).message}"`, { cause: thrown });
  }
}

/**
 * Writes beside a file and moves the result there, so that nobody ever sees half of it. It is on the disk when this
 * returns.
 *
 * @param options.overwrite whether to replace a file that exists
 * @throws the system's error; `EEXIST` for a file that exists and may not be replaced, also when it has just appeared
 */
export function writeWholeFile(
  path: string,
  text: string,
  { mode, overwrite }: { readonly mode: number; readonly overwrite: boolean },
): void {
  const unfinished = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(unfinished, text, { mode, flag: 'wx', flush: true });
    // The mode of a new file passes through the process's umask, which may have taken rights away that were meant.
    chmodSync(unfinished, mode);
    // A link, unlike a move, never replaces a file.
    if (overwrite) renameSync(unfinished, path);
    else linkSync(unfinished, path);
    syncDirectory(dirname(path));
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** Puts a file's name on the disk, too. Windows cannot open directories. */
function syncDirectory(path: string): void {
  if (!HAS_MODES) return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * Makes a directory, where it is missing, that only its owner can enter. An existing one keeps its mode.
 *
 * @throws UserError when there is something else of that name, or it cannot be made
 */
function makePrivateDirectory(path: string): void {
  try {
    const firstMade = mkdirSync(path, { recursive: true, mode: 0o700 });
    if (firstMade !== undefined) chmodSync(path, 0o700);
  } catch (thrown) {
    throw new UserError(
      `${path}: expected a directory, or that one can be made, got "${toError(thrown).message}"; choose another one`,
      { cause: thrown },
    );
  }
}

/**
 * Makes a directory that only its owner can enter; one that exists and others can enter is closed to them.
 *
 * @param mayClose told the names of the files in it: whether others have no business there
 * @throws UserError when it cannot be made, or others can enter it and it may not be closed
 */
export function closeDirectory(path: string, mayClose: (names: readonly string[]) => boolean): void {
  makePrivateDirectory(path);
  const { mode } = statSync(path);
  if (!HAS_MODES || (mode & 0o077) === 0) return;
  if (!mayClose(readdirSync(path)) || !tryToClose(path)) {
    throw new UserError(
      `${path}: expected a directory that only its owner can enter, got mode ${(mode & 0o777).toString(8)}; ` +
        `run "chmod 700 ${path}", or choose another one`,
    );
  }
}

function tryToClose(path: string): boolean {
  try {
    chmodSync(path, 0o700);
    return true;
  } catch {
    return false;
  }
}

function requirePrivate(path: string): void {
  const { mode } = statSync(path);
  if (!HAS_MODES || (mode & 0o077) === 0) return;
  throw new UserError(
    `${path}: expected a file that only its owner can read, got mode ${(mode & 0o777).toString(8)}; ` +
      `run "chmod 600 ${path}", and make new keys if somebody else may have read it`,
  );
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
}
