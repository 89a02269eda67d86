import type { Snapshot } from '../../colony/messages/files.ts';
import { MAX_FILES_PER_LIST } from '../limits.ts';
import type { Database } from './database.ts';
import { fitting, parseStored, randomId, toDate } from './values.ts';

/** One row of `snapshots`. */
interface SnapshotRow {
  readonly snapshot_id: string;
  readonly colony_name: string;
  readonly label: string;
  readonly name: string;
  readonly file_ids: string;
  readonly added_ms: number;
}

/** A snapshot of a colony is named by its id or by its name. */
export interface SnapshotKey {
  readonly colonyName: string;
  /** Empty: the name counts. */
  readonly snapshotId: string;
  readonly name: string;
}

/** What a row takes in an answer beside its files, more or less. */
const BYTES_PER_SNAPSHOT = 4500;

/** Stores a snapshot; its name must be a new one. */
export function insertSnapshot(
  database: Database,
  nowMs: number,
  snapshot: Omit<Snapshot, 'snapshotId' | 'added'>,
  adderId: string,
): Snapshot {
  const { colonyName, label, name, fileIds } = snapshot;
  const snapshotId = randomId();
  database.run(
    'INSERT INTO snapshots (snapshot_id, colony_name, label, name, file_ids, added_ms, adder_id) VALUES (?, ?, ?, ?, ?, ?, ?)',
    snapshotId,
    colonyName,
    label,
    name,
    JSON.stringify(fileIds),
    nowMs,
    adderId,
  );
  return { ...snapshot, snapshotId, added: toDate(nowMs) };
}

/** A snapshot of a colony. */
export function findSnapshot(database: Database, key: SnapshotKey): Snapshot | undefined {
  const [column, value] = conditionOf(key);
  const row = database.get<SnapshotRow>(
    `SELECT * FROM snapshots WHERE colony_name = ? AND ${column} = ?`,
    key.colonyName,
    value,
  );
  return row === undefined ? undefined : toSnapshot(row);
}

/** All snapshots of a colony, newest first, as far as they fit into one answer. */
export function listSnapshots(database: Database, colonyName: string): readonly Snapshot[] {
  const found = database.all<{ snapshot_id: string; bytes: number }>(
    `SELECT snapshot_id, octet_length(file_ids) AS bytes FROM snapshots WHERE colony_name = ?
     ORDER BY sequence DESC LIMIT ?`,
    colonyName,
    MAX_FILES_PER_LIST,
  );
  return fitting(found, ({ bytes }) => BYTES_PER_SNAPSHOT + bytes)
    .map(({ snapshot_id: snapshotId }) => findSnapshot(database, { colonyName, snapshotId, name: '' }))
    .filter((snapshot) => snapshot !== undefined);
}

/** Forgets a snapshot, if there is such a one. */
export function deleteSnapshot(database: Database, key: SnapshotKey): void {
  const [column, value] = conditionOf(key);
  database.run(`DELETE FROM snapshots WHERE colony_name = ? AND ${column} = ?`, key.colonyName, value);
}

/** Who has taken the snapshots of a colony, or the one that a key names: ids. */
export function adderIdsOfSnapshots(database: Database, colonyName: string, key?: SnapshotKey): readonly string[] {
  const [column, value] = key === undefined ? ['colony_name', colonyName] : conditionOf(key);
  return database
    .all<{ adder_id: string }>(
      `SELECT DISTINCT adder_id FROM snapshots WHERE colony_name = ? AND ${column} = ?`,
      colonyName,
      value,
    )
    .map((row) => row.adder_id);
}

function conditionOf({ snapshotId, name }: SnapshotKey): ['snapshot_id' | 'name', string] {
  return snapshotId === '' ? ['name', name] : ['snapshot_id', snapshotId];
}

function toSnapshot(row: SnapshotRow): Snapshot {
  return {
    snapshotId: row.snapshot_id,
    colonyName: row.colony_name,
    label: row.label,
    name: row.name,
    fileIds: parseStored(row.file_ids),
    added: toDate(row.added_ms),
  };
}
