import type { PrivateKey, PublicKey } from 'paillier-bigint';
import { bytesToBigInt, fromBigInts, toBigInts } from '../modular/bytes.ts';
import { absolute } from '../modular/number-theory.ts';
import { sharedBytes } from './compute.ts';
import { signedExponents } from './elements.ts';
import { checkScale } from './fixed-point.ts';
import { ownerTables } from './owner.ts';
import { packValues, unpackValues } from './packing.ts';
import type { PackingPlan } from './packing.ts';
import { checkMagnitude, decodeSigned, encodeSigned, maskingOf, privateState, publicState } from './state.ts';
import type { MaskingChoice, PublicState } from './state.ts';
import type { Operation } from './tasks.ts';
import type { CiphertextRequirements } from './validate.ts';
import { checkAddable, checkCapacity, checkPlan, checkReducible, checkUnderKey, refuseBad } from './vector-checks.ts';
import {
  chunkLength,
  computeInto,
  forChunks,
  mapChunks,
  reduceChunks,
  REDUCTION_CHUNK,
  wholeElements,
} from './vector-chunks.ts';
import type { ChunkOptions, Work } from './vector-chunks.ts';
import { CiphertextVector } from './vector.ts';

/** Options of every operation on vectors. */
export interface VectorOptions extends ChunkOptions {
  /** What the result belongs to. @default the first operand's */
  readonly context?: string;
}

/** Options of {@link encryptVector}. */
export interface EncryptVectorOptions extends VectorOptions {
  /** The values are mantissas at this scale. */
  readonly scaleBits: number;
  /** How values share ciphertexts. @default one ciphertext for each value */
  readonly packing?: PackingPlan | null;
  /** Where the randomness comes from. @default by what is known of the key */
  readonly masking?: MaskingChoice;
  /** How many will be encrypted under the key in all: decides how long its table is. @default the values' number */
  readonly expectedCount?: number;
}

/**
 * Encrypts mantissas.
 *
 * @throws RangeError when a value exceeds the plan's magnitude or would wrap, or the plan does not fit the key
 */
export async function encryptVector(
  publicKey: PublicKey,
  values: readonly bigint[],
  options: EncryptVectorOptions,
): Promise<CiphertextVector> {
  const state = publicState(publicKey);
  const count = ciphertextCount(values, options);
  const masking = await maskingOf(state, options.masking, count, options.expectedCount);
  return encryptWith(state, { operation: { kind: 'encrypt', masking } }, values, options);
}

/** Encrypts mantissas with the private key: faster, and with uniform randomness. @throws RangeError as {@link encryptVector} */
export async function encryptVectorAsOwner(
  privateKey: PrivateKey,
  values: readonly bigint[],
  options: Omit<EncryptVectorOptions, 'masking' | 'expectedCount'>,
): Promise<CiphertextVector> {
  const { state, p, q } = await privateState(privateKey);
  const tables = await ownerTables(state, p, q, ciphertextCount(values, options));
  return encryptWith(state, { key: { p, q }, operation: { kind: 'encryptAsOwner', tables } }, values, options);
}

/**
 * Decrypts to mantissas. Of a packed vector every slot is checked against what its summands can reach.
 *
 * @throws RangeError when the vector was made under another key, holds numbers that are no ciphertexts, or a slot overflows
 */
export async function decryptVector(
  privateKey: PrivateKey,
  vector: CiphertextVector,
  options: VectorOptions = {},
): Promise<bigint[]> {
  const { state, p, q } = await privateState(privateKey);
  await validateVector(state.publicKey, vector, 'vector', { signal: options.signal });
  const values: bigint[] = [];
  const decryptRange = async (start: number, end: number): Promise<void> => {
    const residues = sharedBytes((end - start) * state.rootBytes);
    const work = { key: { p, q }, operation: { kind: 'decrypt' }, inputs: [slice(vector, start, end)] } as const;
    await computeInto(state, residues, work, end - start, options.signal);
    for (const [index, residue] of toBigInts(residues, state.rootBytes).entries()) {
      const first = (start + index) * slotsOf(vector);
      for (const [slot, value] of unpack(vector, decodeSigned(state, residue), first).entries())
        values[first + slot] = value;
    }
    residues.fill(0);
  };
  await forChunks(vector.length, options, decryptRange, chunkLength(slotsOf(vector)));
  return values;
}

