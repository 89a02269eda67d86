import { letOthersWork } from '../../colony/event-loop.ts';
import { additivePlan } from './additive/precision.ts';
import { batchCount, batchRange, CHUNK_ROWS, gradientPacking, isMeasuring } from './batches.ts';
import { requireBounded } from './mantissas.ts';
import { columnsOf, totalColumns } from './parameters.ts';
import type { RunParameters } from './parameters.ts';
import { refusal } from './refusal.ts';
import type { RefusalCode } from './refusal.ts';

/**
 * What a run must satisfy so that its openings tell no single row: each guard stands against an attack that was measured
 * against the protocol without it.
 */

/** Something that a guard found. */
export interface Finding {
  readonly code: RefusalCode;
  readonly message: string;
}

const LEAST_KEY_BITS = 2048;
/** Rows for each coefficient. */
const ROWS_PER_COLUMN = 10;
/** Rows of a column that differ from its most frequent value. */
const LEAST_OFF_MODE = 10;
/** Openings for each row of the table that are accepted where guards are strict. */
const OPENING_BUDGET = 0.1;
/** A pivot below this share of the largest counts as none: the column follows from the others. */
const PIVOT = 1e-10;

/** Coefficients of a run: all columns, and the intercept's where a party owns it. */
function coefficientsOf(parameters: RunParameters): number {
  return totalColumns(parameters) + (parameters.intercept === 'column' ? 1 : 0);
}

/**
 * Openings that a party may ask for, times its columns, for each row of the table: gradients of which each is a number with
 * all its digits tell all residuals at 1. It is no bound for a dishonest party, which can pack residuals of few digits, such
 * as yes-or-no labels, by the hundred into one opening. Protocol B+ fixes the functionals at set-up.
 */
export function openingBudget(parameters: RunParameters, party: string): number {
  return ((parameters.iterations + parameters.retries) * columnsOf(parameters, party)) / parameters.rows;
}

/**
 * Checks what follows from the public parameters alone.
 *
 * @returns what a demonstration goes on in spite of
 * @throws TerminalError `BAD_PARAMETERS`, `KEY_TOO_SHORT`, `FEW_ROWS`, `BATCH_TOO_SMALL`, `OPENING_BUDGET` (strict only),
 *   `OVERFLOW_POSSIBLE`
 */
export function guardParameters(parameters: RunParameters): readonly Finding[] {
  // Plans refuse what could overflow.
  if (parameters.mode === 'additive') additivePlan(parameters);
  else gradientPacking(parameters);
  return judge(parameters, [...findInParameters(parameters)]);
}

function* findInParameters(parameters: RunParameters): Generator<Finding> {
  const { keyBits, rows, guards, mode } = parameters;
  if (keyBits < LEAST_KEY_BITS) {
    yield found('KEY_TOO_SHORT', `keyBits: expected at least ${LEAST_KEY_BITS}, got ${keyBits}; use 3072`);
  }
  if (isMeasuring(parameters, parameters.iterations - 1)) {
    throw refusal(
      'BAD_PARAMETERS',
      `iterations: expected more than ${batchCount(parameters)}, the number of batches, got ${parameters.iterations}: for the ` +
        'loss, the first pass over the batches takes no step; use more iterations, larger batches, or no loss',
    );
  }
  const needed = ROWS_PER_COLUMN * coefficientsOf(parameters);
  if (rows < needed) {
    yield found(
      'FEW_ROWS',
      `rows: expected at least ${needed} (${ROWS_PER_COLUMN} for each coefficient), got ${rows}; use more rows or fewer columns`,
    );
  }
  const smallest = Math.floor(rows / batchCount(parameters));
  if (batchCount(parameters) > 1 && smallest < needed) {
    yield found(
      'BATCH_TOO_SMALL',
      `batchRows: expected batches of at least ${needed} rows (${ROWS_PER_COLUMN} for each coefficient), got ${smallest}; ` +
        'small batches give labels away; use larger ones or full batches',
    );
  }
  if (guards !== 'strict' || mode === 'additive') return;
  for (const { name } of parameters.features) {
    const budget = openingBudget(parameters, name);
    if (budget > OPENING_BUDGET) {
      yield found(
        'OPENING_BUDGET',
        `openings of ${name}: expected at most ${OPENING_BUDGET} for each row, got ${budget.toFixed(3)}; use fewer iterations, ` +
          'more rows, mode "additive", or guards "standard"',
      );
    }
  }
}

