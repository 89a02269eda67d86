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
/** What grouping may cost in memory, whatever stands in the column. */
const MAX_DIFFERENT_GROUPS = 65_536;

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

/** What is summarised. */
export interface SummaryRequest extends Selection {
  /** Tells groups apart; without it, all rows are one. */
  readonly grouping?: Grouping | undefined;
}

/**
 * Count, sum and sum of squares of columns, by group if asked: exactly, in one pass over the rows; memory grows with the
 * number of groups only.
 *
 * Rows of groups that are not listed, or of none, are left out. A group without any value gives zeros. Everything is
 * refused, without telling which column or group it was, when so few values stand in a listed group that they could be
 * single patients, *or in all small groups of the rows together*, listed or not: somebody who asks for all rows and for
 * each large group, however many requests that takes, finds what the small ones hold by subtracting. Rows without a group
 * count as one. Every cell is read, whatever its group, so that a refusal tells nothing about a group.
 *
 * @returns for each column, in the order of the selection, a summary for each group in the order of `grouping.values`
 * @throws DataError `SELECTION_INVALID` for a bad list of groups; `GROUPING_REFUSED` for a column of more than 65 536
 *   groups; `NOT_NUMERIC` with the column, and for the operator the
 *   row; `EMPTY` when a column has no value at all; `TOO_FEW_ROWS` naming `dataset.minimumRows`, not the count; and the
 *   errors of selection and source
 */
export async function summarise(
  dataset: Dataset,
  { grouping, ...selection }: SummaryRequest,
  options: SummaryOptions = {},
): Promise<Summary[][]> {
  const placeOf = groupPlaces(dataset, grouping);
  const request = await resolveSelection(dataset, selection, grouping?.column, options.signal);
  const columnCount = request.columns.length - (grouping === undefined ? 0 : 1);
  const tallies = request.columns
    .slice(0, columnCount)
    .map((column) => new ColumnTally(column, grouping?.values.length ?? 1));
  let rowNumber = 0;
  for await (const rows of dataset.source.read(request, options.signal)) {
    options.signal?.throwIfAborted();
    for (const row of rows) {
      rowNumber += 1;
      const place = placeOf(row[columnCount] ?? null);
      for (const [index, tally] of tallies.entries()) tally.add(row[index] ?? null, place, dataset, rowNumber);
    }
  }
  for (const tally of tallies) tally.requireEnough(dataset);
  return tallies.map((tally) => tally.summaries());
}

/**
 * Tells which place the group of a row has: those listed in the order of the list, then all others as they come. Without
 * grouping there is one place.
 *
 * @throws DataError `SELECTION_INVALID` for too many values, none, or one twice; later `GROUPING_REFUSED`
 */
function groupPlaces(dataset: Dataset, grouping: Grouping | undefined): (cell: Cell) => number {
  if (grouping === undefined) return () => 0;
  const places = new Map(grouping.values.map((value, index) => [groupKey(value), index]));
  if (places.size === 0 || places.size > MAX_GROUPS || places.size !== grouping.values.length) {
    throw new DataError(
      'SELECTION_INVALID',
      `groups: expected 1 to ${MAX_GROUPS} different values, got ${grouping.values.length} of which ${places.size} differ`,
    );
  }
  return (cell) => {
    const key = groupKey(cell);
    const place = places.get(key) ?? places.size;
    if (place >= MAX_DIFFERENT_GROUPS) throw tooManyGroups(dataset);
    if (place === places.size) places.set(key, place);
    return place;
  };
}

/** The sums of one column, one for each listed group, and how many values each of the other groups has. */
class ColumnTally {
  readonly #column: string;
  readonly #sums: readonly RunningSums[];
  readonly #leftOut: number[] = [];

  constructor(column: string, groupCount: number) {
    this.#column = column;
    this.#sums = Array.from({ length: groupCount }, () => new RunningSums());
  }

  add(cell: Cell, place: number, dataset: Dataset, rowNumber: number): void {
    const sums = this.#sums[place];
    if (cell === null || cell.trim() === '') {
      if (sums) sums.missing += 1;
      return;
    }
    const value = tryParseDecimal(cell);
    if (!value) throw notNumeric(dataset, this.#column, rowNumber, cell);
    if (sums) sums.add(value);
    else this.#leftOut[place] = (this.#leftOut[place] ?? 0) + 1;
  }

  requireEnough({ source, minimumRows }: Dataset): void {
    const listed = this.#sums.map(({ count }) => count);
    const leftOut = Object.values(this.#leftOut);
    if (leftOut.length === 0 && listed.every((count) => count === 0)) {
      throw new DataError('EMPTY', `${source.description}: the selection has no value to sum`);
    }
    const inSmallGroups = leftOut.filter((count) => count < minimumRows).reduce((sum, count) => sum + count, 0);
    if ([...listed, inSmallGroups].every((count) => count === 0 || count >= minimumRows)) return;
    throw new DataError(
      'TOO_FEW_ROWS',
      `${source.description}: the selection, a group of it, or all small groups together have fewer than ${minimumRows} ` +
        'values; so few could give single patients away, so nothing is computed',
    );
  }

  summaries(): Summary[] {
    return this.#sums.map((sums) => sums.summary());
  }
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

function notNumeric({ source }: Dataset, column: string, rowNumber: number, cell: string): DataError {
  return new DataError(
    'NOT_NUMERIC',
    `${source.description}, column ${quoteName(column)}: expected decimal numbers, got a cell of other text; the log of ` +
      'this daemon tells its operator which',
    `column ${quoteName(column)}, row ${rowNumber} (the first row after a header is row 1): got ${cell.length} characters ` +
      'that are no decimal number; correct the cell, or empty it if the value is missing',
  );
}

function tooManyGroups({ source }: Dataset): DataError {
  return new DataError(
    'GROUPING_REFUSED',
    `${source.description}: expected grouping by a column of at most ${MAX_DIFFERENT_GROUPS} different values, got more`,
  );
}

function groupKey(text: Cell): string {
  if (text === null) return 'none';
  const number = tryParseDecimal(text);
  return number ? `number ${formatDecimal(number)}` : `text ${text}`;
}
