import { loadDataConfig, type DataConfig } from './config.ts';
import { DataError, listNames, quoteName } from './errors.ts';
import { openSource, type DataSource, type ReadRequest } from './source.ts';

/** An open source together with what its operator lets workflows do with it. */
export interface Dataset {
  readonly source: DataSource;
  /** Allowed queries: SQL by name. */
  readonly queries: ReadonlyMap<string, string>;
  /** Queries that yield a single number, by name; the operator vouches that the number may be used as it is. */
  readonly numbers: ReadonlyMap<string, string>;
  /** Columns of the source's own table that may be used. */
  readonly columns: '*' | readonly string[];
  /** Columns, of the table or of queries' results, that rows may be grouped by. */
  readonly groupColumns: readonly string[];
  /** Ids of the public keys that answers may be encrypted under; "*" for all. */
  readonly acceptedKeys: '*' | readonly string[];
  /** The least number of values an aggregate may be made of, and the least that two aggregates may differ by. */
  readonly minimumRows: number;
}

/** What a workflow asks for, by names the operator allowed; everything in it is untrusted. */
export interface Selection {
  /** The name of an allowed query; without it, the source's own table is read. */
  readonly query?: string | undefined;
  /** Columns of the table or of the query's result; may be left out when there is only one. */
  readonly columns?: readonly string[] | undefined;
}

/**
 * Opens what a configuration describes; close it with `dataset.source.close()`.
 *
 * @throws DataError as {@link openSource}
 */
export async function openDataset(config: DataConfig): Promise<Dataset> {
  return {
    source: await openSource(config.source),
    queries: new Map(Object.entries(config.queries)),
    numbers: new Map(Object.entries(config.numbers)),
    columns: config.columns,
    groupColumns: config.groupColumns,
    acceptedKeys: config.acceptedKeys,
    minimumRows: config.minimumRows,
  };
}

/**
 * Opens what a configuration file describes.
 *
 * @throws DataError `CONFIG_INVALID`, and as {@link openSource}
 */
export async function loadDataset(configPath: string): Promise<Dataset> {
  return await openDataset(await loadDataConfig(configPath));
}

/**
 * Checks a workflow's selection against what the operator allows and the source has.
 *
 * @param groupColumn one more column, for the group of each row
 * @returns what to read: the value columns, then the group column if one was given
 * @throws DataError `QUERY_UNKNOWN`, `COLUMN_UNKNOWN`, `GROUPING_REFUSED` or `SELECTION_INVALID`, listing what may be chosen
 */
export async function resolveSelection(
  dataset: Dataset,
  selection: Selection,
  groupColumn: string | undefined,
  signal?: AbortSignal,
): Promise<ReadRequest> {
  const query = selection.query === undefined ? undefined : allowedQuery(dataset, 'queries', selection.query);
  const allowed = await allowedColumns(dataset, query, signal);
  const columns = selection.columns ?? [onlyColumn(dataset, allowed)];
  if (groupColumn !== undefined) requireGroupColumn(dataset, groupColumn);
  const wanted = groupColumn === undefined ? columns : [...columns, groupColumn];
  for (const name of wanted) {
    if (allowed.includes(name)) continue;
    throw new DataError(
      'COLUMN_UNKNOWN',
      `${dataset.source.description}: expected one of the columns ${listNames(allowed)}, got ${quoteName(name)}`,
    );
  }
  return { query, columns: wanted };
}

function requireGroupColumn({ source, groupColumns }: Dataset, name: string): void {
  if (groupColumns.includes(name)) return;
  throw new DataError(
    'GROUPING_REFUSED',
    `${source.description}: expected grouping by one of the columns ${listNames(groupColumns)}, got ${quoteName(name)}`,
  );
}

/**
 * The operator's SQL of a name that a workflow chose.
 *
 * @throws DataError `QUERY_UNKNOWN`, listing the names that may be chosen
 */
export function allowedQuery(dataset: Dataset, kind: 'queries' | 'numbers', name: string): string {
  const sql = dataset[kind].get(name);
  if (sql !== undefined) return sql;
  throw new DataError(
    'QUERY_UNKNOWN',
    `${dataset.source.description}: expected one of the ${kind} ${listNames(dataset[kind].keys())}, got ${quoteName(name)}`,
  );
}

/** The columns of a query are all allowed: the operator wrote it. */
async function allowedColumns(dataset: Dataset, query: string | undefined, signal?: AbortSignal): Promise<string[]> {
  const { source, columns: offered } = dataset;
  // Asked for before the source is touched: a source without a table has no columns to ask for.
  if (query === undefined && offered.length === 0) return [];
  const existing = await source.columns(query, signal);
  return existing.filter((name) => query !== undefined || offered === '*' || offered.includes(name));
}

function onlyColumn(dataset: Dataset, allowed: readonly string[]): string {
  const [column] = allowed;
  if (column !== undefined && allowed.length === 1) return column;
  throw new DataError(
    'SELECTION_INVALID',
    `${dataset.source.description}: no column is chosen; choose one of ${listNames(allowed)}`,
  );
}
