import { createHash } from 'node:crypto';
import { inSteps, letOthersWork } from '../colony/event-loop.ts';
import { type Dataset, resolveSelection, type Selection } from './dataset.ts';
import { DataError, quoteName } from './errors.ts';
import { sortedOrder } from './sorted-order.ts';
import type { Cell } from './source.ts';

/** Which columns are read, and how their rows meet those of other parties. */
export interface AlignmentRequest extends Selection {
  readonly columns: readonly string[];
  /** The column that identifies rows; without it, rows meet by their position in the source. */
  readonly idColumn?: string | undefined;
  /** The ids that all parties have; without them, all ids of the source. */
  readonly commonIds?: readonly string[] | undefined;
}

/** Columns of numbers whose rows stand in the order that all parties share. */
export interface AlignedTable {
  /** Row by row; undefined when rows meet by position. */
  readonly ids: readonly string[] | undefined;
  readonly rowCount: number;
  /** One per requested column. Private. */
  readonly columns: readonly Float64Array[];
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?$/;
const INTEGER = /^(?:0|[1-9]\d{0,14})$/;

/**
 * Reads columns as doubles, in the order that every party with the same ids arrives at: by number when all ids are
 * integers without leading zeros, else by the bytes of their UTF-8. Memory grows with the rows: 8 bytes a value, and the
 * ids.
 *
 * @throws DataError `MISSING_VALUE`, `NOT_NUMERIC`, `DUPLICATE_ID`, `MISSING_ID`, and the errors of selection and source
 */
export async function readAligned(
  dataset: Dataset,
  { idColumn, commonIds, ...selection }: AlignmentRequest,
  signal?: AbortSignal,
): Promise<AlignedTable> {
  const wanted = idColumn === undefined ? selection.columns : [...selection.columns, idColumn];
  const request = await resolveSelection(dataset, { ...selection, columns: wanted }, undefined, signal);
  const columns = selection.columns.map((name) => new NumberColumn(name));
  const ids = idColumn === undefined ? undefined : new Ids(idColumn, await setOf(commonIds));
  let rowNumber = 0;
  for await (const rows of dataset.source.read(request, signal)) {
    signal?.throwIfAborted();
    for (const row of rows) {
      rowNumber += 1;
      if (ids?.take(dataset, row[columns.length] ?? null, rowNumber) === false) continue;
      for (const [index, column] of columns.entries()) column.add(dataset, row[index] ?? null, rowNumber);
    }
    await letOthersWork();
  }
  const values = columns.map((column) => column.finish());
  if (ids === undefined) return { ids: undefined, rowCount: rowNumber, columns: values };
  return inSharedOrder(dataset, ids, values);
}

/** As `new Set(ids)`, step by step; undefined for none. */
async function setOf(ids: readonly string[] | undefined): Promise<ReadonlySet<string> | undefined> {
  if (ids === undefined) return undefined;
  const set = new Set<string>();
  await inSteps(ids.length, (from, to) => {
    for (const id of ids.slice(from, to)) set.add(id);
  });
  return set;
}

/** SHA-256 over the ids, each followed by a line feed, lower-case hexadecimal: equal digests mean equal rows. */
export async function digestOfIds(ids: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  await inSteps(ids.length, (from, to) => {
    hash.update(`${ids.slice(from, to).join('\n')}\n`);
  });
  return hash.digest('hex');
}

/** The ids of the rows that are used, in the order of the source. */
class Ids {
  readonly taken: string[] = [];
  readonly #column: string;
  /** The common ids; undefined without them. */
  readonly wanted: ReadonlySet<string> | undefined;

  constructor(column: string, wanted: ReadonlySet<string> | undefined) {
    this.#column = column;
    this.wanted = wanted;
  }

