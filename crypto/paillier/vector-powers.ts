import type { PublicKey } from 'paillier-bigint';
import { bytesToBigInt } from '../modular/bytes.ts';
import type { PowerAccumulator } from '../modular/engine.ts';
import { describeEngine, localRings, sharedBytes } from './compute.ts';
import { SharedPool } from './shared-pool.ts';
import { publicState } from './state.ts';
import type { PublicState } from './state.ts';
import { computeInto, mapChunks } from './vector-chunks.ts';
import type { ChunkOptions } from './vector-chunks.ts';

/** Options of {@link productOfPowers}. */
export interface PowerOptions {
  /** All exponents are below 2^exponentBits; each takes ⌈exponentBits / 8⌉ bytes. */
  readonly exponentBits: number;
  /** Whether ciphertexts come as {@link splitCiphertexts} makes them, which takes a fifth less time. @default false */
  readonly isSplit?: boolean;
  /** Stops between runs. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of a run of ciphertexts: long runs keep threads busy, and two of them are in memory. */
const RUN_BYTES = 2 ** 24;
/** Terms that are worth a thread of their own. */
const TERMS_FOR_A_THREAD = 2048;
/** Wider windows would cost more memory than time they save. */
const MOST_WINDOW_BITS = 13;
/** Multiplications for each bucket at the end, those that wait for memory counted. */
const BUCKET_COST = 2.5;

const pool = new SharedPool(8);

/** Room for some ciphertexts and their exponents. */
interface RunBuffers {
  readonly ciphertexts: Uint8Array;
  readonly exponents: Uint8Array;
}

/** As many terms as stand at the front of its buffers. */
interface Run extends RunBuffers {
  readonly count: number;
}

const NONE = new Uint8Array(0);

/**
 * Π cᵢ^eᵢ over ciphertexts that stream by: an encryption of Σ eᵢ·mᵢ. Beside the exponents, memory stays that of two runs
 * and the buckets of every thread (34 MB, and 26 MB for each thread, with 2048-bit keys and exponents of 64 bits). The
 * ciphertexts are not validated. The result carries no fresh randomness: add an encryption before sending it.
 *
 * Time and memory accesses depend on the exponents: compute where they may be known.
 *
 * @param ciphertexts bytes of ciphertexts of one width, one after another, cut anywhere
 * @param exponents as many unsigned big-endian numbers
 * @returns 1 when there is nothing
 * @throws RangeError when there are more or fewer ciphertexts than exponents
 */
export async function productOfPowers(
  publicKey: PublicKey,
  ciphertexts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  exponents: Uint8Array,
  { exponentBits, isSplit = false, signal }: PowerOptions,
): Promise<bigint> {
  const state = publicState(publicKey);
  const exponentBytes = Math.ceil(exponentBits / 8);
  const terms = exponents.length / exponentBytes;
  const accumulators = takeAccumulators(state, terms, { exponentBits, isSplit });
  const buffers = takeBuffers(state, terms, exponentBytes);
  let pending = Promise.resolve();
  try {
    for await (const run of runsOf(buffers, state.elementBytes, ciphertexts, exponents, exponentBytes)) {
      // Accumulators take one run at a time; the next one was read meanwhile.
      await pending;
      signal?.throwIfAborted();
      pending = accumulate(state, accumulators, run, signal);
      // Awaited in the next turn.
      pending.catch(() => undefined);
    }
    await pending;
    return bytesToBigInt(await readAll(state, accumulators, signal));
  } finally {
    // Threads may still be at work when reading has failed.
    await pending.catch(() => undefined);
    for (const { bytes } of accumulators) pool.give(bytes);
    for (const buffer of buffers.flatMap((run) => [run.ciphertexts, run.exponents])) pool.give(buffer);
  }
}

function takeAccumulators(
  state: PublicState,
  terms: number,
  { exponentBits, isSplit }: Pick<PowerAccumulator, 'exponentBits' | 'isSplit'>,
): PowerAccumulator[] {
  const count = Math.max(1, Math.min(describeEngine().threads, Math.floor(terms / TERMS_FOR_A_THREAD)));
  const windowBits = windowFor(Math.ceil(terms / count), exponentBits);
  const length = localRings().square(state.n).accumulatorBytes(exponentBits, windowBits);
  return Array.from({ length: count }, () => ({ bytes: pool.take(length), exponentBits, windowBits, isSplit }));
}

/** The window that costs the fewest multiplications. */
function windowFor(terms: number, exponentBits: number): number {
  const cost = (bits: number): number => Math.ceil(exponentBits / bits) * (terms + BUCKET_COST * 2 ** bits);
  let best = 1;
  for (let bits = 2; bits <= MOST_WINDOW_BITS; bits += 1) if (cost(bits) < cost(best)) best = bits;
  return best;
}

function takeBuffers({ elementBytes }: PublicState, terms: number, exponentBytes: number): RunBuffers[] {
  const most = Math.max(1, Math.min(terms, Math.floor(RUN_BYTES / elementBytes)));
  return [0, 1].map(() => ({
    ciphertexts: pool.take(most * elementBytes),
    exponents: pool.take(most * exponentBytes),
  }));
}

/** Cuts a stream into runs, in buffers that take turns: a run is overwritten when the next but one is asked for. */
async function* runsOf(
  buffers: readonly RunBuffers[],
  elementBytes: number,
  ciphertexts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  exponents: Uint8Array,
  exponentBytes: number,
): AsyncGenerator<Run> {
  const terms = exponents.length / exponentBytes;
  let first = 0;
  for await (const { buffer, filled } of fillInTurns(ciphertexts, buffers)) {
    const count = filled / elementBytes;
    if (!Number.isInteger(count) || first + count > terms) throw wrongTerms(terms, first * elementBytes + filled);
    buffer.exponents.set(exponents.subarray(first * exponentBytes, (first + count) * exponentBytes));
    first += count;
    yield { ...buffer, count };
  }
  if (first !== terms) throw wrongTerms(terms, first * elementBytes);
}

/** Fills buffers in turns, the last one perhaps not to its end. */
async function* fillInTurns(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  buffers: readonly RunBuffers[],
): AsyncGenerator<{ buffer: RunBuffers; filled: number }> {
  let [turn, filled] = [0, 0];
  const current = (): RunBuffers => buffers[turn % buffers.length] ?? { ciphertexts: NONE, exponents: NONE };
  for await (const piece of pieces) {
    for (let taken = 0; taken < piece.length;) {
      const buffer = current();
      const length = Math.min(piece.length - taken, buffer.ciphertexts.length - filled);
      buffer.ciphertexts.set(piece.subarray(taken, taken + length), filled);
      [taken, filled] = [taken + length, filled + length];
      if (filled === buffer.ciphertexts.length) {
        yield { buffer, filled };
        [turn, filled] = [turn + 1, 0];
      }
    }
  }
  if (filled > 0) yield { buffer: current(), filled };
}

function wrongTerms(terms: number, bytes: number): RangeError {
  return new RangeError(
    `productOfPowers: expected ${terms} ciphertexts, as many as there are exponents, got ${bytes} bytes`,
  );
}

/**
 * Splits ciphertexts for {@link productOfPowers}, once for many products: c mod n and ⌊c / n⌋ of each, as wide as they
 * were, the same on every machine.
 *
 * @param ciphertexts of one width, one after another
 */
export async function splitCiphertexts(
  publicKey: PublicKey,
  ciphertexts: Uint8Array,
  options: ChunkOptions = {},
): Promise<Uint8Array> {
  const state = publicState(publicKey);
  const width = state.elementBytes;
  return mapChunks(state, ciphertexts.length / width, width, options, (start, end) => ({
    operation: { kind: 'split' },
    inputs: [ciphertexts.subarray(start * width, end * width)],
  }));
}

/** Divides a run among the accumulators. */
async function accumulate(
  state: PublicState,
  accumulators: readonly PowerAccumulator[],
  { ciphertexts, exponents, count }: Run,
  signal: AbortSignal | undefined,
): Promise<void> {
  const share = Math.ceil(count / accumulators.length);
  const parts = accumulators.map(async ({ bytes, ...shape }, index) => {
    const [start, end] = [index * share, Math.min(count, (index + 1) * share)];
    if (start >= end) return;
    const [width, exponentBytes] = [state.elementBytes, Math.ceil(shape.exponentBits / 8)];
    const operation = { kind: 'accumulatePowers', ...shape } as const;
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
    accumulators.map(({ bytes, ...shape }, index) => {
      const out = products.subarray(index * state.elementBytes, (index + 1) * state.elementBytes);
      const operation = { kind: 'readAccumulator', ...shape } as const;
      return computeInto(state, out, { operation, inputs: [bytes] }, 1, signal);
    }),
  );
  const product = sharedBytes(state.elementBytes);
  const work = { operation: { kind: 'product' }, inputs: [products] } as const;
  await computeInto(state, product, work, accumulators.length, signal);
  return product;
}
