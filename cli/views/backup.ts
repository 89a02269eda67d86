import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ServerAddress } from '../../colony/address.ts';
import { requestBackup } from '../../colony/backup.ts';
import { toError, UserError } from '../../colony/errors.ts';
import type { Identity } from '../../colony/identity.ts';
import { type BackupFacts, inspectBackup } from '../../server/store/backup-file.ts';

/** A backup in its file. */
export interface SavedBackup extends BackupFacts {
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
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
  const backup = await requestBackup(server, identity, signal);
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const digest = await write(draft, backup.bytes, signal);
    if (!digest.equals(backup.digest)) {
      throw new UserError('server backup: expected the bytes the server sent, got others; try again');
    }
    const facts = inspectBackup(draft);
    const sha256 = await digestOf(draft);
    await rename(draft, path);
    return { ...facts, sha256 };
  } finally {
    await rm(draft, { force: true });
  }
}

/** Writes bytes as they come, to the disk; gives back their SHA-256. */
async function write(path: string, bytes: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<Buffer> {
  const hash = createHash('sha256');
  await using file = await create(path);
  const reader = Readable.fromWeb(bytes, { signal });
  for await (const chunk of reader) {
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
