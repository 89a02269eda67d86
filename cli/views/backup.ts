import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ServerAddress } from '../../colony/address.ts';
import { type Backup, requestBackup } from '../../colony/backup.ts';
import { ServerError, toError, UserError } from '../../colony/errors.ts';
import type { Identity } from '../../colony/identity.ts';
import { BLOB_FILE, type BackupFacts, inspectBackup } from '../../server/store/backup-file.ts';
import { isIntact, type KnownBlob } from '../../server/store/blob-copies.ts';

/** A backup in its file. */
export interface SavedBackup extends BackupFacts {
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
  /** The blobs that the server has lost, or has damaged; the others lie beside the file, in `<path>.blobs`. */
  readonly missingBlobs: readonly KnownBlob[];
}

/**
 * Gets a server's database into a file that only its owner can read, and its blobs into a directory beside it. The file
 * gets its name once everything is whole and on the disk, so that a former backup of that name is complete until then.
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
    const { bytes, digest } = await ask();
    const received = await write(draft, bytes, signal);
    if (digest?.equals(received) !== true) {
      throw new UserError('server backup: expected the bytes the server sent, got others; try again');
    }
    const facts = inspectBackup(draft);
    const sha256 = await digestOf(draft);
    const missingBlobs = await saveBlobs(facts.blobs, `${path}.blobs`, ask, signal);
    await rename(draft, path);
    await removeOthers(`${path}.blobs`, facts.blobs);
    return { ...facts, sha256, missingBlobs };
  } finally {
    await rm(draft, { force: true });
  }
}

/** Gets what is not there yet, intact: files of blobs never change. Gives back what the server does not have intact. */
async function saveBlobs(
  blobs: readonly KnownBlob[],
  directory: string,
  ask: (file: string) => Promise<Backup>,
  signal: AbortSignal,
): Promise<readonly KnownBlob[]> {
  if (blobs.length > 0) await mkdir(directory, { recursive: true, mode: 0o700 });
  const missing: KnownBlob[] = [];
  for (const blob of blobs) {
    const target = join(directory, blob.fileName);
    const isThere = isIntact(target, blob) || (await saveBlob(target, blob, ask, signal));
    if (!isThere) missing.push(blob);
  }
  return missing;
}

async function saveBlob(
  target: string,
  blob: KnownBlob,
  ask: (file: string) => Promise<Backup>,
  signal: AbortSignal,
): Promise<boolean> {
  const draft = `${target}.partial`;
  try {
    await rm(draft, { force: true });
    const { bytes } = await ask(blob.fileName);
    const received = await write(draft, bytes, signal);
    if (received.toString('hex') !== blob.digest) return false;
    await rename(draft, target);
    return true;
  } catch (thrown) {
    signal.throwIfAborted();
    if (isLost(thrown)) return false;
    throw thrown;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Whether the server does not have a blob, or broke off in the middle because it cannot read it. */
function isLost(thrown: unknown): boolean {
  return (thrown instanceof ServerError && thrown.status === 404) || toError(thrown).message === 'terminated';
}

/** Removes what an earlier backup of the same name has left. */
async function removeOthers(directory: string, blobs: readonly KnownBlob[]): Promise<void> {
  const wanted = new Set(blobs.map(({ fileName }) => fileName));
  const names = existsSync(directory) ? await readdir(directory) : [];
  const others = names.filter((name) => BLOB_FILE.test(name.replace('.partial', '')) && !wanted.has(name));
  for (const name of others) await rm(join(directory, name), { force: true });
}

/** Writes bytes as they come, to the disk; gives back their SHA-256. */
async function write(path: string, bytes: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<Buffer> {
  const hash = createHash('sha256');
  await using file = await create(path);
  for await (const chunk of Readable.fromWeb(bytes, { signal })) {
    hash.update(chunk);
    await file.appendFile(chunk);
  }
  await file.sync();
  return hash.digest();
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
