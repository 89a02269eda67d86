import { MAX_BLOB_REFERENCES } from './limits.ts';
import { Refusal } from '../refusal.ts';
import type { Transaction } from '../transaction.ts';

/** Who holds which blob: processes, by what they were given and have produced, and files. */

/**
 * The cheap test: what lacks this text names no blob. It begins with a character that base64 does not have, so that long
 * values are searched in a thirtieth of the time.
 */
const MARK = '"sha256:';
/** A blob's name as a member `blob` of an object; in JSON within JSON the quotes are escaped, once or more often. */
const NAMED = /"blob\\*"\s{0,8}:\s{0,8}\\*"sha256:([0-9a-f]{64})\\*"/gu;

/**
 * The digests of the blobs that a JSON text names as `{"blob": "sha256:…"}`, at whatever depth, also in JSON within its
 * texts. Texts that name none cost one search for a fixed word.
 */
export function blobsNamedIn(json: string): ReadonlySet<string> {
  if (!json.includes(MARK)) return NONE;
  return new Set(Array.from(json.matchAll(NAMED), ([, digest = '']) => digest));
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Lets a process hold the blobs that a JSON text of it names, until it is removed.
 *
 * @param json its spec, input or output, as it is stored
 * @throws Refusal 400 when the text names too many
 */
export function holdBlobs(transaction: Transaction, processId: string, json: string): void {
  const digests = blobsNamedIn(json);
  if (digests.size > MAX_BLOB_REFERENCES) {
    throw new Refusal(400, `Expected at most ${MAX_BLOB_REFERENCES} blobs in one value, got ${digests.size}`);
  }
  if (digests.size === 0) return;
  const process = transaction.database.get<{ colony_name: string }>(
    'SELECT colony_name FROM processes WHERE process_id = ?',
    processId,
  );
  if (process === undefined) return;
  for (const digest of digests) hold(transaction, process.colony_name, digest, processId);
}

/**
 * With values rather than a SELECT: what inserts one row only needs no journal of its own, and in a savepoint journals
 * take the longer the more was changed before.
 */
function hold({ database }: Transaction, colonyName: string, digest: string, processId: string): void {
  database.run(
    'INSERT OR IGNORE INTO blob_references (colony_name, digest, process_id) VALUES (?, ?, ?)',
    colonyName,
    digest,
    processId,
  );
  // Known to be held: when it no longer is, its time of grace begins, not before.
  database.run(
    'UPDATE blobs SET idle_since_ms = NULL WHERE colony_name = ? AND digest = ? AND idle_since_ms IS NOT NULL',
    colonyName,
    digest,
  );
}

/** How the metadata of a file names the blob that holds its bytes. */
const OBJECT = /^sha256:([0-9a-f]{64})$/u;

/**
 * Lets a revision of a file hold the blob that its metadata names, until it is removed. Other objects lie elsewhere.
 *
 * @param object the name of the object in the file's reference
 */
export function holdBlobOfFile({ database }: Transaction, fileId: string, object: string): void {
  const [, digest] = OBJECT.exec(object) ?? [];
  if (digest === undefined) return;
  database.run(
    `INSERT OR IGNORE INTO blob_references (colony_name, digest, file_id)
     SELECT colony_name, ?, file_id FROM files WHERE file_id = ?`,
    digest,
    fileId,
  );
  database.run(
    `UPDATE blobs SET idle_since_ms = NULL WHERE digest = ?
       AND colony_name = (SELECT colony_name FROM files WHERE file_id = ?)`,
    digest,
    fileId,
  );
}
