import { type Dataset, resolveSelection } from './dataset.ts';
import { type Decimal, tryParseDecimal } from './decimal.ts';
import { DataError } from './errors.ts';
import type { Cell } from './source.ts';

/**
 * The one number that a source of kind "number" holds, or that an operator's query yields.
 *
 * @param query name of an allowed query; undefined for the source itself
 * @throws DataError `SELECTION_INVALID` unless there is exactly one row and one column, `NOT_NUMERIC` when its cell is no
 *   decimal number, and the errors of selection and source
 */
export async function readSingleNumber(
  dataset: Dataset,
  query: string | undefined,
  signal?: AbortSignal,
): Promise<Decimal> {
  const request = await resolveSelection(dataset, { query }, undefined, signal);
  const cells: Cell[] = [];
  for await (const rows of dataset.source.read(request, signal)) {
    cells.push(...rows.slice(0, 2).map(([cell = null]) => cell));
    if (cells.length > 1) break;
  }
  const [cell = null] = cells;
  if (cells.length !== 1) {
    throw new DataError(
      'SELECTION_INVALID',
      `${dataset.source.description}: expected exactly one row, got ${cells.length === 0 ? 'none' : 'several'}; ` +
        'ask for a query that yields one number, or use get_statistics',
    );
  }
  const value = cell === null ? undefined : tryParseDecimal(cell);
  if (value === undefined) {
    throw new DataError(
      'NOT_NUMERIC',
      `${dataset.source.description}: expected a decimal number in the only row, got none`,
    );
  }
  return value;
}
