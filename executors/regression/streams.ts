import type { PublicKey } from 'paillier-bigint';
import { CiphertextVector, keyId, validateVector } from '../../crypto/paillier/index.ts';
import type { VectorHeader } from '../../crypto/paillier/index.ts';
import { SharedPool } from '../../crypto/paillier/shared-pool.ts';
import { CHUNK_ROWS } from './batches.ts';
import { contextOf, requireContext } from './contexts.ts';
import type { Place } from './contexts.ts';
import { vectorOf } from './messages.ts';
import type { ByteChunks, CiphertextMessage } from './messages.ts';
import type { RunParameters } from './parameters.ts';
import { refusal } from './refusal.ts';

/** What a vector must say of itself: derived from the parameters by whoever reads it. */
export interface Expected {
  readonly place: Place;
  readonly scaleBits: number;
  readonly count: number;
  /** How many encrypted values each value is the sum of. */
  readonly summands: number;
}

/** What the rounds know of a run. */
export interface RunKey {
  readonly parameters: RunParameters;
  readonly publicKey: PublicKey;
}

/** The header of a vector that has this place in the run. */
export function headerFor({ parameters, publicKey }: RunKey, expected: Expected): VectorHeader {
  return {
    v: 1,
    kind: 'ctvec',
    scheme: 'paillier',
    key: keyId(publicKey),
    scale: expected.scaleBits,
    count: expected.count,
    packing: null,
    summands: String(expected.summands),
    context: contextOf(parameters, expected.place),
  };
}

/**
 * Refuses a vector whose header is not what follows from the parameters.
 *
 * @throws TerminalError `WRONG_KEY`, `WRONG_SCALE`, `WRONG_COUNT`, `WRONG_PACKING`, `WRONG_SUMMANDS`, or as
 *   {@link requireContext}
 */
export function requireHeader(run: RunKey, expected: Expected, header: VectorHeader): void {
  requireContext(run.parameters, expected.place, header.context);
  const wanted = headerFor(run, expected);
  const label = labelOf(expected.place);
  if (header.key !== wanted.key) {
    throw refusal(
      'WRONG_KEY',
      `${label}: expected key ${wanted.key.slice(0, 16)}…, got ${header.key.slice(0, 16)}…; use the key of the run`,
    );
  }
  if (header.scale !== wanted.scale) {
    throw refusal(
      'WRONG_SCALE',
      `${label}: expected scale ${wanted.scale}, got ${header.scale}; it is fixed by the run`,
    );
  }
  if (header.packing !== null) throw refusal('WRONG_PACKING', `${label}: expected one value in a ciphertext, got more`);
  if (header.count !== wanted.count) {
    throw refusal('WRONG_COUNT', `${label}: expected ${wanted.count} values, got ${header.count}`);
  }
  if (header.summands !== wanted.summands) {
    throw refusal(
      'WRONG_SUMMANDS',
      `${label}: expected sums of ${wanted.summands}, got ${header.summands.slice(0, 40)}; every party counts once`,
    );
  }
}

/** How a stream is read. */
export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Rows of each chunk but the last. @default CHUNK_ROWS */
  readonly chunkRows?: number;
  /** Where chunks lie, in turn, from {@link takeBuffers} for as many rows. @default each in memory of its own */
  readonly buffers?: readonly Uint8Array[];
}

/** Buffers of all streams that wait to be used again, at most. */
const pool = new SharedPool(8);
/** One chunk is read while another is worked on. */
const BUFFERS = 2;

/**
 * Memory for the chunks of a stream, which threads read without copying: a chunk's bytes stay until the chunk after the
 * next is asked for, as {@link oneAhead} does it. A stream of less than a chunk needs none.
 */
export function takeBuffers({ parameters }: RunKey, rows: number, chunkRows = CHUNK_ROWS): readonly Uint8Array[] {
  if (rows < chunkRows) return [];
  return Array.from({ length: BUFFERS }, () => pool.take(chunkRows * elementBytesOf(parameters)));
}

/** Gives buffers back that no computation uses any more; after a failure some may: leave them to the garbage collector. */
export function giveBuffers(buffers: readonly Uint8Array[]): void {
  for (const buffer of buffers) pool.give(buffer);
}

/**
 * The ciphertexts of a message in chunks, each validated: in [1, n²) and coprime to n.
 *
 * @throws TerminalError as {@link requireHeader}; `WRONG_COUNT` when the stream is longer or shorter than the header says;
 *   `WRONG_CIPHERTEXT` naming the first number that cannot be one
 */
