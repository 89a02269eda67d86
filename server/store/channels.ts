import type { ChannelEntry } from '../../colony/messages/channels.ts';
import { STATE } from '../graph.ts';
import type { Database } from './database.ts';
import { fitting, toDate } from './values.ts';

/** One row of `channels`: one channel that a process's spec declares. */
export interface ChannelRow {
  readonly channel_id: number;
  readonly process_id: string;
  readonly name: string;
  /** Also the position of the next entry. */
  readonly entry_count: number;
  readonly byte_count: number;
}

interface EntryRow {
  readonly position: number;
  readonly sender_id: string;
  readonly sequence: number;
  readonly in_reply_to: number;
  readonly entry_type: string;
  readonly timestamp_ms: number;
  /** Base64, as it stands on the wire. */
  readonly payload: string;
}

/** Of a process, what decides who may use its channels. */
export interface ChannelProcess {
  readonly process_id: string;
  readonly colony_name: string;
  readonly initiator_id: string;
  readonly assigned_executor_id: string;
  readonly state: number;
}

/** The process with that id, without what may be long. */
export function findChannelProcess(database: Database, processId: string): ChannelProcess | undefined {
  return database.get<ChannelProcess>(
    'SELECT process_id, colony_name, initiator_id, assigned_executor_id, state FROM processes WHERE process_id = ?',
    processId,
  );
}

/** Creates the channels of a process that is submitted. */
export function insertChannels(database: Database, processId: string, names: readonly string[]): void {
  for (const name of names) database.run('INSERT INTO channels (process_id, name) VALUES (?, ?)', processId, name);
}

/** A channel of a process, if it has one of that name. */
export function findChannel(database: Database, processId: string, name: string): ChannelRow | undefined {
  return database.get<ChannelRow>('SELECT * FROM channels WHERE process_id = ? AND name = ?', processId, name);
}

/** What the channels of one process hold, in bytes. */
export function channelBytesOf(database: Database, processId: string): number {
  const found = database.get<{ bytes: number | null }>(
    'SELECT sum(byte_count) AS bytes FROM channels WHERE process_id = ?',
    processId,
  );
  return found?.bytes ?? 0;
}

/** What all channels hold, in bytes. */
export function allChannelBytes(database: Database): number {
  return database.get<{ bytes: number | null }>('SELECT sum(byte_count) AS bytes FROM channels')?.bytes ?? 0;
}

/** Appends an entry; `bytes` is what it counts for. */
export function insertEntry(
  database: Database,
  channel: ChannelRow,
  entry: Omit<EntryRow, 'position'>,
  bytes: number,
): void {
  database.run(
    `INSERT INTO channel_entries (channel_id, position, sender_id, sequence, in_reply_to, entry_type, timestamp_ms,
       payload)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    channel.channel_id,
    channel.entry_count,
    entry.sender_id,
    entry.sequence,
    entry.in_reply_to,
    entry.entry_type,
    entry.timestamp_ms,
    entry.payload,
  );
  database.run(
    'UPDATE channels SET entry_count = entry_count + 1, byte_count = byte_count + ? WHERE channel_id = ?',
    bytes,
    channel.channel_id,
  );
}

/** Entries from a position on, at most so many, and no more bytes than that, but one at least. */
export function listEntries(
  database: Database,
  channelId: number,
  { position, count, maxBytes }: { readonly position: number; readonly count: number; readonly maxBytes: number },
): ChannelEntry[] {
  // Asked before any is read: they may be long.
  const sizes = database.all<{ position: number; bytes: number }>(
    `SELECT position, length(payload) + 300 AS bytes FROM channel_entries
     WHERE channel_id = ? AND position >= ? ORDER BY position LIMIT ?`,
    channelId,
    position,
    count,
  );
  const last = fitting(sizes, ({ bytes }) => bytes, maxBytes).at(-1);
  if (last === undefined) return [];
  return database
    .all<EntryRow>(
      'SELECT * FROM channel_entries WHERE channel_id = ? AND position BETWEEN ? AND ? ORDER BY position',
      channelId,
      position,
      last.position,
    )
    .map(toEntry);
}

const CHANNELS_PER_TURN = 100;
const ENTRIES_PER_STATEMENT = 20;

/**
 * Forgets channels of processes that ended before a moment, for about so long.
 *
 * @returns whether there may be more
 */
export function forgetEndedChannels(database: Database, endedBeforeMs: number, budgetMs: number): boolean {
  const endMs = performance.now() + budgetMs;
  const ended = database.all<{ channel_id: number }>(
    `SELECT channels.channel_id FROM channels JOIN processes ON processes.process_id = channels.process_id
     WHERE processes.state >= ${STATE.success} AND processes.end_ms < ? LIMIT ${CHANNELS_PER_TURN}`,
    endedBeforeMs,
  );
  for (const { channel_id: channelId } of ended) {
    while (deleteSomeEntries(database, channelId)) if (performance.now() > endMs) return true;
    database.run('DELETE FROM channels WHERE channel_id = ?', channelId);
  }
  return ended.length === CHANNELS_PER_TURN;
}

function deleteSomeEntries(database: Database, channelId: number): boolean {
  const deletedCount = database.run(
    `DELETE FROM channel_entries WHERE channel_id = ?1 AND position IN
       (SELECT position FROM channel_entries WHERE channel_id = ?1 LIMIT ${ENTRIES_PER_STATEMENT})`,
    channelId,
  );
  return deletedCount > 0;
}

function toEntry(row: EntryRow): ChannelEntry {
  return {
    sequence: row.sequence,
    inReplyTo: row.in_reply_to,
    timestamp: toDate(row.timestamp_ms),
    senderId: row.sender_id,
    payload: Buffer.from(row.payload, 'base64'),
    type: row.entry_type,
    error: '',
  };
}