/**
 * The values of a vector whose ciphertexts were decrypted elsewhere, such as by {@link combineShares}.
 *
 * @param plaintexts one for each ciphertext of `vector`, in order
 * @throws RangeError when their number is another, the vector claims more summands than planned, or a slot exceeds what
 *   its summands can reach
 */
export function valuesOf(vector: CiphertextVector, plaintexts: readonly bigint[]): bigint[] {
  if (plaintexts.length !== vector.length) {
    throw new RangeError(`valuesOf: expected ${vector.length} plaintexts, got ${plaintexts.length}`);
  }
  checkCapacity(vector.packing, vector.summands);
  return plaintexts.flatMap((plaintext, index) => unpack(vector, plaintext, index * slotsOf(vector)));
}

/**
 * Adds vectors value by value. The result carries the randomness of its summands; call {@link rerandomizeVector} before
 * sending it to a party that knows any of them. The ciphertexts are not validated; call {@link validateVector} on input.
 *
 * @throws RangeError when there is none, they do not belong together, or the plan allows fewer summands
 */
export async function addVectors(
  publicKey: PublicKey,
  vectors: readonly CiphertextVector[],
  options: VectorOptions = {},
): Promise<CiphertextVector> {
  const state = publicState(publicKey);
  const [first, ...others] = vectors;
  if (!first) throw new RangeError('addVectors: expected at least one vector, got none');
  for (const [index, vector] of vectors.entries()) checkAddable(state, first, vector, index);
  const summands = vectors.reduce((total, vector) => total + vector.summands, 0n);
  checkCapacity(first.packing, summands);
  const width = state.elementBytes;
  const data = new Uint8Array(first.data.length);
  const add = async (start: number, end: number): Promise<void> => {
    const sum = data.subarray(start * width, end * width);
    const inputs = vectors.map((vector) => slice(vector, start, end));
    if (others.length === 0) sum.set(slice(first, start, end));
    else await computeInto(state, sum, { operation: { kind: 'multiply' }, inputs }, end - start, options.signal);
  };
  await forChunks(first.length, options, add, REDUCTION_CHUNK);
  return first.with({ data, summands, context: options.context ?? first.context });
}

/**
 * Adds all values of one vector that is not packed: a vector of one value.
 *
 * @throws RangeError when the vector is packed, empty, or made under another key
 */
export async function sumVector(
  publicKey: PublicKey,
  vector: CiphertextVector,
  options: VectorOptions = {},
): Promise<CiphertextVector> {
  const state = publicState(publicKey);
  checkReducible(state, vector, 'sumVector');
  const data = await reduceChunks(state, vector.length, options, (start, end) => ({
    operation: { kind: 'product' },
    inputs: [slice(vector, start, end)],
  }));
  const summands = vector.summands * BigInt(vector.count);
  return vector.with({ data, count: 1, summands, context: options.context ?? vector.context });
}

/**
 * Multiplies every value by one public integer.
 *
 * @param factor a signed mantissa; not 0, which would give everybody the plaintext
 * @param options.factorScaleBits the factor's scale, added to the vector's. @default 0
 * @throws RangeError when the factor is 0 or too large for the plan, or the vector was made under another key
 */
