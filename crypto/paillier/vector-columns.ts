import type { PublicKey } from 'paillier-bigint';
import { bigIntToBytes, bitLength, elementAt, writeBigInt } from '../modular/bytes.ts';
import { absolute } from '../modular/number-theory.ts';
import { checkScale } from './fixed-point.ts';
import { checkMagnitude, maskingOf, publicState } from './state.ts';
import type { MaskingChoice, PublicState } from './state.ts';
import { checkReducible } from './vector-checks.ts';
import { computeInto, forChunks, mapChunks } from './vector-chunks.ts';
import type { VectorOptions } from './vector-operations.ts';
import { CiphertextVector } from './vector.ts';

/**
 * Signed integers of one column: doubles that are whole numbers below 2^52 in magnitude, or bigints for longer ones.
 */
export type IntegerColumn = Float64Array | readonly bigint[];

/** Doubles are exact up to here with the shift that makes them positive. */
const EXACT_BITS = 52;
/** Ciphertexts of one pass: the longer, the cheaper each term; engines take no more at a time. */
const PASS = 16_384;

/** Options of {@link encryptResidues}. */
export interface EncryptResiduesOptions extends VectorOptions {
  /** The values are mantissas at this scale. */
  readonly scaleBits: number;
  /** Where the randomness comes from. @default by what is known of the key */
  readonly masking?: MaskingChoice;
  /** How many will be encrypted under the key in all: decides how long its table is. @default the residues' number */
  readonly expectedCount?: number;
}

/**
 * Encrypts residues modulo n that stand in one flat buffer: the form for values that were masked modulo n, and for very
 * many. The buffer is wiped.
 *
 * @param residues big-endian numbers in [0, n), ⌈|n| / 8⌉ bytes each
 * @throws RangeError when the buffer is not a whole number of residues, or one is n or more
 */
export async function encryptResidues(
  publicKey: PublicKey,
  residues: Uint8Array,
  options: EncryptResiduesOptions,
): Promise<CiphertextVector> {
  const state = publicState(publicKey);
  const { scaleBits, context = '' } = options;
  checkScale(scaleBits);
  const count = checkResidues(state, residues);
  const masking = await maskingOf(state, options.masking, count, options.expectedCount);
  const data = await mapChunks(state, count, state.elementBytes, options, (start, end) => ({
    operation: { kind: 'encrypt', masking },
    inputs: [residues.subarray(start * state.rootBytes, end * state.rootBytes)],
  }));
  return new CiphertextVector({ keyId: state.keyId, scaleBits, count, packing: null, summands: 1n, context, data });
}

/**
 * Σ columns[c][i]·value[i] for several columns at once, of a vector that is not packed: a vector of one value for each
 * column. The ciphertexts are read once and raised to unsigned powers: columns are shifted by 2^k to be positive, and
 * Π cᵢ^(2^k), the same for all columns, is divided out. Re-randomise before sending on.
 *
 * Time and memory accesses depend on the columns: compute where they may be known.
 *
 * @param options.scalarScaleBits the columns' scale, added to the vector's. @default 0
 * @returns `summands` stays that of the vector: the caller bounds |Σ| < n/2
 * @throws RangeError when there is no column, the vector is packed, empty or under another key, or lengths differ
 */
export async function dotColumns(
  publicKey: PublicKey,
  vector: CiphertextVector,
  columns: readonly IntegerColumn[],
  options: VectorOptions & { readonly scalarScaleBits?: number } = {},
): Promise<CiphertextVector> {
  const state = publicState(publicKey);
  checkReducible(state, vector, 'dotColumns');
  if (columns.length === 0) throw new RangeError('dotColumns: expected at least one column, got none');
  const widths = columns.map((column, index) => checkColumn(state, column, vector.count, index));
  const exponentBytes = Math.max(...widths);
  const scaleBits = vector.scaleBits + (options.scalarScaleBits ?? 0);
  checkScale(scaleBits);
  const products = unitElements(state, columns.length);
  // Chunks end one after another, so their products never meet.
  let merged = Promise.resolve();
  const pass = async (start: number, end: number): Promise<void> => {
    const bases = elementsBetween(vector, start, end);
    const part = await passColumns(state, bases, columns, { start, end, exponentBytes }, options.signal);
    merged = merged.then(() => multiplyInto(state, products, part, columns.length));
    await merged;
  };
  await forChunks(vector.count, options, pass, PASS);
  const { keyId, packing, summands } = vector;
  const context = options.context ?? vector.context;
  return new CiphertextVector({ keyId, scaleBits, count: columns.length, packing, summands, context, data: products });
}

interface Pass {
  readonly start: number;
  readonly end: number;
  readonly exponentBytes: number;
}

