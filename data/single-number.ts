import { allowedQuery, type Dataset, resolveSelection } from './dataset.ts';
import { type Decimal, tryParseDecimal } from './decimal.ts';
import { DataError, listNames } from './errors.ts';
import type { Cell, ReadRequest } from './source.ts';

/**
 * The one number of a source of kind "number", or one of the `numbers` that the operator configured.
 *
 * `minimumRows` cannot guard a single number: how many rows it was made of is not visible in it. Therefore the queries
 * and columns that are allowed for statistics are not available here, except where `minimumRows` is 1 anyway.
 *
 * @param name one of `dataset.numbers`; undefined for the source itself
 * @throws DataError `QUERY_UNKNOWN`; `SELECTION_INVALID` unless there is exactly one row and one column; `NOT_NUMERIC`
 *   when its cell is no decimal number; and the errors of the source
 */
export async function readSingleNumber(
  dataset: Dataset,
  name: string | undefined,
  signal?: AbortSignal,
): Promise<Decimal> {
  const cell = await readSingleCell(dataset, await resolveNumber(dataset, name, signal), signal);
  const value = cell === null ? undefined : tryParseDecimal(cell);
  if (value !== undefined) return value;
  throw new DataError(
    'NOT_NUMERIC',
    `${dataset.source.description}: expected a decimal number in the only row, got ${cell === null ? 'none' : 'other text'}`,
  );
}

async function resolveNumber(dataset: Dataset, name: string | undefined, signal?: AbortSignal): Promise<ReadRequest> {
  const { source, numbers, minimumRows } = dataset;
  if (name === undefined) {
    if (minimumRows === 1) return await resolveSelection(dataset, {}, undefined, signal);
    throw new DataError(
      'SELECTION_INVALID',
      `${source.description}: no number is chosen; choose one of ${listNames(numbers.keys())}, or use get_statistics`,
    );
  }
  const query = allowedQuery(dataset, 'numbers', name);
  const columns = await source.columns(query, signal);
  if (columns.length === 1) return { query, columns };
  throw new DataError(
    'SELECTION_INVALID',
    `${source.description}: expected one column, got ${columns.length}; correct the query of this number`,
  );
}

async function readSingleCell(dataset: Dataset, request: ReadRequest, signal?: AbortSignal): Promise<Cell> {
  const cells: Cell[] = [];
  for await (const rows of dataset.source.read(request, signal)) {
    cells.push(...rows.slice(0, 2).map(([cell = null]) => cell));
    if (cells.length > 1) break;
  }
  const [cell = null] = cells;
  if (cells.length === 1) return cell;
  throw new DataError(
    'SELECTION_INVALID',
    `${dataset.source.description}: expected exactly one row, got ${cells.length === 0 ? 'none' : 'several'}; ` +
      'a number must come from a query that yields one row',
  );
}