/**
 * Checks a feature party's own prepared columns, which no other party sees, while the event loop turns.
 *
 * @param columns without the intercept's column of ones
 * @param names of the columns, for messages
 * @returns what a demonstration goes on in spite of
 * @throws TerminalError `WRONG_COUNT`, `NOT_FINITE`, `MAGNITUDE_EXCEEDED`, `CONSTANT_COLUMN`, `INDICATOR_COLUMN` or
 *   `RANK_DEFICIENT`, naming the column but no value and no row
 */
export async function guardColumns(
  parameters: RunParameters,
  names: readonly string[],
  columns: readonly Float64Array[],
): Promise<readonly Finding[]> {
  const labelOf = (index: number): string => `column ${names[index] ?? index}`;
  for (const [index, column] of columns.entries()) {
    if (column.length !== parameters.rows) {
      throw refusal('WRONG_COUNT', `${labelOf(index)}: expected ${parameters.rows} rows, got ${column.length}`);
    }
    requireFiniteScores(parameters, column, labelOf(index));
    await letOthersWork();
  }
  const support: Finding[] = [];
  for (const [index, column] of columns.entries()) {
    support.push(...findInSupport(parameters, column, labelOf(index)));
    await letOthersWork();
  }
  if (support.some(({ code }) => code === 'CONSTANT_COLUMN')) return judge(parameters, support);
  const dependent = await dependentColumns(await correlations(columns));
  return judge(parameters, [...support, ...dependent.map((index) => dependentFinding(labelOf(index)))]);
}

/** A constant column has scores of 0/0, which its own guard names better. */
function requireFiniteScores(parameters: RunParameters, column: Float64Array, label: string): void {
  if (column.every(Number.isNaN)) throw refusal('CONSTANT_COLUMN', constantMessage(label));
  requireBounded(column, parameters.columnBoundBits, label);
}

function* findInSupport(parameters: RunParameters, column: Float64Array, label: string): Generator<Finding> {
  for (let batch = 0; batch < batchCount(parameters); batch += 1) {
    const { from, to } = batchRange(parameters, batch);
    const offMode = to - from - modeCount(column.subarray(from, to));
    if (offMode === 0 && batchCount(parameters) === 1) {
      yield found('CONSTANT_COLUMN', constantMessage(label));
      return;
    }
    if (offMode < LEAST_OFF_MODE) {
      const where = batchCount(parameters) === 1 ? '' : ` in batch ${batch}`;
      yield found(
        'INDICATOR_COLUMN',
        `${label}: expected at least ${LEAST_OFF_MODE} rows that differ from its most frequent value${where}, got fewer; ` +
          'its gradient would be about these few rows, so drop or merge it',
      );
      return;
    }
  }
}

function constantMessage(label: string): string {
  return `${label}: expected different values, got one value in all rows; drop it`;
}

/** Up to so many numbers are sorted to find the most frequent one. */
const FEW = 64;

/**
 * How often the most frequent value occurs. Of a long column in which none fills more than half of the rows, it is some
 * number up to half of their number: far from all of them, which is what matters here.
 */
function modeCount(column: Float64Array): number {
  if (column.length <= FEW) return sortedModeCount(column);
  const candidate = majorityCandidate(column);
  let count = 0;
  for (const value of column) if (value === candidate) count += 1;
  return count;
}

/** The only value that more than half of a column can have (Boyer and Moore 1981): one pass, no sorting. */
function majorityCandidate(column: Float64Array): number {
  let [candidate, lead] = [Number.NaN, 0];
  for (const value of column) {
    if (lead === 0) candidate = value;
    lead += value === candidate ? 1 : -1;
  }
  return candidate;
}

