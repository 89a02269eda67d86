import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ServerAddress } from '../../colony/address.ts';
import { type Backup, requestBackup } from '../../colony/backup.ts';
import { ServerError, toError, UserError } from '../../colony/errors.ts';
import type { Identity } from '../../colony/identity.ts';
import { type BackupFacts, inspectBackup } from '../../server/store/backup-file.ts';

/** A backup in its file. */
export interface SavedBackup extends BackupFacts {
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
  /** How many blobs lie beside it, in `<path>.blobs`. */
  readonly blobCount: number;
}

/**
 * Gets a server's database into a file that only its owner can read. It gets its name once it is whole and on the disk.
 *
 * @throws UserError when it cannot be written, or what arrived is damaged; ServerError and ConnectionError of the request
 */
export async function saveBackup(
  server: ServerAddress,
  identity: Identity,
  path: string,
  signal: AbortSignal,
): Promise<SavedBackup> {
  const ask = (file?: string): Promise<Backup> => requestBackup(server, identity, signal, file);
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await write(draft, await ask(), signal);
    const facts = inspectBackup(draft);
    const sha256 = await digestOf(draft);
    const blobCount = await saveBlobs(facts.blobFiles, `${path}.blobs`, ask, signal);
    await rename(draft, path);
    return { ...facts, sha256, blobCount };
  } finally {
    await rm(draft, { force: true });
  }
}

/** Gets what is not there yet: files of blobs never change. Those that have been removed since are of no more use. */
async function saveBlobs(
  files: readonly string[],
  directory: string,
  ask: (file: string) => Promise<Backup>,
  signal: AbortSignal,
): Promise<number> {
  if (files.length === 0) return 0;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let count = 0;
  for (const file of files) {
    const target = join(directory, file);
    const isThere = existsSync(target) || (await saveBlob(target, () => ask(file), signal));
    if (isThere) count += 1;
  }
  return count;
}

async function saveBlob(target: string, ask: () => Promise<Backup>, signal: AbortSignal): Promise<boolean> {
  const draft = `${target}.partial`;
  try {
    await rm(draft, { force: true });
    await write(draft, await ask(), signal);
    await rename(draft, target);
    return true;
  } catch (thrown) {
    if (thrown instanceof ServerError && thrown.status === 404) return false;
    throw thrown;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Writes what arrives, to the disk, and compares it with what was sent. */
async function write(path: string, { bytes, digest }: Backup, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  await using file = await create(path);
  for await (const chunk of Readable.fromWeb(bytes, { signal })) {
    hash.update(chunk);
    await file.appendFile(chunk);
  }
  await file.sync();
  if (hash.digest().equals(digest)) return;
  throw new UserError('server backup: expected the bytes the server sent, got others; try again');
}

async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (thrown) {
    throw new UserError(`${path}: expected to write a backup, got "${toError(thrown).message}"`, { cause: thrown });
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
