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

/** What is summarised. */
export interface SummaryRequest extends Selection {
  /** Tells groups apart; without it, all rows are one. */
  readonly grouping?: Grouping | undefined;
}

/**
 * Count, sum and sum of squares of columns, by group if asked: exactly, in one pass over the rows and constant memory.
 *
 * Rows of groups that are not listed, or of none, are left out. A group without any value gives zeros. Everything is
 * refused, without telling which column or group it was, when so few values stand in a group, *or are left out*, that they
 * could be single patients: the difference between all rows and the listed groups would show those that are left out.
 * Every cell is read, whatever its group, so that a refusal tells nothing about a group.
 *
 * @returns for each column, in the order of the selection, a summary for each group in the order of `grouping.values`
 * @throws DataError `SELECTION_INVALID` for a bad list of groups; `NOT_NUMERIC` with the column, and for the operator the
 *   row; `EMPTY` when a column has no value at all; `TOO_FEW_ROWS` naming `dataset.minimumRows`, not the count; and the
 *   errors of selection and source
 */
export async function summarise(
  dataset: Dataset,
  { grouping, ...selection }: SummaryRequest,
  options: SummaryOptions = {},
): Promise<Summary[][]> {
  const groupIndex = indexGroups(grouping);
  const request = await resolveSelection(dataset, selection, grouping?.column, options.signal);
  const columnCount = request.columns.length - (grouping === undefined ? 0 : 1);
  const tallies = request.columns.slice(0, columnCount).map((column) => new ColumnTally(column, groupIndex?.size ?? 1));
  let rowNumber = 0;
  for await (const rows of dataset.source.read(request, options.signal)) {
    options.signal?.throwIfAborted();
    for (const row of rows) {
      rowNumber += 1;
      const group = groupIndex === undefined ? 0 : groupOf(groupIndex, row[columnCount] ?? null);
      for (const [index, tally] of tallies.entries()) tally.add(row[index] ?? null, group, dataset, rowNumber);
    }
  }
  for (const tally of tallies) tally.requireEnough(dataset);
  return tallies.map((tally) => tally.summaries());
}

/** Where each group stands in the list; undefined without grouping. */
function indexGroups(grouping: Grouping | undefined): ReadonlyMap<string, number> | undefined {
  if (grouping === undefined) return undefined;
  const groups = new Map(grouping.values.map((value, index) => [groupKey(value), index]));
  if (groups.size > 0 && groups.size <= MAX_GROUPS && groups.size === grouping.values.length) return groups;
  throw new DataError(
    'SELECTION_INVALID',
    `groups: expected 1 to ${MAX_GROUPS} different values, got ${grouping.values.length} of which ${groups.size} differ`,
  );
}

function groupOf(groups: ReadonlyMap<string, number>, cell: Cell): number | undefined {
  return cell === null ? undefined : groups.get(groupKey(cell));
}

/** The sums of one column, one for each group, and how many values belong to no listed group. */
class ColumnTally {
  readonly #column: string;
  readonly #sums: readonly RunningSums[];
  #leftOut = 0;

  constructor(column: string, groupCount: number) {
    this.#column = column;
    this.#sums = Array.from({ length: groupCount }, () => new RunningSums());
  }

  add(cell: Cell, group: number | undefined, dataset: Dataset, rowNumber: number): void {
    const sums = group === undefined ? undefined : this.#sums[group];
    if (cell === null || cell.trim() === '') {
      if (sums) sums.missing += 1;
      return;
    }
    const value = tryParseDecimal(cell);
    if (!value) throw notNumeric(dataset, this.#column, rowNumber, cell);
    if (sums) sums.add(value);
    else this.#leftOut += 1;
  }

  requireEnough({ source, minimumRows }: Dataset): void {
    if (this.#leftOut === 0 && this.#sums.every(({ count }) => count === 0)) {
      throw new DataError('EMPTY', `${source.description}: the selection has no value to sum`);
    }
    const counts = [this.#leftOut, ...this.#sums.map(({ count }) => count)];
    if (counts.every((count) => count === 0 || count >= minimumRows)) return;
    throw new DataError(
      'TOO_FEW_ROWS',
      `${source.description}: the selection, a group of it, or what its groups leave out has fewer than ${minimumRows} ` +
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

function groupKey(text: string): string {
  const number = tryParseDecimal(text);
  return number ? `number ${formatDecimal(number)}` : `text ${text}`;
}