export async function scaleVector(
  publicKey: PublicKey,
  vector: CiphertextVector,
  factor: bigint,
  options: VectorOptions & { readonly factorScaleBits?: number } = {},
): Promise<CiphertextVector> {
  const state = publicState(publicKey);
  checkUnderKey(state, vector, 'scaleVector');
  checkMagnitude(state, factor, 'factor');
  if (factor === 0n) throw new RangeError('scaleVector: expected a factor other than 0, got 0, which masks nothing');
  const summands = vector.summands * absolute(factor);
  checkCapacity(vector.packing, summands);
  const [exponent] = signedExponents([factor]);
  const data = await mapChunks(state, vector.length, state.elementBytes, options, (start, end) => ({
    operation: { kind: 'powerShared', exponent, negative: factor < 0n },
    inputs: [slice(vector, start, end)],
  }));
  const scaleBits = vector.scaleBits + (options.factorScaleBits ?? 0);
  checkScale(scaleBits);
  return vector.with({ data, summands, scaleBits, context: options.context ?? vector.context });
}

/**
 * Σ scalars[i]·value[i] of a vector that is not packed: a vector of one value.
 *
 * @param scalars one signed mantissa for each value
 * @param options.scalarScaleBits the scalars' scale, added to the vector's. @default 0
 * @throws RangeError when the vector is packed, empty or made under another key, or the lengths differ
 */
export async function dotVector(
  publicKey: PublicKey,
  vector: CiphertextVector,
  scalars: readonly bigint[],
  options: VectorOptions & { readonly scalarScaleBits?: number } = {},
): Promise<CiphertextVector> {
  const state = publicState(publicKey);
  checkReducible(state, vector, 'dotVector');
  if (scalars.length !== vector.count) {
    throw new RangeError(`dotVector: expected ${vector.count} scalars, got ${scalars.length}`);
  }
  let weight = 0n;
  const data = await reduceChunks(state, vector.length, options, (start, end) => {
    const part = scalars.slice(start, end);
    for (const scalar of part) {
      checkMagnitude(state, scalar, 'scalar');
      weight += absolute(scalar);
    }
    return { operation: { kind: 'multiExponentiate' }, inputs: [slice(vector, start, end), ...signedExponents(part)] };
  });
  const scaleBits = vector.scaleBits + (options.scalarScaleBits ?? 0);
  checkScale(scaleBits);
  const summands = weight === 0n ? 1n : vector.summands * weight;
  return vector.with({ data, count: 1, scaleBits, summands, context: options.context ?? vector.context });
}

/** Gives every ciphertext fresh randomness. @throws RangeError when the vector was made under another key */
export async function rerandomizeVector(
  publicKey: PublicKey,
  vector: CiphertextVector,
  options: VectorOptions & { readonly masking?: MaskingChoice } = {},
): Promise<CiphertextVector> {
  const state = publicState(publicKey);
  checkUnderKey(state, vector, 'rerandomizeVector');
  const masking = await maskingOf(state, options.masking, vector.length);
  const data = await mapChunks(state, vector.length, state.elementBytes, options, (start, end) => ({
    operation: { kind: 'rerandomize', masking },
    inputs: [slice(vector, start, end)],
  }));
  return vector.with({ data, context: options.context ?? vector.context });
}

/**
 * Checks that a received vector belongs to the key and every number is a ciphertext: in [1, n²) and coprime to n.
 *
 * @param label what the vector is, for the error message
 * @throws RangeError naming the first ciphertext that fails
 */
export async function validateVector(
  publicKey: PublicKey,
  vector: CiphertextVector,
  label = 'vector',
  options: CiphertextRequirements & VectorOptions = {},
): Promise<void> {
  const state = publicState(publicKey);
  checkUnderKey(state, vector, label);
  checkCapacity(vector.packing, vector.summands);
  const verdicts = sharedBytes(vector.length);
  const checkRange = async (start: number, end: number): Promise<void> => {
    const part = verdicts.subarray(start, end);
    const work = { operation: checkOf(options), inputs: [slice(vector, start, end)] };
    await computeInto(state, part, work, end - start, options.signal);
    refuseBad(part, (index) => `${label}: ciphertext ${start + index}`);
  };
  // Long chunks: a gcd for each costs as much as a thousand products.
  await forChunks(vector.length, options, checkRange, REDUCTION_CHUNK);
}

