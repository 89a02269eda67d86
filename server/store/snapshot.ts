import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Database } from './database.ts';

/** The whole database as it was at one moment, in a file without a name that vanishes with it. */
interface Snapshot extends AsyncDisposable {
  readonly byteCount: number;
  /** SHA-256 of its bytes. */
  readonly digest: Buffer;
  /** Its bytes, once. */
  read(): Readable;
}

/** Takes snapshots of one open database. */
export interface Snapshots {
  /**
   * Copies the database while it goes on working; needs as much free space as it has bytes.
   *
   * @throws Error of the system when there is no room beside the database; `Error` when it is closed meanwhile
   */
  take(): Promise<Snapshot>;
  /** To be called after the database was closed. */
  close(): Promise<void>;
}

/** So much is copied at a time: hashing it delays other work by a fraction of a millisecond. */
const CHUNK_BYTES = 256 * 1024;

/**
 * SQLite's own ways of copying need a second connection, which the exclusive lock keeps out, or stop everything for as
 * long as they take. But in WAL mode the main file changes only when a checkpoint writes it: after one it holds
 * everything, and without further ones it can be copied while commits go to the log.
 */
export function createSnapshots(database: Database, path: string): Snapshots {
  let source: FileHandle | undefined;
  let isClosed = false;
  let last: Promise<unknown> = Promise.resolve();

  const copyInto = async (target: FileHandle): Promise<Omit<Snapshot, 'read' | typeof Symbol.asyncDispose>> => {
    // Closing a handle would drop the locks that SQLite holds on the file (POSIX), so one is kept for all snapshots.
    source ??= await open(path, 'r');
    const hash = createHash('sha256');
    const { size: byteCount } = await source.stat();
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let position = 0; position < byteCount;) {
      if (isClosed) throw new Error('snapshot: the database was closed');
      const { bytesRead } = await source.read(chunk, 0, Math.min(CHUNK_BYTES, byteCount - position), position);
      if (bytesRead === 0) throw new Error('snapshot: the database became shorter');
      const read = chunk.subarray(0, bytesRead);
      hash.update(read);
      await target.appendFile(read);
      position += bytesRead;
    }
    return { byteCount, digest: hash.digest() };
  };

  const take = async (): Promise<Snapshot> => {
    const target = await openNameless(path);
    try {
      const resume = holdCheckpoints(database);
      try {
        const copy = await copyInto(target);
        return {
          ...copy,
          read: () => target.createReadStream({ start: 0, autoClose: false }),
          [Symbol.asyncDispose]: () => target.close(),
        };
      } finally {
        if (!isClosed) resume();
      }
    } catch (thrown) {
      await target.close();
      throw thrown;
    }
  };

  return {
    take() {
      const taken = last.then(take);
      last = taken.catch(() => undefined);
      return taken;
    },
    async close() {
      isClosed = true;
      await last;
      await source?.close();
    },
  };
}

/** Brings the main file up to date and keeps it so; gives back what lets checkpoints happen again. */
function holdCheckpoints(database: Database): () => void {
  const before = database.get<{ wal_autocheckpoint: number }>('PRAGMA wal_autocheckpoint')?.wal_autocheckpoint ?? 1000;
  database.get('PRAGMA wal_autocheckpoint = 0');
  const resume = (): void => void database.get(`PRAGMA wal_autocheckpoint = ${before}`);
  const done = database.get<{ busy: number }>('PRAGMA wal_checkpoint(TRUNCATE)');
  if (done?.busy === 0) return resume;
  resume();
  throw new Error('snapshot: the log of the database could not be written back');
}

/** A file beside the database that only this process can reach: gone with it, however it ends. */
async function openNameless(path: string): Promise<FileHandle> {
  const name = `${path}.snapshot-${randomBytes(6).toString('hex')}`;
  const handle = await open(name, 'wx+', 0o600);
  await rm(name);
  return handle;
}
