import * as z from 'zod';
import { type ColonyFile, FileReference, type getFileLabels, type getFiles } from '../../colony/messages/files.ts';
import type { ReplyOf } from '../../colony/messages/message.ts';
import { MAX_FILES_PER_LIST } from '../limits.ts';
import type { Database } from './database.ts';
import { fitting, parseStored, randomId, toDate } from './values.ts';

/** One row of `files`: a revision of a file. */
export interface FileRow {
  readonly sequence: number;
  readonly file_id: string;
  readonly colony_name: string;
  readonly label: string;
  readonly name: string;
  readonly size_bytes: number;
  readonly checksum: string;
  readonly checksum_algorithm: string;
  readonly reference: string;
  readonly added_ms: number;
}

/** What a row takes in an answer beside its texts, more or less. */
const BYTES_PER_FILE = 500;

/** Stores a revision of a file; without the keys that clients of the official server put into it. */
export function insertFile(database: Database, nowMs: number, file: ColonyFile, adderId: string): string {
  const fileId = randomId();
  database.run(
    `INSERT INTO files (file_id, colony_name, label, name, size_bytes, checksum, checksum_algorithm, reference, added_ms,
       adder_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    fileId,
    file.colonyName,
    file.label,
    file.name,
    file.sizeBytes,
    file.checksum,
    file.checksumAlgorithm,
    JSON.stringify(z.encode(FileReference, withoutKeys(file.reference))),
    nowMs,
    adderId,
  );
  return fileId;
}

function withoutKeys({ protocol, s3Object }: FileReference): FileReference {
  return { protocol, s3Object: { ...s3Object, accessKey: '', secretKey: '', encryptionKey: '' } };
}

/** A revision as clients see it. */
export function toColonyFile(row: FileRow): ColonyFile {
  return {
    fileId: row.file_id,
    colonyName: row.colony_name,
    label: row.label,
    name: row.name,
    sizeBytes: row.size_bytes,
    sequenceNumber: row.sequence,
    checksum: row.checksum,
    checksumAlgorithm: row.checksum_algorithm,
    reference: referenceOf(row),
    added: toDate(row.added_ms),
  };
}

function referenceOf({ reference }: Pick<FileRow, 'reference'>): FileReference {
  return withoutKeys(z.decode(FileReference, parseStored(reference)));
}

/** The revision with that id in that colony. */
export function findFile(database: Database, colonyName: string, fileId: string): FileRow | undefined {
  return database.get<FileRow>('SELECT * FROM files WHERE colony_name = ? AND file_id = ?', colonyName, fileId);
}

/** Which revisions are meant: the one of an id, or (empty id) all of a name. */
export interface FileKey {
  readonly colonyName: string;
  readonly fileId: string;
  readonly label: string;
  readonly name: string;
}

/** Who has added revisions of a file: ids. */
export function adderIdsOfFile(database: Database, key: FileKey): readonly string[] {
  const [condition, values] = conditionOf(key);
  return database
    .all<{ adder_id: string }>(`SELECT DISTINCT adder_id FROM files WHERE ${condition}`, ...values)
    .map((row) => row.adder_id);
}

/** Forgets revisions, if there are such. */
export function deleteFile(database: Database, key: FileKey): void {
  const [condition, values] = conditionOf(key);
  database.run(`DELETE FROM files WHERE ${condition}`, ...values);
}

function conditionOf({ colonyName, fileId, label, name }: FileKey): [condition: string, values: readonly string[]] {
  return fileId === ''
    ? ['colony_name = ? AND label = ? AND name = ?', [colonyName, label, name]]
    : ['colony_name = ? AND file_id = ?', [colonyName, fileId]];
}

/** The revisions of a file, newest first, as far as they fit into one answer. */
export function listRevisions(
  database: Database,
  colonyName: string,
  label: string,
  name: string,
  count: number = MAX_FILES_PER_LIST,
): readonly FileRow[] {
  const rows = database.all<FileRow>(
    'SELECT * FROM files WHERE colony_name = ? AND label = ? AND name = ? ORDER BY sequence DESC LIMIT ?',
    colonyName,
    label,
    name,
    count,
  );
  return fitting(rows, (row) => BYTES_PER_FILE + byteCount(row.label, row.name, row.reference));
}

/** The newest revision of every file under a label, by name, as far as they fit into one answer. */
export function listNewest(database: Database, colonyName: string, label: string): ReplyOf<typeof getFiles> {
  const rows = database.all<Pick<FileRow, 'name' | 'checksum' | 'size_bytes' | 'reference'>>(
    `SELECT name, checksum, size_bytes, reference FROM files
     WHERE sequence IN (SELECT max(sequence) FROM files WHERE colony_name = ? AND label = ? GROUP BY name)
     ORDER BY name LIMIT ?`,
    colonyName,
    label,
    MAX_FILES_PER_LIST,
  );
  const summaries = rows.map((row) => ({
    name: row.name,
    checksum: row.checksum,
    sizeBytes: row.size_bytes,
    s3FileName: referenceOf(row).s3Object.object,
  }));
  return fitting(summaries, (summary) => BYTES_PER_FILE + byteCount(summary.name, summary.s3FileName));
}

/**
 * Labels under which there are files, with the number of revisions, as far as they fit into one answer.
 *
 * @param isExact the label itself and those below it; otherwise all that begin with the text
 */
export function listLabels(
  database: Database,
  colonyName: string,
  text: string,
  isExact: boolean,
): ReplyOf<typeof getFileLabels> {
  const condition = isExact ? BELOW : 'substr(label, 1, length(?2)) = ?2';
  const labels = database.all<{ name: string; revisionCount: number }>(
    `SELECT label AS name, count(*) AS revisionCount FROM files WHERE colony_name = ?1 AND ${condition}
     GROUP BY label ORDER BY label LIMIT ?3`,
    colonyName,
    text,
    MAX_FILES_PER_LIST,
  );
  return fitting(labels, ({ name }) => BYTES_PER_FILE + byteCount(name));
}

/**
 * A label, or one below it, whatever characters it is made of: `/data` and `/data/2026`, not `/data2`. A slash at the end
 * of the label changes nothing, so `/` stands for all.
 */
const BELOW = `(label IN (?2, rtrim(?2, '/')) OR substr(label, 1, length(rtrim(?2, '/')) + 1) = rtrim(?2, '/') || '/')`;

/** The newest revision of every file under a label and those below it, in the order of label and name. */
export function newestBelow(database: Database, colonyName: string, label: string, count: number): readonly string[] {
  return database
    .all<{ file_id: string }>(
      `SELECT file_id FROM files WHERE sequence IN
         (SELECT max(sequence) FROM files WHERE colony_name = ?1 AND ${BELOW} GROUP BY label, name)
       ORDER BY label, name LIMIT ?3`,
      colonyName,
      label,
      count,
    )
    .map((row) => row.file_id);
}

function byteCount(...texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
