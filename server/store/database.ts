/* oxlint-disable typescript/no-unnecessary-type-parameters, typescript/no-unsafe-type-assertion -- the schema alone decides which types a row has */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'libsql';
import { toError, UserError } from '../../colony/errors.ts';
import { damaged, isDamage, requireIntact } from './integrity.ts';
import { migrate } from './schema.ts';

/** What SQLite stores in a cell, as this project uses it. */
export type SqlValue = string | number | null;

type Statement = ReturnType<InstanceType<typeof Sqlite>['prepare']>;

/** The tables that say who may do what. */
const MEMBERS = /\b(?:colonies|executors|users)\b/i;

/** Whether a statement may change what {@link Database.remember} remembers: by writing, or by taking back. */
function isForgettingMembers(sql: string): boolean {
  if (isLooking(sql)) return false;
  return MEMBERS.test(sql) || /^\s*ROLLBACK\b/i.test(sql);
}

/** Whether a statement surely changes nothing. With RETURNING also what is asked for rows may change some. */
function isLooking(sql: string): boolean {
  return /^\s*SELECT\b/i.test(sql);
}

/** So many pages (32 MiB) are in the log when it is written back to the file. */
const LOG_PAGES = 8000;
/** What SQLite may keep of the file in memory. */
const CACHE_KIBIBYTES = 32 * 1024;

/** More than this is not remembered: anybody can ask about members that do not exist. */
const MAX_REMEMBERED = 10_000;
/** Nor is what has a longer key, in UTF-16 units: ids and names are shorter, and whoever asks chooses what is asked for. */
const MAX_REMEMBERED_CHARACTERS = 512;

/**
 * One connection to one SQLite file. Everything is synchronous, so between two awaits a caller sees and makes a
 * consistent state. Row types are promised by the caller: the schema is ours alone.
 */
export interface Database {
  /** All rows. */
  all<Row>(sql: string, ...values: readonly SqlValue[]): Row[];
  /** The first row, if any. */
  get<Row>(sql: string, ...values: readonly SqlValue[]): Row | undefined;
  /**
   * What `find` gives, which looks at colonies, executors and users alone and changes nothing; found once, until one of them changes.
   * Every request asks who may do what, and that changes seldom.
   */
  remember<T>(key: string, find: () => T): T;
  /** Changes rows; returns how many. */
  run(sql: string, ...values: readonly SqlValue[]): number;
  /** How many statements were executed that may change something: as long as it stays the same, nothing has been changed. */
  changeCount(): number;
  /** Runs `work` as one transaction: all of it is durable when this returns, none of it when it throws. */
  transaction<T>(work: () => T): T;
  /** Whether a transaction has begun and SQLite has not given it up. */
  isInTransaction(): boolean;
  close(): void;
}

/**
 * Opens the server's database and brings its schema up to date. The file is created readable by its owner only, and the
 * connection holds SQLite's exclusive lock until it is closed or the process dies, in whatever way.
 *
 * @param path a file (its directory is created), or `:memory:`
 * @throws UserError when another server has the database open, it was written by a newer version of this one, or it is
 *   damaged or another program's
 */
export function openDatabase(path: string): Database {
  if (path !== ':memory:') createPrivateFile(path);
  const connection = new Sqlite(path);
  try {
    connection.pragma('locking_mode = EXCLUSIVE');
    requireIntact((sql) => connection.prepare(sql).all() as Record<string, unknown>[], path);
    connection.pragma('journal_mode = WAL');
    // WAL with FULL: a commit survives a power cut, not only the end of this process.
    connection.pragma('synchronous = FULL');
    connection.pragma('foreign_keys = ON');
    // Most commits write the same pages of the indexes again: written back seldom, they are written back once.
    connection.pragma(`wal_autocheckpoint = ${LOG_PAGES}`);
    // Rows with random ids lie all over their indexes; removing many reads less again. More than this gained nothing.
    connection.pragma(`cache_size = -${CACHE_KIBIBYTES}`);
    const database = wrap(connection);
    migrate(database, path);
    return database;
  } catch (thrown) {
    connection.close();
    throw explainOpening(path, thrown);
  }
}

/** What an error of SQLite at opening a file means for whoever started the server. */
export function explainOpening(path: string, thrown: unknown): unknown {
  if (isBusy(thrown)) return inUse(path, thrown);
  return isDamage(thrown) ? damaged(path, toError(thrown).message, thrown) : thrown;
}

