import { createHash } from 'node:crypto';
import { type Dataset, resolveSelection, type Selection } from './dataset.ts';
import { DataError, quoteName } from './errors.ts';
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
  const ids = idColumn === undefined ? undefined : new Ids(idColumn, commonIds);
  let rowNumber = 0;
  for await (const rows of dataset.source.read(request, signal)) {
    signal?.throwIfAborted();
    for (const row of rows) {
      rowNumber += 1;
      if (ids?.take(dataset, row[columns.length] ?? null, rowNumber) === false) continue;
      for (const [index, column] of columns.entries()) column.add(dataset, row[index] ?? null, rowNumber);
    }
  }
  const values = columns.map((column) => column.finish());
  if (ids === undefined) return { ids: undefined, rowCount: rowNumber, columns: values };
  return inSharedOrder(dataset, ids.taken, commonIds, values);
}

/** SHA-256 over the ids, each followed by a line feed, lower-case hexadecimal: equal digests mean equal rows. */
export function digestOfIds(ids: readonly string[]): string {
  const hash = createHash('sha256');
  for (const id of ids) hash.update(`${id}\n`);
  return hash.digest('hex');
}

/** The ids of the rows that are used, in the order of the source. */
class Ids {
  readonly taken: string[] = [];
  readonly #column: string;
  readonly #wanted: ReadonlySet<string> | undefined;

  constructor(column: string, commonIds: readonly string[] | undefined) {
    this.#column = column;
    this.#wanted = commonIds === undefined ? undefined : new Set(commonIds);
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
    if (this.#wanted?.has(id) === false) return false;
    this.taken.push(id);
    return true;
  }
}

function inSharedOrder(
  dataset: Dataset,
  ids: readonly string[],
  commonIds: readonly string[] | undefined,
  values: readonly Float64Array[],
): AlignedTable {
  const order = sortedOrder(ids);
  const sorted = Array.from(order, (place) => ids[place] ?? '');
  requireDistinct(dataset, sorted);
  if (commonIds !== undefined && sorted.length !== new Set(commonIds).size) {
    const missing = new Set(commonIds).size - sorted.length;
    throw new DataError(
      'MISSING_ID',
      `${dataset.source.description}: expected a row for each of the common ids, got none for ${missing} of them; agree on the ids that all parties have`,
    );
  }
  const columns = values.map((column) => Float64Array.from(order, (place) => column[place] ?? Number.NaN));
  return { ids: sorted, rowCount: sorted.length, columns };
}

/** Ids in the order that every party with the same ids arrives at. */
export function sortIds(ids: readonly string[]): string[] {
  return Array.from(sortedOrder(ids), (place) => ids[place] ?? '');
}

function sortedOrder(ids: readonly string[]): Uint32Array {
  const order = Uint32Array.from(ids, (_, index) => index);
  if (ids.every((id) => INTEGER.test(id))) {
    const numbers = Float64Array.from(ids, Number);
    return order.sort((left, right) => (numbers[left] ?? 0) - (numbers[right] ?? 0));
  }
  const bytes = ids.map((id) => Buffer.from(id));
  return order.sort((left, right) => Buffer.compare(bytes[left] ?? NO_BYTES, bytes[right] ?? NO_BYTES));
}

const NO_BYTES = Buffer.alloc(0);

function requireDistinct({ source }: Dataset, sorted: readonly string[]): void {
  const index = sorted.findIndex((id, place) => place > 0 && id === sorted[place - 1]);
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
