import type { SourceConfig } from './config.ts';
import { openNumberSource } from './sources/number.ts';
import { openDuckdbSource } from './sources/duckdb.ts';
import { openSqliteSource } from './sources/sqlite.ts';
import { openPostgresSource } from './sources/postgres.ts';

/** A cell as decimal or other text, exactly as the source holds it; null where the source has no value. */
export type Cell = string | null;

/** The requested cells of one row, in the order they were requested. */
export type Row = readonly Cell[];

/** What to read. */
export interface ReadRequest {
  /** The operator's SQL; undefined reads the source's own table. Never text from a workflow. */
  readonly query: string | undefined;
  /** Columns that exist in the table or in the query's result; at least one. */
  readonly columns: readonly string[];
}

/**
 * Where a party's private rows come from.
 *
 * Every source hands out text instead of numbers, so that decimals stay exact, and batches, so that memory stays
 * proportional to a batch and not to the table.
 */
export interface DataSource {
  /** Kind and file name, or host and database: safe to log and to send; never rows, passwords or full paths. */
  readonly description: string;
  /**
   * The names of the columns of the table (`query` undefined) or of the query's result.
   *
   * @throws DataError when the source cannot be read
   */
  columns(query: string | undefined, signal?: AbortSignal): Promise<readonly string[]>;
  /**
   * Reads once over all rows, in batches of some thousand.
   *
   * @throws DataError when the source cannot be read; `signal.reason` when aborted
   */
  read(request: ReadRequest, signal?: AbortSignal): AsyncIterable<readonly Row[]>;
  /** Releases everything; no read may be under way. */
  close(): Promise<void>;
}

/**
 * Opens a source. Libraries are loaded only for the kind that needs them. Files must exist; a database is contacted by
 * each read afresh, so that a daemon survives its restarts.
 *
 * @throws DataError `SOURCE_MISSING` when the file does not exist, `LIBRARY_MISSING` when a library is not installed
 */
export async function openSource(config: SourceConfig): Promise<DataSource> {
  if (config.kind === 'number') return openNumberSource(config);
  if (config.kind === 'sqlite') return await openSqliteSource(config);
  if (config.kind === 'postgres') return await openPostgresSource(config);
  return await openDuckdbSource(config);
}