/**
 * An existing file is not opened: closing any handle on it would drop the locks that another server of the same process
 * holds on it (POSIX locks belong to the process).
 */
function createPrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (existsSync(path)) chmodSync(path, 0o600);
  else closeSync(openSync(path, 'wx', 0o600));
}

/** Whether SQLite failed: its disk, its file, a constraint; not whoever used what it gave out. */
export function isStorageError(thrown: unknown): boolean {
  const error: Error & { readonly code?: unknown } = toError(thrown);
  return typeof error.code === 'string' && error.code.startsWith('SQLITE_');
}

function isBusy(thrown: unknown): boolean {
  const error: Error & { readonly code?: unknown } = toError(thrown);
  return error.code === 'SQLITE_BUSY';
}

function inUse(path: string, cause: unknown): UserError {
  return new UserError(
    `server database: expected to be the only server on ${path}, got one that another process holds; stop that server, or choose another database file`,
    { cause },
  );
}

/** A statement that is ready to run, and the names of its columns, once there was a row. */
interface Prepared {
  readonly statement: Statement;
  readonly isForgetting: boolean;
  readonly isLooking: boolean;
  columnNames: readonly string[];
}

function prepare(connection: InstanceType<typeof Sqlite>, sql: string): Prepared {
  const statement = connection.prepare(sql);
  // Rows as lists: objects that libsql makes take twice as long, since it makes the names of their columns anew for each.
  if (statement.reader) statement.raw();
  return { statement, isForgetting: isForgettingMembers(sql), isLooking: isLooking(sql), columnNames: [] };
}

function toRow(prepared: Prepared, values: readonly unknown[]): object {
  // A statement that outlives a change of the schema may have other columns.
  if (prepared.columnNames.length !== values.length) {
    prepared.columnNames = prepared.statement.columns().map(({ name }) => name);
  }
  const row: Record<string, unknown> = {};
  let index = 0;
  for (const name of prepared.columnNames) row[name] = values[index++];
  return row;
}

function wrap(connection: InstanceType<typeof Sqlite>): Database {
  const statements = new Map<string, Prepared>();
  const remembered = new Map<string, unknown>();
  let changeCount = 0;
  const prepared = (sql: string): Prepared => {
    let known = statements.get(sql);
    if (known === undefined) {
      known = prepare(connection, sql);
      statements.set(sql, known);
    }
    if (known.isForgetting) remembered.clear();
    if (!known.isLooking) changeCount += 1;
    return known;
  };
  return {
    all<Row>(sql: string, ...values: readonly SqlValue[]) {
      const known = prepared(sql);
      const rows = known.statement.all(values) as (readonly unknown[])[];
      return rows.map((row) => toRow(known, row) as Row);
    },
    get<Row>(sql: string, ...values: readonly SqlValue[]) {
      const known = prepared(sql);
      const row = known.statement.get(values) as readonly unknown[] | undefined;
      return row === undefined ? undefined : (toRow(known, row) as Row);
    },
    run: (sql, ...values) => prepared(sql).statement.run(values).changes,
    changeCount: () => changeCount,
    remember<T>(key: string, find: () => T) {
      if (key.length > MAX_REMEMBERED_CHARACTERS) return find();
      if (remembered.has(key)) return remembered.get(key) as T;
      const found = find();
      if (remembered.size < MAX_REMEMBERED) remembered.set(key, found);
      return found;
    },
    transaction(work) {
      try {
        return inTransaction(connection, work);
      } catch (thrown) {
        remembered.clear();
        throw thrown;
      }
    },
    isInTransaction: () => connection.inTransaction,
    close() {
      if (!connection.open) return;
      // libsql keeps prepared statements, and the exclusive lock with them, until they are garbage; leaving WAL frees it.
      try {
        connection.pragma('journal_mode = DELETE');
        connection.pragma('locking_mode = NORMAL');
        connection.exec('SELECT 1 FROM sqlite_schema LIMIT 1');
      } finally {
        connection.close();
      }
    },
  };
}

function inTransaction<T>(connection: InstanceType<typeof Sqlite>, work: () => T): T {
  connection.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    connection.exec('COMMIT');
    return result;
  } catch (thrown) {
    if (connection.inTransaction) connection.exec('ROLLBACK');
    throw thrown;
  }
}
