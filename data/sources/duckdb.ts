import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { FileSourceConfig } from '../config.ts';
import type { Cell, DataSource, ReadRequest, Row } from '../source.ts';
import { quoteIdentifier, quoteLiteral, subquery } from '../sql.ts';
import { readCsvHeader } from './csv-header.ts';
import { duckdbError } from './duckdb-error.ts';
import { describeFile, requireFile } from './file.ts';
import { loadLibrary } from './library.ts';

/** The name under which the operator's queries find the rows of a CSV or Parquet file. */
const TABLE = 'data';

/**
 * A CSV or Parquet file, read by an in-process DuckDB that can reach nothing but that file: no network, no other
 * file, no extension beyond those compiled in, nothing spilt to disk.
 *
 * Each read has its own DuckDB (some milliseconds): the file may have changed, and an internal error of DuckDB, which
 * a damaged file can provoke, makes an instance unusable for good.
 */
export async function openDuckdbSource(config: FileSourceConfig): Promise<DataSource> {
  const description = describeFile(config.kind === 'csv' ? 'CSV' : 'Parquet', config.path);
  const { DuckDBInstance: Instance } = await loadLibrary('@duckdb/node-api', () => import('@duckdb/node-api'));
  await requireFile(config.path, description);
  return new DuckdbSource(Instance, config, description);
}

class DuckdbSource implements DataSource {
  readonly description: string;
  readonly #Instance: typeof DuckDBInstance;
  readonly #config: FileSourceConfig;

  constructor(instance: typeof DuckDBInstance, config: FileSourceConfig, description: string) {
    this.#Instance = instance;
    this.#config = config;
    this.description = description;
  }

  async columns(query: string | undefined): Promise<readonly string[]> {
    const { connection, close } = await this.#connect();
    try {
      const result = await connection.stream(`SELECT * FROM ${relation(query)} LIMIT 0`);
      return result.columnNames();
    } catch (error) {
      throw duckdbError(error, this.description);
    } finally {
      close();
    }
  }

  async *read(request: ReadRequest, signal?: AbortSignal): AsyncGenerator<readonly Row[]> {
    signal?.throwIfAborted();
    const { connection, close } = await this.#connect();
    const interrupt = (): void => connection.interrupt();
    signal?.addEventListener('abort', interrupt);
    try {
      const columns = request.columns.map((name) => `CAST(${quoteIdentifier(name)} AS VARCHAR)`).join(', ');
      const result = await connection.stream(`SELECT ${columns} FROM ${relation(request.query)}`);
      for await (const rows of result.yieldRows()) {
        signal?.throwIfAborted();
        yield rows.map((row) => row.map(toCell));
      }
    } catch (error) {
      throw signal?.aborted ? signal.reason : duckdbError(error, this.description);
    } finally {
      signal?.removeEventListener('abort', interrupt);
      close();
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #connect(): Promise<Connected> {
    await requireFile(this.#config.path, this.description);
    const rows = await fileRows(this.#config, this.description);
    const instance = await this.#Instance.create(':memory:', NO_DOWNLOADS);
    const connection = await instance.connect();
    const close = (): void => {
      connection.closeSync();
      instance.closeSync();
    };
    try {
      await confine(connection, this.#config.path);
      await connection.run(`CREATE TEMP VIEW ${TABLE} AS SELECT * FROM ${rows}`);
      return { connection, close };
    } catch (error) {
      close();
      throw duckdbError(error, this.description);
    }
  }
}

interface Connected {
  readonly connection: DuckDBConnection;
  readonly close: () => void;
}

const NO_DOWNLOADS = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  allow_community_extensions: 'false',
  temp_directory: '',
};

/** Order matters: the last statement forbids changing the settings before it. */
async function confine(connection: DuckDBConnection, path: string): Promise<void> {
  await connection.run(`SET allowed_paths = [${quoteLiteral(path)}]`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

/** The table function that reads the file. Every CSV option is given: what DuckDB guesses depends on the rows. */
async function fileRows(config: FileSourceConfig, description: string): Promise<string> {
  if (config.kind === 'parquet') return `read_parquet(${quoteLiteral(config.path)})`;
  const names = await readCsvHeader(config.path, config.delimiter, description);
  const columns = names.map((name) => `${quoteLiteral(name)}: 'VARCHAR'`).join(', ');
  const nullTexts = ['', ...config.nullText].map(quoteLiteral).join(', ');
  return `read_csv(${quoteLiteral(config.path)}, auto_detect = false, header = true, columns = {${columns}},
    delim = ${quoteLiteral(config.delimiter)}, quote = '"', escape = '"', comment = '', nullstr = [${nullTexts}],
    strict_mode = true, null_padding = false, ignore_errors = false)`;
}

function relation(query: string | undefined): string {
  return query === undefined ? TABLE : subquery(query);
}

function toCell(value: unknown): Cell {
  return typeof value === 'string' ? value : null;
}
