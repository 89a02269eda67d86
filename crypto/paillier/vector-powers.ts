import type { PublicKey } from 'paillier-bigint';
import { bytesToBigInt } from '../modular/bytes.ts';
import type { PowerAccumulator } from '../modular/engine.ts';
import { describeEngine, localRings, sharedBytes } from './compute.ts';
import { publicState } from './state.ts';
import type { PublicState } from './state.ts';
import { computeInto } from './vector-chunks.ts';

/** Ciphertexts and as many unsigned exponents, big-endian, each of one width, one after another. */
export interface PowerRun {
  readonly ciphertexts: Uint8Array;
  readonly exponents: Uint8Array;
}

/** Options of {@link productOfPowers}. */
export interface PowerOptions {
  /** All exponents are below 2^exponentBits; each takes ⌈exponentBits / 8⌉ bytes. */
  readonly exponentBits: number;
  /** How many there will be in all, roughly: the more, the wider the windows that pay. */
  readonly terms: number;
  /** Stops between runs. */
  readonly signal?: AbortSignal | undefined;
}

/** Terms that are worth a thread of their own. */
const TERMS_FOR_A_THREAD = 2048;
/** Wider windows would cost more memory than time they save. */
const MOST_WINDOW_BITS = 13;
/** Multiplications for each bucket at the end, those that wait for memory counted. */
const BUCKET_COST = 2.5;

/**
 * Π cᵢ^eᵢ over ciphertexts that stream by: an encryption of Σ eᵢ·mᵢ. Memory stays that of two runs and of the buckets of
 * every thread (some 30 MB for 2048-bit keys), however many ciphertexts there are: a run may be overwritten when the one
 * after the next is asked for. Ciphertexts are not validated. The result carries no fresh randomness: add an encryption
 * before sending it.
 *
 * Time and memory accesses depend on the exponents: compute where they may be known.
 *
 * @param runs with 16 384 terms or more each, threads are busy; SharedArrayBuffers are not copied
 * @returns 1 when there is nothing
 * @throws RangeError when a run has other lengths
 */
export async function productOfPowers(
  publicKey: PublicKey,
  runs: AsyncIterable<PowerRun> | Iterable<PowerRun>,
  options: PowerOptions,
): Promise<bigint> {
  const state = publicState(publicKey);
  const accumulators = openAccumulators(state, options);
  let pending = Promise.resolve();
  for await (const run of runs) {
    // Accumulators take one run at a time; the next one was read meanwhile.
    await pending;
    options.signal?.throwIfAborted();
    pending = accumulate(state, accumulators, run, options);
    // Awaited in the next turn.
    pending.catch(() => undefined);
  }
  await pending;
  return bytesToBigInt(await readAll(state, accumulators, options.signal));
}

function openAccumulators(state: PublicState, { exponentBits, terms }: PowerOptions): PowerAccumulator[] {
  const count = Math.max(1, Math.min(describeEngine().threads, Math.floor(terms / TERMS_FOR_A_THREAD)));
  const windowBits = windowFor(Math.ceil(terms / count), exponentBits);
  const length = localRings().square(state.n).accumulatorBytes(exponentBits, windowBits);
  return Array.from({ length: count }, () => ({ bytes: sharedBytes(length), exponentBits, windowBits }));
}

/** The window that costs the fewest multiplications. */
function windowFor(terms: number, exponentBits: number): number {
  const cost = (bits: number): number => Math.ceil(exponentBits / bits) * (terms + BUCKET_COST * 2 ** bits);
  let best = 1;
  for (let bits = 2; bits <= MOST_WINDOW_BITS; bits += 1) if (cost(bits) < cost(best)) best = bits;
  return best;
}

/** Divides a run among the accumulators. */
async function accumulate(
  state: PublicState,
  accumulators: readonly PowerAccumulator[],
  { ciphertexts, exponents }: PowerRun,
  { exponentBits, signal }: PowerOptions,
): Promise<void> {
  const width = state.elementBytes;
  const exponentBytes = Math.ceil(exponentBits / 8);
  const count = ciphertexts.length / width;
  if (!Number.isInteger(count) || exponents.length !== count * exponentBytes) {
    throw new RangeError(
      `productOfPowers: expected ciphertexts of ${width} bytes and exponents of ${exponentBytes}, got ` +
        `${ciphertexts.length} and ${exponents.length} bytes`,
    );
  }
  const share = Math.ceil(count / accumulators.length);
  const parts = accumulators.map(async ({ bytes, windowBits }, index) => {
    const [start, end] = [index * share, Math.min(count, (index + 1) * share)];
    if (start >= end) return;
    const operation = { kind: 'accumulatePowers', exponentBits, windowBits } as const;
    const inputs = [
      ciphertexts.subarray(start * width, end * width),
      exponents.subarray(start * exponentBytes, end * exponentBytes),
    ];
    await computeInto(state, bytes, { operation, inputs }, end - start, signal);
  });
  const failure = (await Promise.allSettled(parts)).find((part) => part.status === 'rejected');
  if (failure) throw failure.reason;
}

/** The product of what all accumulators hold. */
async function readAll(
  state: PublicState,
  accumulators: readonly PowerAccumulator[],
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const products = sharedBytes(accumulators.length * state.elementBytes);
  await Promise.all(
    accumulators.map(({ bytes, exponentBits, windowBits }, index) => {
      const out = products.subarray(index * state.elementBytes, (index + 1) * state.elementBytes);
      const operation = { kind: 'readAccumulator', exponentBits, windowBits } as const;
      return computeInto(state, out, { operation, inputs: [bytes] }, 1, signal);
    }),
  );
  const product = sharedBytes(state.elementBytes);
  const work = { operation: { kind: 'product' }, inputs: [products] } as const;
  await computeInto(state, product, work, accumulators.length, signal);
  return product;
}
