import { pathToFileURL } from 'node:url';
import { setImmediate } from 'node:timers/promises';
import type Database from 'libsql';
import type { SqliteSourceConfig } from '../config.ts';
import { DataError } from '../errors.ts';
import type { Cell, DataSource, ReadRequest, Row } from '../source.ts';
import { quoteIdentifier, subquery } from '../sql.ts';
import { describeFile, requireFile } from './file.ts';
import { loadLibrary } from './library.ts';

const BATCH_ROWS = 1000;

/**
 * An SQLite database file, opened read-only by libsql for each read.
 *
 * (DuckDB could read it too, but only with an extension that it would download.) libsql computes in our thread: an
 * expensive query keeps the daemon from doing anything else until its first row is there.
 */
export async function openSqliteSource(config: SqliteSourceConfig): Promise<DataSource> {
  const description = describeFile('SQLite', config.path);
  const { default: Libsql } = await loadLibrary('libsql', () => import('libsql'));
  await requireFile(config.path, description);
  return new SqliteSource(Libsql, config, description);
}

class SqliteSource implements DataSource {
  readonly description: string;
  readonly #libsql: typeof Database;
  readonly #config: SqliteSourceConfig;

  constructor(libsql: typeof Database, config: SqliteSourceConfig, description: string) {
    this.#libsql = libsql;
    this.#config = config;
    this.description = description;
  }

  async columns(query: string | undefined): Promise<readonly string[]> {
    const database = await this.#open();
    try {
      const statement = database.prepare(`SELECT * FROM ${this.#relation(query)}`);
      return statement.columns().map((column) => column.name);
    } catch (error) {
      throw sqliteError(error, this.description);
    } finally {
      database.close();
    }
  }

  async *read(request: ReadRequest, signal?: AbortSignal): AsyncGenerator<readonly Row[]> {
    const database = await this.#open();
    try {
      const columns = request.columns.map(quoteIdentifier).join(', ');
      const statement = database.prepare(`SELECT ${columns} FROM ${this.#relation(request.query)}`);
      const rows = statement.raw(true).safeIntegers(true).iterate();
      for (let batch = nextBatch(rows); batch.length > 0; batch = nextBatch(rows)) {
        signal?.throwIfAborted();
        yield batch;
        await setImmediate();
      }
    } catch (error) {
      throw signal?.aborted ? signal.reason : sqliteError(error, this.description);
    } finally {
      database.close();
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #open(): Promise<Database.Database> {
    await requireFile(this.#config.path, this.description);
    try {
      const database = new this.#libsql(`${pathToFileURL(this.#config.path).href}?mode=ro`);
      database.exec('PRAGMA query_only = ON');
      return database;
    } catch (error) {
      throw sqliteError(error, this.description);
    }
  }

  #relation(query: string | undefined): string {
    return query === undefined ? quoteIdentifier(this.#config.table ?? '') : subquery(query);
  }
}

function nextBatch(rows: Iterator<unknown>): Row[] {
  const batch: Row[] = [];
  while (batch.length < BATCH_ROWS) {
    const { done, value } = rows.next();
    if (done) break;
    if (Array.isArray(value)) batch.push(value.map(toCell));
  }
  return batch;
}

/** SQLite's REAL is a double: its shortest decimal text is what was stored in all but contrived cases. */
function toCell(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  return 'BLOB';
}

/** Keeps SQLite's own text only for errors found while preparing: those are made of SQL and names, not of rows. */
function sqliteError(error: unknown, description: string): DataError {
  if (error instanceof DataError) return error;
  const message = error instanceof Error ? error.message : '';
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'SQLITE_NOTADB') {
    return new DataError('SOURCE_MALFORMED', `${description}: not an SQLite database; correct "source.path"`);
  }
  if (code === 'SQLITE_BUSY') {
    return new DataError('SOURCE_UNREACHABLE', `${description}: locked by another program (SQLITE_BUSY)`);
  }
  const table = message.startsWith('no such table: ');
  const preparation = /^(no such |near |ambiguous |SQL logic error|incomplete input)/.test(message);
  return new DataError(
    table ? 'SOURCE_MISSING' : 'SOURCE_FAILED',
    `${description}: SQLite reports ${preparation ? message : code}`,
  );
}
