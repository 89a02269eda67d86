import type { LogEntry } from '../../colony/messages/logs.ts';
import type { Database } from './database.ts';
import { fitting } from './values.ts';

interface LogRow {
  readonly timestamp_us: number;
  readonly colony_name: string;
  /** NULL when an executor wrote about itself. */
  readonly process_id: string | null;
  readonly executor_name: string;
  readonly message: string;
}

const MICROSECONDS_PER_MILLISECOND = 1000;
const NANOSECONDS_PER_MICROSECOND = 1000;
const MILLISECONDS_PER_DAY = 86_400_000;

/** Adds a line. No two lines have the same moment, so "after the last one I saw" loses none. */
export function insertLog(database: Database, nowMs: number, line: Omit<LogEntry, 'timestampNs'>): void {
  const last = database.get<{ last: number | null }>('SELECT max(timestamp_us) AS last FROM logs')?.last ?? 0;
  database.run(
    'INSERT INTO logs (timestamp_us, colony_name, process_id, executor_name, message) VALUES (?, ?, ?, ?, ?)',
    Math.max(nowMs * MICROSECONDS_PER_MILLISECOND, last + 1),
    line.colonyName,
    line.processId === '' ? null : line.processId,
    line.executorName,
    line.message,
  );
}

/** Whether a process has so many lines, at least. */
export function hasLines(database: Database, processId: string, count: number): boolean {
  return (
    database.get('SELECT 1 FROM logs WHERE process_id = ? LIMIT 1 OFFSET ?', processId, Math.max(0, count - 1)) !==
    undefined
  );
}

/** Whether an executor has written so many lines about itself, at least, after a moment. */
export function hasOwnLines(
  database: Database,
  executor: { readonly colonyName: string; readonly executorName: string },
  sinceMs: number,
  count: number,
): boolean {
  const found = database.get(
    `SELECT 1 FROM logs WHERE colony_name = ? AND executor_name = ? AND timestamp_us > ? AND process_id IS NULL
     LIMIT 1 OFFSET ?`,
    executor.colonyName,
    executor.executorName,
    sinceMs * MICROSECONDS_PER_MILLISECOND,
    Math.max(0, count - 1),
  );
  return found !== undefined;
}

/** Whose lines: a process's, or an executor's. */
export type LogSource = { readonly processId: string } | { readonly executorName: string };

/** Which lines of a source. */
export interface LogRange {
  readonly count: number;
  /** Only lines after this; ignored with `latest`. */
  readonly sinceNs: number;
  /** The newest lines rather than the oldest. */
  readonly latest: boolean;
}

/** Lines of a source within a colony, oldest first. */
export function listLogs(database: Database, colonyName: string, source: LogSource, range: LogRange): LogEntry[] {
  const [column, name] =
    'executorName' in source ? ['executor_name', source.executorName] : ['process_id', source.processId];
  // Microseconds survive the trip through a double as nanoseconds: its steps are 256 ns at this size.
  const sinceUs = range.latest ? 0 : Math.round(range.sinceNs / NANOSECONDS_PER_MICROSECOND);
  const rows = database.all<LogRow>(
    `SELECT * FROM logs WHERE colony_name = ? AND ${column} = ? AND timestamp_us > ?
     ORDER BY timestamp_us ${range.latest ? 'DESC' : 'ASC'} LIMIT ?`,
    colonyName,
    name,
    sinceUs,
    range.count,
  );
  const fittingRows = fitting(rows, ({ message }) => Buffer.byteLength(message));
  return (range.latest ? fittingRows.toReversed() : fittingRows).map(toLogEntry);
}

/** Lines of the last days that contain a text, oldest first. */
export function searchLogs(
  database: Database,
  nowMs: number,
  search: { readonly colonyName: string; readonly text: string; readonly days: number; readonly count: number },
): LogEntry[] {
  return database
    .all<LogRow>(
      `SELECT * FROM logs WHERE colony_name = ? AND timestamp_us > ? AND instr(message, ?) > 0
       ORDER BY timestamp_us LIMIT ?`,
      search.colonyName,
      (nowMs - search.days * MILLISECONDS_PER_DAY) * MICROSECONDS_PER_MILLISECOND,
      search.text,
      search.count,
    )
    .map(toLogEntry);
}

function toLogEntry(row: LogRow): LogEntry {
  return {
    processId: row.process_id ?? '',
    colonyName: row.colony_name,
    executorName: row.executor_name,
    message: row.message,
    timestampNs: row.timestamp_us * NANOSECONDS_PER_MICROSECOND,
  };
}
