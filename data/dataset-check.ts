import type { Dataset } from './dataset.ts';
import { DataError, listNames } from './errors.ts';

/**
 * Looks whether what the operator offers is there: every column of the table, and every query and number as something
 * that the source can run. No row is read.
 *
 * @throws DataError `COLUMN_UNKNOWN` for a column that the table does not have; the source's errors, with the name of the
 *   query; `SOURCE_UNREACHABLE` (retryable) when that cannot be told now
 */
export async function checkDataset(dataset: Dataset, signal?: AbortSignal): Promise<void> {
  await checkColumns(dataset, signal);
  for (const kind of ['queries', 'numbers'] as const) {
    for (const [name, sql] of dataset[kind]) await checkQuery(dataset, `${kind}.${name}`, sql, signal);
  }
}

async function checkColumns({ source, columns }: Dataset, signal?: AbortSignal): Promise<void> {
  if (columns.length === 0) return;
  const existing = await source.columns(undefined, signal);
  const absent = columns === '*' ? [] : columns.filter((name) => !existing.includes(name));
  if (absent.length === 0) return;
  throw new DataError(
    'COLUMN_UNKNOWN',
    `${source.description}: expected columns among ${listNames(existing)}, got ${listNames(absent)} in "columns" of the configuration`,
  );
}

async function checkQuery({ source }: Dataset, where: string, sql: string, signal?: AbortSignal): Promise<void> {
  try {
    await source.columns(sql, signal);
  } catch (error) {
    if (!(error instanceof DataError) || error.retryable) throw error;
    throw new DataError(error.code, `${where} of the configuration: ${error.message}`);
  }
}
