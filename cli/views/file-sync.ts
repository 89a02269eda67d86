import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { toError, UserError } from '../../colony/errors.ts';
import type { Connection } from '../framework/context.ts';
import { directoriesBetween, isPlainName } from './safe-paths.ts';

/** What a directory of this machine and a label of the colony need to hold the same files. */
export interface SyncPlan {
  readonly steps: readonly SyncStep[];
  /** What is left out, in words for people. */
  readonly warnings: readonly string[];
}

/** What is done with one file. */
export interface SyncStep {
  /** `replace…`: both have the file, with other bytes. */
  readonly action: 'upload' | 'download' | 'replace-remote' | 'replace-local';
  readonly label: string;
  /** Directories between the synchronized one and the file. */
  readonly directories: readonly string[];
  readonly name: string;
  readonly sizeBytes: number;
}

/** What is synchronized. */
export interface SyncTarget {
  readonly directory: string;
  readonly label: string;
  /** Whose version counts where both differ. */
  readonly keepLocal: boolean;
}

/** A file of the colony, newest revision. */
interface RemoteFile {
  readonly checksum: string;
  readonly sizeBytes: number;
}

/** One directory on both sides; files by name. */
interface Level {
  readonly label: string;
  readonly directories: readonly string[];
  readonly remote: ReadonlyMap<string, RemoteFile>;
}

/**
 * Compares a directory with a label, and what lies below them. Names of the colony that are none of files in a directory
 * are left out with a warning, and so is what is no regular file here: links are not followed.
 *
 * @throws UserError when the directory cannot be read
 */
export async function planSync(connection: Connection, target: SyncTarget, signal: AbortSignal): Promise<SyncPlan> {
  const steps: SyncStep[] = [];
  const warnings: string[] = [];
  const remoteLevels = await readRemote(connection, target.label, warnings, signal);
  const local = await readLocal(target.directory, warnings);
  const paths = new Set([...remoteLevels.keys(), ...local.keys()]);
  for (const path of [...paths].toSorted()) {
    signal.throwIfAborted();
    const level = remoteLevels.get(path) ?? levelOf(target.label, path);
    steps.push(...(await planLevel(level, local.get(path) ?? new Map(), target, signal)));
  }
  return { steps, warnings };
}

async function planLevel(
  { label, directories, remote }: Level,
  local: ReadonlyMap<string, LocalEntry>,
  { directory, keepLocal }: SyncTarget,
  signal: AbortSignal,
): Promise<SyncStep[]> {
  const steps: SyncStep[] = [];
  for (const name of [...new Set([...local.keys(), ...remote.keys()])].toSorted()) {
    const [here, there] = [local.get(name), remote.get(name)];
    const add = (action: SyncStep['action'], sizeBytes: number): void =>
      void steps.push({ action, label, directories, name, sizeBytes });
    // What is no file stands in the way: it is left alone, and the colony's file with it.
    if (here === 'other') continue;
    if (here === undefined) add('download', there?.sizeBytes ?? 0);
    else if (there === undefined) add('upload', here.sizeBytes);
    else if (await differ(join(directory, ...directories, name), here, there, signal)) {
      add(keepLocal ? 'replace-remote' : 'replace-local', keepLocal ? here.sizeBytes : there.sizeBytes);
    }
  }
  return steps;
}

async function differ(
  path: string,
  { sizeBytes }: { readonly sizeBytes: number },
  there: RemoteFile,
  signal: AbortSignal,
): Promise<boolean> {
  return sizeBytes !== there.sizeBytes || (await digestOfFile(path, signal)) !== there.checksum.toLowerCase();
}

async function digestOfFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash, { signal });
  } catch (thrown) {
    signal.throwIfAborted();
    throw new UserError(`${path}: expected a readable file, got "${toError(thrown).message}"`, { cause: thrown });
  }
  return hash.digest('hex');
}

async function readRemote(
  { client, colonyName }: Connection,
  label: string,
  warnings: string[],
  signal: AbortSignal,
): Promise<Map<string, Level>> {
  const prefix = label === '/' ? '' : label;
  const found = await client.getFileLabels({ colonyName, name: prefix, exact: false }, { signal });
  const levels = new Map<string, Level>();
  for (const { name: below } of found) {
    const directories = directoriesBetween(label, below);
    // Servers that match beginnings also find "/data2" for "/data".
    if (directories === undefined) {
      if (below.startsWith(`${prefix}/`)) warnings.push(`label ${quote(below)}: leads to no directory; left out`);
      continue;
    }
    const files = await client.getFiles({ colonyName, label: below }, { signal });
    const remote = new Map<string, RemoteFile>();
    for (const { name, checksum, sizeBytes } of files) {
      if (isPlainName(name)) remote.set(name, { checksum, sizeBytes });
      else warnings.push(`file ${quote(name)} of label ${quote(below)}: no name of a file; left out`);
    }
    levels.set(directories.join('/'), { label: below, directories, remote });
  }
  return levels;
}

function levelOf(label: string, path: string): Level {
  const directories = path === '' ? [] : path.split('/');
  return { label: [label === '/' ? '' : label, ...directories].join('/') || '/', directories, remote: new Map() };
}

/** A regular file, or something else that has its name. */
type LocalEntry = { readonly sizeBytes: number } | 'other';

/** Left behind by a download that was killed. */
const PARTIAL = /\.[0-9a-f]{16}\.partial$/u;

/** The files below a directory, by the path of their directory and their name. A missing directory is empty. */
async function readLocal(directory: string, warnings: string[]): Promise<Map<string, Map<string, LocalEntry>>> {
  const levels = new Map<string, Map<string, LocalEntry>>();
  const left: (readonly string[])[] = [[]];
  for (let directories = left.pop(); directories !== undefined; directories = left.pop()) {
    const entries = new Map<string, LocalEntry>();
    levels.set(directories.join('/'), entries);
    for (const { name, kind, sizeBytes } of await readDirectory(join(directory, ...directories))) {
      const shown = [...directories, name].join('/');
      if (PARTIAL.test(name)) continue;
      if (!isPlainName(name)) warnings.push(`${quote(shown)}: no name for a file of the colony; left out`);
      else if (kind === 'directory') left.push([...directories, name]);
      else entries.set(name, kind === 'file' ? { sizeBytes } : 'other');
      if (kind === 'other') warnings.push(`${quote(shown)}: neither a file nor a directory; left out`);
    }
  }
  return levels;
}

interface DirectoryEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
}

async function readDirectory(path: string): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  try {
    for await (const { name } of await opendir(path)) {
      const found = await lstat(join(path, name));
      const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
      entries.push({ name, kind, sizeBytes: found.size });
    }
  } catch (thrown) {
    const error: Error & { readonly code?: unknown } = toError(thrown);
    if (error.code === 'ENOENT') return entries;
    throw new UserError(`${path}: expected a readable directory, got "${error.message}"`, { cause: thrown });
  }
  return entries;
}

function quote(name: string): string {
  return JSON.stringify(name);
}
