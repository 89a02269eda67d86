import { setImmediate } from 'node:timers/promises';
import { elementAt } from '../modular/bytes.ts';
import { compute, sharedBytes } from './compute.ts';
import type { PublicState } from './state.ts';
import type { Operation, TaskKey } from './tasks.ts';

/** What a long computation listens to and tells. */
export interface ChunkOptions {
  /** Stops between chunks; the operation rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after every chunk with the ciphertexts done and to do. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** An operation and its inputs, flat buffers of one number for each item. */
export interface Work {
  readonly operation: Operation;
  readonly inputs: readonly Uint8Array[];
  readonly key?: TaskKey;
}

/** Ciphertexts per chunk: enough for all cores; few enough that reading them holds up the event loop for some ms only. */
const CHUNK = 512;
/** The same for packed values, where ciphertexts hold so many that packing them takes longer than reading them. */
const VALUES_PER_CHUNK = 4096;
/** The least that keeps every lane of some threads busy. */
const SMALLEST_CHUNK = 16;
/** Ciphertexts per chunk of sums, checks and products over all: the longer the chunk, the cheaper each of them. */
export const REDUCTION_CHUNK = 4096;

/** Ciphertexts per chunk for `slots` values in each. */
export function chunkLength(slots: number): number {
  return Math.min(CHUNK, Math.max(SMALLEST_CHUNK, Math.ceil(VALUES_PER_CHUNK / slots)));
}

/**
 * Runs `step` on ranges of [0, total), the next one started before the last has ended: this thread prepares one chunk
 * while others compute the one before.
 */
export async function forChunks(
  total: number,
  { signal, onProgress }: ChunkOptions,
  step: (start: number, end: number) => Promise<void>,
  length = CHUNK,
): Promise<void> {
  let last = { done: Promise.resolve(), end: 0 };
  for (let start = 0; start < total; start += length) {
    // Others get their turn before the next chunk is prepared.
    await setImmediate();
    signal?.throwIfAborted();
    const end = Math.min(start + length, total);
    const next = { done: step(start, end), end };
    // Awaited below, after the one before it, which may reject first.
    next.done.catch(() => undefined);
    await last.done;
    if (last.end > 0) onProgress?.(last.end, total);
    last = next;
  }
  await last.done;
  if (total > 0) onProgress?.(last.end, total);
}

/** Computes an elementwise operation chunk by chunk: one number of `width` bytes for each of `total` items. */
export async function mapChunks(
  state: PublicState,
  total: number,
  width: number,
  options: ChunkOptions,
  work: (start: number, end: number) => Work,
  length = CHUNK,
): Promise<Uint8Array> {
  const out = new Uint8Array(total * width);
  const map = (start: number, end: number): Promise<void> =>
    computeInto(state, out.subarray(start * width, end * width), work(start, end), end - start, options.signal);
  await forChunks(total, options, map, length);
  return out;
}

/** Computes an operation that makes one element of all items, chunk by chunk; chunks multiply. */
export async function reduceChunks(
  state: PublicState,
  total: number,
  options: ChunkOptions,
  work: (start: number, end: number) => Work,
): Promise<Uint8Array> {
  const width = state.elementBytes;
  const parts = sharedBytes(Math.ceil(total / REDUCTION_CHUNK) * width);
  const reduce = (start: number, end: number): Promise<void> =>
    computeInto(state, elementAt(parts, start / REDUCTION_CHUNK, width), work(start, end), end - start, options.signal);
  await forChunks(total, options, reduce, REDUCTION_CHUNK);
  const result = sharedBytes(width);
  const product = { operation: { kind: 'product' }, inputs: [parts] } as const;
  await computeInto(state, result, product, parts.length / width, options.signal);
  return result;
}

/** Performs one piece of work on `count` items. */
export function computeInto(
  state: PublicState,
  out: Uint8Array,
  { operation, inputs, key = { n: state.n } }: Work,
  count: number,
  signal?: AbortSignal,
): Promise<void> {
  return compute({ key, operation, inputs, count, out }, { signal });
}

/** Cuts a stream of bytes into buffers of whole elements, at most a chunk of them each. */
export async function* wholeElements(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  width: number,
): AsyncGenerator<Uint8Array> {
  const buffer = sharedBytes(REDUCTION_CHUNK * width);
  let filled = 0;
  for await (const piece of pieces) {
    for (let taken = 0; taken < piece.length;) {
      const length = Math.min(piece.length - taken, buffer.length - filled);
      buffer.set(piece.subarray(taken, taken + length), filled);
      [taken, filled] = [taken + length, filled + length];
      if (filled === buffer.length) {
        yield buffer;
        filled = 0;
      }
    }
  }
  if (filled % width !== 0) {
    throw new RangeError(`stream: expected whole ciphertexts of ${width} bytes, got ${filled % width} bytes too many`);
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