/**
 * The sum of ciphertexts that stream in: bytes of a file or blob, cut anywhere. Memory stays that of a few chunks.
 *
 * @param chunks big-endian ciphertexts of fixed width, one after another
 * @throws RangeError when a number is no ciphertext under the key, or the stream ends within one
 */
export async function sumStream(
  publicKey: PublicKey,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: VectorOptions & CiphertextRequirements = {},
): Promise<{ sum: bigint; count: number }> {
  const state = publicState(publicKey);
  const width = state.elementBytes;
  const [sum, part] = [sharedBytes(width), sharedBytes(width)];
  sum[width - 1] = 1;
  let count = 0;
  for await (const inputs of wholeElements(chunks, width)) {
    const length = inputs.length / width;
    const verdicts = sharedBytes(length);
    await computeInto(state, verdicts, { operation: checkOf(options), inputs: [inputs] }, length, options.signal);
    const first = count;
    refuseBad(verdicts, (index) => `ciphertext ${first + index}`);
    await computeInto(state, part, { operation: { kind: 'product' }, inputs: [inputs] }, length, options.signal);
    await computeInto(state, sum, { operation: { kind: 'multiply' }, inputs: [sum, part] }, 1, options.signal);
    count += length;
    options.onProgress?.(count, count);
  }
  return { sum: bytesToBigInt(sum), count };
}

function checkOf({ refuseUnmasked = false }: CiphertextRequirements): Operation {
  return { kind: 'check', refuseUnmasked };
}

async function encryptWith(
  state: PublicState,
  work: Omit<Work, 'inputs'>,
  values: readonly bigint[],
  { scaleBits, packing = null, context = '', ...options }: EncryptVectorOptions,
): Promise<CiphertextVector> {
  checkScale(scaleBits);
  checkPlan(state, packing);
  const slots = slotsOf({ packing });
  const length = ciphertextCount(values, { packing });
  const encode = (start: number, end: number): Work => ({
    ...work,
    inputs: [encodeResidues(state, packing, values.slice(start * slots, end * slots), start * slots)],
  });
  const data = await mapChunks(state, length, state.elementBytes, options, encode, chunkLength(slots));
  return new CiphertextVector({
    keyId: state.keyId,
    scaleBits,
    count: values.length,
    packing,
    summands: 1n,
    context,
    data,
  });
}

function slotsOf({ packing }: Pick<EncryptVectorOptions, 'packing'>): number {
  return packing?.slotsPerCiphertext ?? 1;
}

function ciphertextCount(values: readonly bigint[], options: Pick<EncryptVectorOptions, 'packing'>): number {
  return Math.ceil(values.length / slotsOf(options));
}

function unpack({ packing, count, summands }: CiphertextVector, plaintext: bigint, first: number): bigint[] {
  if (!packing) return [plaintext];
  return unpackValues(packing, plaintext, Math.min(packing.slotsPerCiphertext, count - first), summands);
}

/** The residues of values, packed if there is a plan. */
function encodeResidues(
  state: PublicState,
  packing: PackingPlan | null,
  values: readonly bigint[],
  firstIndex: number,
): Uint8Array {
  const slots = slotsOf({ packing });
  const residues = Array.from({ length: Math.ceil(values.length / slots) }, (_, index) => {
    const part = values.slice(index * slots, (index + 1) * slots);
    const plaintext = packing ? packValues(packing, part, firstIndex + index * slots) : (part[0] ?? 0n);
    return encodeSigned(state, plaintext, `value ${firstIndex + index}`);
  });
  return fromBigInts(residues, state.rootBytes);
}

function slice(vector: CiphertextVector, start: number, end: number): Uint8Array {
  return vector.data.subarray(start * vector.elementBytes, end * vector.elementBytes);
}