function sortedModeCount(column: Float64Array): number {
  const sorted = Float64Array.from(column).sort();
  let longest = 0;
  for (let start = 0; start < sorted.length;) {
    let end = start + 1;
    while (end < sorted.length && sorted[end] === sorted[start]) end += 1;
    longest = Math.max(longest, end - start);
    start = end;
  }
  return longest;
}

function dependentFinding(label: string): Finding {
  return found(
    'RANK_DEFICIENT',
    `${label}: expected columns of which none follows from the others, got one that does; drop it`,
  );
}

/** Correlations of all pairs of columns, in the upper triangle. */
async function correlations(columns: readonly Float64Array[]): Promise<number[][]> {
  const centred: Float64Array[] = [];
  for (const column of columns) {
    centred.push(centre(column));
    await letOthersWork();
  }
  const rows = columns[0]?.length ?? 0;
  const sums = centred.map(() => centred.map(() => 0));
  // All pairs for some rows at a time: the numbers stay in the processor's cache.
  for (let from = 0; from < rows; from += CHUNK_ROWS) {
    const to = Math.min(rows, from + CHUNK_ROWS);
    for (const [index, row] of sums.entries()) {
      const left = centred[index] ?? NO_NUMBERS;
      for (let other = index; other < row.length; other += 1) {
        row[other] = dotOnto(row[other] ?? 0, left, centred[other] ?? NO_NUMBERS, from, to);
      }
      await letOthersWork();
    }
  }
  return sums;
}

const NO_NUMBERS = new Float64Array(0);

/** A column moved to mean 0 and scaled to length 1. */
function centre(column: Float64Array): Float64Array {
  let sum = 0;
  for (const value of column) sum += value;
  const mean = sum / column.length;
  let squares = 0;
  for (const value of column) squares += (value - mean) ** 2;
  const length = Math.sqrt(squares);
  return column.map((value) => (value - mean) / length);
}

/** `sum` and the products of two columns in a range of rows. */
function dotOnto(sum: number, left: Float64Array, right: Float64Array, from: number, to: number): number {
  let total = sum;
  for (let row = from; row < to; row += 1) total += (left[row] ?? 0) * (right[row] ?? 0);
  return total;
}

/** The columns that elimination leaves nothing of, by Cholesky's method on the upper triangle. */
async function dependentColumns(upper: number[][]): Promise<number[]> {
  const dependent: number[] = [];
  for (const [pivot, row] of upper.entries()) {
    const size = row[pivot] ?? 0;
    if (size < PIVOT) {
      dependent.push(pivot);
      continue;
    }
    for (let below = pivot + 1; below < upper.length; below += 1) {
      const factor = (row[below] ?? 0) / size;
      const target = upper[below] ?? [];
      for (let column = below; column < upper.length; column += 1) {
        target[column] = (target[column] ?? 0) - factor * (row[column] ?? 0);
      }
    }
    await letOthersWork();
  }
  return dependent;
}

/**
 * Checks the label party's prepared labels.
 *
 * @throws TerminalError `WRONG_COUNT`, `NOT_FINITE` or `MAGNITUDE_EXCEEDED`
 */
export function guardLabels(parameters: RunParameters, base: Float64Array): void {
  if (base.length !== parameters.rows) {
    throw refusal('WRONG_COUNT', `labels: expected ${parameters.rows} rows, got ${base.length}`);
  }
  requireBounded(base, parameters.residualBoundBits, 'labels', parameters.features.length + 1);
}

/**
 * Checks the ids by which rows are aligned: each once.
 *
 * @throws TerminalError `DUPLICATE_IDS`
 */
export function guardIds(ids: readonly string[]): void {
  const distinct = new Set(ids).size;
  if (distinct === ids.length) return;
  throw refusal(
    'DUPLICATE_IDS',
    `ids: expected every id once, got ${ids.length - distinct} more than once; remove the repetitions`,
  );
}

function judge(parameters: RunParameters, findings: readonly Finding[]): readonly Finding[] {
  const [first] = findings;
  if (!first || parameters.guards === 'demonstration') return findings;
  throw refusal(first.code, first.message);
}

function found(code: RefusalCode, message: string): Finding {
  return { code, message };
}
