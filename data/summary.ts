import { resolveSelection, type Dataset, type Selection } from './dataset.ts';
import {
  addDecimals,
  formatDecimal,
  multiplyDecimals,
  normalizeDecimal,
  tryParseDecimal,
  ZERO,
  type Decimal,
} from './decimal.ts';
import { DataError, quoteName } from './errors.ts';
import type { Cell } from './source.ts';

const MAX_GROUPS = 1024;

/**
 * What a party contributes to a mean and a variance over several parties; private until encrypted, `missing` too.
 */
export interface Summary {
  /** Rows with a value. */
  readonly count: number;
  /** Rows without: SQL NULL, empty and blank cells, and the texts the operator declared as such. */
  readonly missing: number;
  /** Exact, without superfluous decimals. */
  readonly sum: Decimal;
  /** Sum of the squared values; exact, without superfluous decimals. */
  readonly sumOfSquares: Decimal;
}

/** Groups to summarise separately. The list is public: it comes from the workflow, never from the rows. */
export interface Grouping {
  /** The column that holds each row's group. */
  readonly column: string;
  /** 1 to 1024 distinct groups. Decimal numbers are compared as numbers (`1` is `1.0`), other text exactly. */
  readonly values: readonly string[];
}

/** How a summary is computed. */
export interface SummaryOptions {
  /** Ends the reading; the promise then rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Count, sum and sum of squares of one column, exactly, in one pass and constant memory.
 *
 * @throws DataError `NOT_NUMERIC` with column and row number but not the cell; `EMPTY` without any value;
 *   `TOO_FEW_ROWS` below `dataset.minimumRows` (naming that threshold, not the count); and the errors of selection
 *   and source
 */
export async function summarise(
  dataset: Dataset,
  selection: Selection,
  options: SummaryOptions = {},
): Promise<Summary> {
  const sums = new RunningSums();
  await visitRows(dataset, selection, undefined, options.signal, () => sums);
  requireEnough(dataset, [sums]);
  return sums.summary();
}

/**
 * The same for each group, in the order of `grouping.values`. Rows of other groups, or of none, are left out.
 *
 * A group without any value gives zeros. If one group has values, but fewer than `dataset.minimumRows`, everything is
 * refused, and the error does not tell which group it was.
 *
 * @throws DataError `SELECTION_INVALID` for a bad list of groups; else as {@link summarise}
 */
export async function summariseGroups(
  dataset: Dataset,
  selection: Selection,
  grouping: Grouping,
  options: SummaryOptions = {},
): Promise<Summary[]> {
  const groups = new Map(grouping.values.map((value) => [groupKey(value), new RunningSums()]));
  if (groups.size === 0 || groups.size > MAX_GROUPS || groups.size < grouping.values.length) {
    throw new DataError(
      'SELECTION_INVALID',
      `groups: expected 1 to ${MAX_GROUPS} different values, got ${grouping.values.length} of which ${groups.size} differ`,
    );
  }
  await visitRows(dataset, selection, grouping.column, options.signal, (group) =>
    group === null ? undefined : groups.get(groupKey(group)),
  );
  requireEnough(dataset, [...groups.values()]);
  return Array.from(groups.values(), (sums) => sums.summary());
}

class RunningSums {
  count = 0;
  missing = 0;
  #sum = ZERO;
  #sumOfSquares = ZERO;

  add(value: Decimal): void {
    this.count += 1;
    this.#sum = addDecimals(this.#sum, value);
    this.#sumOfSquares = addDecimals(this.#sumOfSquares, multiplyDecimals(value, value));
  }

  summary(): Summary {
    return {
      count: this.count,
      missing: this.missing,
      sum: normalizeDecimal(this.#sum),
      sumOfSquares: normalizeDecimal(this.#sumOfSquares),
    };
  }
}

async function visitRows(
  dataset: Dataset,
  selection: Selection,
  groupColumn: string | undefined,
  signal: AbortSignal | undefined,
  sumsOf: (group: Cell) => RunningSums | undefined,
): Promise<void> {
  const request = await resolveSelection(dataset, selection, groupColumn, signal);
  let rowNumber = 0;
  for await (const rows of dataset.source.read(request, signal)) {
    signal?.throwIfAborted();
    for (const [value = null, group = null] of rows) {
      rowNumber += 1;
      const sums = sumsOf(group);
      if (!sums) continue;
      if (!addCell(sums, value)) throw notNumeric(dataset, request.columns[0] ?? '', rowNumber, value ?? '');
    }
  }
}

/** @returns false when the cell holds something that is not a number */
function addCell(sums: RunningSums, cell: Cell): boolean {
  if (cell === null || cell.trim() === '') {
    sums.missing += 1;
    return true;
  }
  const value = tryParseDecimal(cell);
  if (value) sums.add(value);
  return value !== undefined;
}

function notNumeric(dataset: Dataset, column: string, rowNumber: number, cell: string): DataError {
  return new DataError(
    'NOT_NUMERIC',
    `${dataset.source.description}, column ${quoteName(column)}, row ${rowNumber}: expected a decimal number, ` +
      `got ${cell.length} characters of other text; correct the cell, or empty it if the value is missing`,
  );
}

function requireEnough(dataset: Dataset, groups: readonly RunningSums[]): void {
  const { source, minimumRows } = dataset;
  if (groups.every(({ count }) => count === 0)) {
    throw new DataError('EMPTY', `${source.description}: the selection has no value to sum`);
  }
  if (groups.some(({ count }) => count > 0 && count < minimumRows)) {
    throw new DataError(
      'TOO_FEW_ROWS',
      `${source.description}: the selection, or a group of it, has fewer than ${minimumRows} values; ` +
        'so few could give single patients away, so nothing is computed',
    );
  }
}

function groupKey(text: string): string {
  const number = tryParseDecimal(text);
  return number ? `number ${formatDecimal(number)}` : `text ${text}`;
}