/** Products of powers of some bases for each column, the shift divided out. */
async function passColumns(
  state: PublicState,
  bases: Uint8Array,
  columns: readonly IntegerColumn[],
  { start, end, exponentBytes }: Pass,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const rows = end - start;
  const exponents = new Uint8Array(columns.length * rows * exponentBytes);
  for (const [index, column] of columns.entries()) {
    const out = elementAt(exponents, index, rows * exponentBytes);
    writeShifted(out, column.slice(start, end), exponentBytes);
  }
  const out = new Uint8Array(columns.length * state.elementBytes);
  const operation = { kind: 'dotColumns', bases, exponentBytes } as const;
  const [shift] = await Promise.all([
    shiftOf(state, bases, exponentBytes, signal),
    computeInto(state, out, { operation, inputs: [exponents] }, columns.length, signal),
  ]);
  exponents.fill(0);
  for (let index = 0; index < columns.length; index += 1) {
    const element = elementAt(out, index, state.elementBytes);
    await computeInto(state, element, { operation: { kind: 'multiply' }, inputs: [element, shift] }, 1, signal);
  }
  return out;
}

/** Π bases ^ (−2^(8·exponentBytes − 1)). */
async function shiftOf(
  state: PublicState,
  bases: Uint8Array,
  exponentBytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const product = new Uint8Array(state.elementBytes);
  const rows = bases.length / state.elementBytes;
  await computeInto(state, product, { operation: { kind: 'product' }, inputs: [bases] }, rows, signal);
  const exponent = bigIntToBytes(1n << BigInt(8 * exponentBytes - 1), exponentBytes);
  const shift = new Uint8Array(state.elementBytes);
  const raise = { kind: 'powerShared', exponent, negative: true } as const;
  await computeInto(state, shift, { operation: raise, inputs: [product] }, 1, signal);
  return shift;
}

async function multiplyInto(state: PublicState, left: Uint8Array, right: Uint8Array, count: number): Promise<void> {
  await computeInto(state, left, { operation: { kind: 'multiply' }, inputs: [left, right] }, count);
}

/** Bytes that hold every value of the column and the bit of the shift. */
function checkColumn(state: PublicState, column: IntegerColumn, rows: number, index: number): number {
  if (column.length !== rows) {
    throw new RangeError(`dotColumns: column ${index}: expected ${rows} values, got ${column.length}`);
  }
  const bits = column instanceof Float64Array ? bitsOfDoubles(column, index) : bitsOfBigInts(state, column);
  return Math.ceil((bits + 1) / 8);
}

function bitsOfDoubles(column: Float64Array, index: number): number {
  let largest = 0;
  for (const value of column) {
    if (!Number.isInteger(value)) {
      throw new RangeError(`dotColumns: column ${index}: expected whole numbers, got another one; round them first`);
    }
    largest = Math.max(largest, Math.abs(value));
  }
  if (largest < 2 ** EXACT_BITS) return bitLength(BigInt(largest));
  throw new RangeError(
    `dotColumns: column ${index}: expected magnitudes below 2^${EXACT_BITS}, got a larger one; give bigints`,
  );
}

function bitsOfBigInts(state: PublicState, column: readonly bigint[]): number {
  let largest = 0n;
  for (const value of column) {
    checkMagnitude(state, value, 'scalar');
    const magnitude = absolute(value);
    if (magnitude > largest) largest = magnitude;
  }
  return bitLength(largest);
}

/** Writes values + 2^(8·width − 1), big-endian. */
function writeShifted(out: Uint8Array, values: IntegerColumn, width: number): void {
  const shift = 1n << BigInt(8 * width - 1);
  if (!(values instanceof Float64Array)) {
    for (const [index, value] of values.entries()) writeBigInt(elementAt(out, index, width), value + shift);
    return;
  }
  // The shift flips the topmost bit of two's complement, whatever the width.
  for (const [index, value] of values.entries()) {
    const last = (index + 1) * width - 1;
    const high = Math.floor(value / 2 ** 32);
    writeWord(out, last, Math.min(width, 4), value - high * 2 ** 32);
    if (width > 4) writeWord(out, last - 4, Math.min(width - 4, 4), high);
    if (width > 8) out.fill(high < 0 ? 0xff : 0, index * width, last - 7);
    out[index * width] = (out[index * width] ?? 0) ^ 0x80;
  }
}

/** Writes the lowest bytes of a number's two's complement, the last at `last`. */
function writeWord(out: Uint8Array, last: number, bytes: number, value: number): void {
  for (let place = 0; place < bytes; place += 1) out[last - place] = (value >>> (8 * place)) & 0xff;
}

function checkResidues(state: PublicState, residues: Uint8Array): number {
  const count = residues.length / state.rootBytes;
  if (!Number.isInteger(count)) {
    throw new RangeError(
      `residues: expected a whole number of ${state.rootBytes} bytes each, got ${residues.length} bytes`,
    );
  }
  const bound = bigIntToBytes(state.n, state.rootBytes);
  for (let index = 0; index < count; index += 1) {
    if (Buffer.compare(elementAt(residues, index, state.rootBytes), bound) >= 0) {
      throw new RangeError(`residue ${index}: expected a number below n, got a larger one; reduce it modulo n`);
    }
  }
  return count;
}

function unitElements(state: PublicState, count: number): Uint8Array {
  const elements = new Uint8Array(count * state.elementBytes);
  for (let index = 1; index <= count; index += 1) elements[index * state.elementBytes - 1] = 1;
  return elements;
}

function elementsBetween(vector: CiphertextVector, start: number, end: number): Uint8Array {
  return vector.data.subarray(start * vector.elementBytes, end * vector.elementBytes);
}