export async function* validChunks(
  run: RunKey,
  expected: Expected,
  message: CiphertextMessage,
  { signal, chunkRows = CHUNK_ROWS, buffers }: ReadOptions = {},
): AsyncGenerator<CiphertextVector> {
  requireHeader(run, expected, message.header);
  const label = labelOf(expected.place);
  const width = elementBytesOf(run.parameters);
  let row = 0;
  for await (const data of regroup(message.chunks, chunkRows * width, buffers)) {
    const count = Math.min(chunkRows, expected.count - row);
    if (data.length !== count * width) throw wrongLength(label, expected.count);
    const chunk = chunkOf(message.header, data, count);
    await validate(run.publicKey, chunk, `${label}, from row ${row}`, signal);
    row += count;
    yield chunk;
  }
  if (row !== expected.count) throw wrongLength(label, expected.count);
}

/** A small vector in memory, checked like a stream. @throws TerminalError as {@link validChunks} */
export async function validVector(
  run: RunKey,
  expected: Expected,
  message: CiphertextMessage,
  signal?: AbortSignal,
): Promise<CiphertextVector> {
  requireHeader(run, expected, message.header);
  const vector = await vectorOf(message);
  await validate(run.publicKey, vector, labelOf(expected.place), signal);
  return vector;
}

/** The chunk of a stream as a vector of its own. */
function chunkOf(header: VectorHeader, data: Uint8Array, count: number): CiphertextVector {
  const { key, scale, summands, context } = header;
  const counted = { count, packing: null, summands: BigInt(summands), context, data };
  return new CiphertextVector({ keyId: key, scaleBits: scale, ...counted });
}

/**
 * Maps items to results in their order, one item ahead: the main thread prepares one while the threads compute the one
 * before.
 */
export async function* oneAhead<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  map: (item: Item, index: number) => Promise<Result>,
): AsyncGenerator<Result> {
  let pending: Promise<Result> | undefined;
  let index = 0;
  for await (const item of items) {
    const next = map(item, index);
    // Awaited later, after the one before it, which may reject first; or never, when the reader stops.
    next.catch(() => undefined);
    if (pending) yield await pending;
    pending = next;
    index += 1;
  }
  if (pending) yield await pending;
}

/** The chunks of several streams of equal length, side by side. */
export async function* inStep(
  streams: readonly AsyncGenerator<CiphertextVector>[],
): AsyncGenerator<CiphertextVector[]> {
  try {
    for (;;) {
      const results = await Promise.all(streams.map((stream) => stream.next()));
      const chunks = results.flatMap((result): CiphertextVector[] => (result.done === true ? [] : [result.value]));
      if (chunks.length < streams.length) return;
      yield chunks;
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.return(undefined)));
  }
}

async function validate(
  publicKey: PublicKey,
  vector: CiphertextVector,
  label: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await validateVector(publicKey, vector, label, { signal });
  } catch (error) {
    if (error instanceof RangeError) throw refusal('WRONG_CIPHERTEXT', error.message, error);
    throw error;
  }
}

function elementBytesOf({ keyBits }: RunParameters): number {
  return 2 * Math.ceil(keyBits / 8);
}

function labelOf({ round, party }: Place): string {
  return `${round} of ${party}`;
}

function wrongLength(label: string, count: number): Error {
  return refusal('WRONG_COUNT', `${label}: expected the bytes of ${count} ciphertexts, got another number; it was cut`);
}

/**
 * Cuts a stream into buffers of `size` bytes, the last one shorter.
 *
 * @param buffers what is filled, in turn. @default each a new one
 */
export async function* regroup(
  pieces: ByteChunks,
  size: number,
  buffers: readonly Uint8Array[] = [],
): AsyncGenerator<Uint8Array> {
  let place = 0;
  const nextBuffer = (): Uint8Array => {
    const next = buffers[place % buffers.length] ?? new Uint8Array(size);
    place += 1;
    return next;
  };
  let buffer = nextBuffer();
  let filled = 0;
  for await (const piece of pieces) {
    for (let taken = 0; taken < piece.length;) {
      const length = Math.min(piece.length - taken, size - filled);
      buffer.set(piece.subarray(taken, taken + length), filled);
      [taken, filled] = [taken + length, filled + length];
      if (filled === size) {
        yield buffer;
        buffer = nextBuffer();
        filled = 0;
      }
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
