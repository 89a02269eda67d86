import { readFile } from 'node:fs/promises';
import { UserError } from '../../colony/errors.ts';
import { parseDataConfig } from '../../data/config.ts';
import { type Dataset, loadDataset, openDataset } from '../../data/dataset.ts';
import type { NewRowsSource } from './daemons/new-rows.ts';
import type { PartyTable } from './daemons/table.ts';

/** Where a party's rows come from. */
export interface PartyDataOptions {
  /** A CSV or Parquet file, or a configuration with any source (`.json`). */
  readonly source: string;
  /** Columns to train with, or the one with the labels; undefined: all but the id column. */
  readonly columns?: readonly string[] | undefined;
  readonly idColumn?: string | undefined;
  /** A file with one common id on each line. */
  readonly idsFile?: string | undefined;
  /** Rows to predict, in a source of the same kinds. */
  readonly newRows?: string | undefined;
  /** A file with one common id of the new rows on each line. */
  readonly newIdsFile?: string | undefined;
}

/** Opens the rows to train with. @throws UserError, DataError */
export async function openTable({ source, columns, idColumn, idsFile }: PartyDataOptions): Promise<PartyTable> {
  const dataset = await openSourceFile(source);
  return { dataset, columns, idColumn, commonIds: idsFile === undefined ? undefined : await readIdsFile(idsFile) };
}

/** Opens the rows to predict, where there are any. @throws UserError, DataError */
export async function openNewRows({ newRows, newIdsFile, idColumn }: PartyDataOptions): Promise<NewRowsSource> {
  if (newIdsFile !== undefined && idColumn === undefined) {
    throw new UserError('--new-ids: expected --id-column beside it, got none; without ids, rows meet by position');
  }
  return {
    dataset: newRows === undefined ? undefined : await openSourceFile(newRows),
    readIds: newIdsFile === undefined ? undefined : () => readIdsFile(newIdsFile),
  };
}

async function openSourceFile(path: string): Promise<Dataset> {
  if (path.endsWith('.json')) return loadDataset(path);
  const kind = path.endsWith('.parquet') ? 'parquet' : 'csv';
  const config = { source: { kind, path }, columns: '*' };
  return openDataset(parseDataConfig(config, { name: path, baseDirectory: process.cwd() }));
}

async function readIdsFile(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(`${path}: expected a readable file with one id on each line`, { cause: error });
  });
  const ids = text.split(/\r?\n/u).flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  if (ids.length > 0) return ids;
  throw new UserError(`${path}: expected one id on each line, got none`);
}