  /** Whether the row is used. */
  take({ source }: Dataset, cell: Cell, rowNumber: number): boolean {
    const id = cell?.trim() ?? '';
    if (id === '' || id.includes('\n')) {
      throw new DataError(
        'MISSING_ID',
        `${source.description}, column ${quoteName(this.#column)}: expected an id in every row, got a row without; the log of this daemon tells its operator which`,
        `column ${quoteName(this.#column)}, row ${rowNumber} (the first row after a header is row 1): expected an id of one line`,
      );
    }
    if (this.wanted?.has(id) === false) return false;
    this.taken.push(id);
    return true;
  }
}

async function inSharedOrder(
  dataset: Dataset,
  { taken, wanted }: Ids,
  values: readonly Float64Array[],
): Promise<AlignedTable> {
  const order = await sharedOrder(taken);
  const sorted = await inOrder(taken, order);
  await requireDistinct(dataset, sorted);
  if (wanted !== undefined && sorted.length !== wanted.size) {
    throw new DataError(
      'MISSING_ID',
      `${dataset.source.description}: expected a row for each of the common ids, got none for ${wanted.size - sorted.length} of them; agree on the ids that all parties have`,
      `no row has ${await missingIds(wanted, sorted)}; leave them out of the common ids of all parties, or add their rows`,
    );
  }
  const columns: Float64Array[] = [];
  for (const column of values) columns.push(await reordered(column, order));
  return { ids: sorted, rowCount: sorted.length, columns };
}

/** Ids that an operator is shown of those without a row. */
const SHOWN_IDS = 5;

/** The first ids that no row has, in words. */
async function missingIds(wanted: ReadonlySet<string>, taken: readonly string[]): Promise<string> {
  const known = await setOf(taken);
  const missing = [...wanted].filter((id) => known?.has(id) !== true);
  const shown = missing.slice(0, SHOWN_IDS).map(quoteName).join(', ');
  return missing.length > SHOWN_IDS ? `${shown} and ${missing.length - SHOWN_IDS} more` : shown;
}

/** Ids in the order that every party with the same ids arrives at. */
export async function sortIds(ids: readonly string[]): Promise<string[]> {
  return inOrder(ids, await sharedOrder(ids));
}

async function inOrder(ids: readonly string[], order: Uint32Array): Promise<string[]> {
  const sorted: string[] = [];
  await inSteps(order.length, (from, to) => {
    for (const place of order.subarray(from, to)) sorted.push(ids[place] ?? '');
  });
  return sorted;
}

async function reordered(column: Float64Array, order: Uint32Array): Promise<Float64Array> {
  const moved = new Float64Array(order.length);
  await inSteps(order.length, (from, to) => {
    for (let place = from; place < to; place += 1) moved[place] = column[order[place] ?? 0] ?? Number.NaN;
  });
  return moved;
}

async function sharedOrder(ids: readonly string[]): Promise<Uint32Array> {
  const numbers = await integersOf(ids);
  if (numbers !== undefined) {
    return sortedOrder(ids.length, (left, right) => (numbers[left] ?? 0) - (numbers[right] ?? 0));
  }
  const bytes: Buffer[] = [];
  await inSteps(ids.length, (from, to) => {
    for (const id of ids.slice(from, to)) bytes.push(Buffer.from(id));
  });
  return sortedOrder(ids.length, (left, right) => Buffer.compare(bytes[left] ?? NO_BYTES, bytes[right] ?? NO_BYTES));
}

const NO_BYTES = Buffer.alloc(0);

/** The ids as numbers, if all are integers without leading zeros. */
async function integersOf(ids: readonly string[]): Promise<Float64Array | undefined> {
  const numbers = new Float64Array(ids.length);
  let areIntegers = true;
  await inSteps(ids.length, (from, to) => {
    for (let row = from; row < to && areIntegers; row += 1) {
      const id = ids[row] ?? '';
      areIntegers = INTEGER.test(id);
      numbers[row] = Number(id);
    }
  });
  return areIntegers ? numbers : undefined;
}

async function requireDistinct({ source }: Dataset, sorted: readonly string[]): Promise<void> {
  let index = -1;
  await inSteps(sorted.length, (from, to) => {
    for (let place = Math.max(1, from); place < to && index === -1; place += 1) {
      if (sorted[place] === sorted[place - 1]) index = place;
    }
  });
  if (index === -1) return;
  throw new DataError(
    'DUPLICATE_ID',
    `${source.description}: expected every id once, got one twice; the log of this daemon tells its operator which`,
    `id ${quoteName(sorted[index] ?? '')} stands in several rows`,
  );
}

/** A column that grows while it is read. */
class NumberColumn {
  readonly #name: string;
  #values = new Float64Array(4096);
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add(dataset: Dataset, cell: Cell, rowNumber: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count] = readNumber(dataset, this.#name, cell, rowNumber);
    this.#count += 1;
  }

  finish(): Float64Array {
    return this.#values.slice(0, this.#count);
  }
}

function readNumber(dataset: Dataset, column: string, cell: Cell, rowNumber: number): number {
  const text = cell?.trim() ?? '';
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(value)) return value;
  const [code, problem] =
    text === '' ? (['MISSING_VALUE', 'no value'] as const) : (['NOT_NUMERIC', 'text that is no number'] as const);
  throw new DataError(
    code,
    `${dataset.source.description}, column ${quoteName(column)}: expected a number in every row that is used, got ${problem}; the log of this daemon tells its operator which`,
    `column ${quoteName(column)}, row ${rowNumber} (the first row after a header is row 1): got ${problem}; fill it in, or leave the row out of the common ids`,
  );
}
