import type { Database } from '../store/database.ts';
import type { Transaction } from '../transaction.ts';

/** What the database knows of blobs. Each belongs to one colony: two that hold the same bytes hold two files. */

/** One row of `blobs`. */
export interface BlobRow {
  readonly blob_id: number;
  readonly digest: string;
  readonly bytes: number;
  readonly file_name: string;
}

/** The blob of a colony, if it has it. */
export function findBlob(database: Database, colonyName: string, digest: string): BlobRow | undefined {
  return database.get<BlobRow>(
    'SELECT blob_id, digest, bytes, file_name FROM blobs WHERE colony_name = ? AND digest = ?',
    colonyName,
    digest,
  );
}

/** What the blobs of a colony take, in bytes. */
export function bytesOfColony(database: Database, colonyName: string): number {
  const row = database.get<{ total: number }>(
    'SELECT coalesce(sum(bytes), 0) AS total FROM blobs WHERE colony_name = ?',
    colonyName,
  );
  return row?.total ?? 0;
}

/** Whether a file belongs to a blob. */
export function isFileKnown(database: Database, fileName: string): boolean {
  return database.get('SELECT 1 FROM blobs WHERE file_name = ?', fileName) !== undefined;
}

/** A blob that is to be known. */
export interface NewBlob {
  readonly colonyName: string;
  readonly digest: string;
  readonly bytes: number;
  readonly fileName: string;
}

/**
 * Makes a blob known, held by nobody yet for all this knows: its time of grace begins. When several upload the same, the
 * first file stays, which somebody may be reading.
 *
 * @param hasFile whether a file is still there
 * @returns the file of which there is no use: the new one, or one that has been lost
 */
export function putBlob(
  transaction: Transaction,
  blob: NewBlob,
  hasFile: (fileName: string) => boolean,
): string | undefined {
  const { database, nowMs } = transaction;
  const { colonyName, digest, bytes, fileName } = blob;
  const known = findBlob(database, colonyName, digest)?.file_name;
  if (known !== undefined && hasFile(known)) {
    renewBlob(transaction, colonyName, digest);
    return fileName;
  }
  database.run(
    `INSERT INTO blobs (colony_name, digest, bytes, file_name, idle_since_ms) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (colony_name, digest) DO UPDATE SET file_name = excluded.file_name, idle_since_ms = excluded.idle_since_ms`,
    colonyName,
    digest,
    bytes,
    fileName,
    nowMs,
  );
  return known;
}

/** Begins the time of grace of a blob anew: somebody has just uploaded it again. */
export function renewBlob({ database, nowMs }: Transaction, colonyName: string, digest: string): boolean {
  const changed = database.run(
    'UPDATE blobs SET idle_since_ms = ? WHERE colony_name = ? AND digest = ?',
    nowMs,
    colonyName,
    digest,
  );
  return changed > 0;
}

interface Candidate extends BlobRow {
  readonly idle_since_ms: number | null;
  readonly is_held: number;
}

const BLOBS_PER_ROUND = 500;

/**
 * Looks at some blobs, those after the one it looked at last, and forgets those that nobody has held for the time of
 * grace. Some only, so that a round takes about as long however many there are.
 *
 * @param afterId where the last round ended
 * @returns where this one ended (0: at the end), and the files that are of no more use once this is durable
 */
export function collectIdle(
  { database, nowMs }: Transaction,
  afterId: number,
  graceMs: number,
): { readonly endId: number; readonly fileNames: readonly string[] } {
  const candidates = database.all<Candidate>(
    `SELECT blob_id, digest, bytes, file_name, idle_since_ms, EXISTS (SELECT 1 FROM blob_references
       WHERE blob_references.colony_name = blobs.colony_name AND blob_references.digest = blobs.digest) AS is_held
     FROM blobs WHERE blob_id > ? ORDER BY blob_id LIMIT ${BLOBS_PER_ROUND}`,
    afterId,
  );
  const fileNames: string[] = [];
  for (const blob of candidates) {
    if (blob.is_held === 1) setIdleSince(database, blob, null);
    else if (blob.idle_since_ms === null) setIdleSince(database, blob, nowMs);
    else if (blob.idle_since_ms <= nowMs - graceMs) {
      database.run('DELETE FROM blobs WHERE blob_id = ?', blob.blob_id);
      fileNames.push(blob.file_name);
    }
  }
  const isEnd = candidates.length < BLOBS_PER_ROUND;
  return { endId: isEnd ? 0 : (candidates.at(-1)?.blob_id ?? 0), fileNames };
}

function setIdleSince(database: Database, { blob_id, idle_since_ms }: Candidate, idleSinceMs: number | null): void {
  if (idle_since_ms === idleSinceMs) return;
  database.run('UPDATE blobs SET idle_since_ms = ? WHERE blob_id = ?', idleSinceMs, blob_id);
}
