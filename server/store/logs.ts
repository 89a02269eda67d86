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

/** What is looked for. */
export interface LogSearch {
  readonly colonyName: string;
  readonly text: string;
  /** How far back. */
  readonly days: number;
  /** At most so many lines. */
  readonly count: number;
}

/** So many lines, of whatever colony, are looked at in one step: they can have 32 MiB. */
const LINES_PER_STEP = 500;

/**
 * Lines of the last days that contain a text, oldest first. Nothing but reading them all finds them, and they can be
 * many, so the search goes on step by step.
 *
 * @returns gives the lines found by the next step; undefined after the last one
 */
export function searchLogs(database: Database, nowMs: number, search: LogSearch): () => LogEntry[] | undefined {
  let afterUs = (nowMs - search.days * MILLISECONDS_PER_DAY) * MICROSECONDS_PER_MILLISECOND;
  let missingCount = search.count;
  return () => {
    const page = database.get<{ end: number | null }>(
      `SELECT max(timestamp_us) AS end FROM
         (SELECT timestamp_us FROM logs WHERE timestamp_us > ? ORDER BY timestamp_us LIMIT ${LINES_PER_STEP})`,
      afterUs,
    );
    const endUs = page?.end ?? undefined;
    if (endUs === undefined || missingCount === 0) return undefined;
    const found = database.all<LogRow>(
      `SELECT * FROM logs WHERE timestamp_us > ? AND timestamp_us <= ? AND colony_name = ? AND instr(message, ?) > 0
       ORDER BY timestamp_us LIMIT ?`,
      afterUs,
      endUs,
      search.colonyName,
      search.text,
      missingCount,
    );
    afterUs = endUs;
    missingCount -= found.length;
    return found.map(toLogEntry);
  };
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
