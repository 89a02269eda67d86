import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writePrivateFile } from '../../colony/private-files.ts';

/** What a party writes of one run for its own people; a directory that only they can enter. */
export interface RunFiles {
  readonly directory: string;
  pathOf(name: string): string;
  /** Writes a result, whole or not at all. */
  publish(name: string, text: string): void;
  /**
   * Appends to a log of which `keptBytes` are known to be right; what stands behind them came from a step that is done
   * again.
   *
   * @returns how long the log is now
   */
  append(name: string, keptBytes: number, text: string): Promise<number>;
  /** The text of a log or result; empty when there is none. */
  read(name: string): Promise<string>;
}

/**
 * The files of a run.
 *
 * @param root the party's directory
 * @param run a name that may stand in a path
 */
export function openRunFiles(root: string, run: string): RunFiles {
  const directory = join(root, run);
  const pathOf = (name: string): string => join(directory, name);
  return {
    directory,
    pathOf,
    publish: (name, text) => writePrivateFile(pathOf(name), text),
    append: (name, keptBytes, text) => appendTo(directory, pathOf(name), keptBytes, text),
    read: (name) => readFile(pathOf(name), 'utf8').catch(emptyWhenMissing),
  };
}

async function appendTo(directory: string, path: string, keptBytes: number, text: string): Promise<number> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = await open(path, 'a', 0o600);
  try {
    await file.truncate(keptBytes);
    await file.appendFile(text);
    await file.sync();
    return keptBytes + Buffer.byteLength(text);
  } finally {
    await file.close();
  }
}

function emptyWhenMissing(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
  throw error;
}
