import * as z from 'zod';
import { BlobReference, type BlobStore } from '../../../colony/blobs.ts';
import { CHUNK_ROWS } from '../batches.ts';
import { contextOf, requireContext } from '../contexts.ts';
import type { Place } from '../contexts.ts';
import { decodeMessage } from '../messages.ts';
import type { ByteChunks } from '../messages.ts';
import type { RunParameters } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import { regroup } from '../streams.ts';
import { areReduced } from './integers.ts';
import { ringOf } from './pads.ts';

/** Masked integers as they travel: a header and raw bytes, inside the text or apart as a blob. */

const Header = z.strictObject({
  v: z.literal(1),
  kind: z.literal('masked'),
  context: z.string().max(512),
  /** Fractional bits of the numbers below the mask. */
  scale: z.int().min(0).max(1024),
  /** The numbers are integers modulo 2^bits. */
  bits: z.int().min(1).max(2048),
  count: z
    .int()
    .min(1)
    .max(2 ** 26),
});
/** What masked integers say of themselves. */
export type MaskedHeader = z.output<typeof Header>;

/** Base64url inside the text, or where the bytes lie. */
const Wire = Header.extend({ data: z.union([z.base64url().max(2 ** 20), BlobReference]) });

/** Masked integers on their way: bytes can be read once unless they are an array. */
export interface MaskedMessage {
  readonly header: MaskedHeader;
  /** Big-endian numbers of ⌈bits / 8⌉ bytes each, cut anywhere. */
  readonly chunks: ByteChunks;
}

/** What masked integers must say of themselves: derived from the parameters by whoever reads them. */
export interface ExpectedIntegers {
  readonly place: Place;
  readonly scaleBits: number;
  readonly bits: number;
  readonly count: number;
}

/** Up to so many bytes travel inside the text. */
const INLINE_BYTES = 256 * 1024;

/** The header of masked integers that have this place in the run. */
export function maskedHeader(parameters: RunParameters, expected: ExpectedIntegers): MaskedHeader {
  const { place, scaleBits, bits, count } = expected;
  return { v: 1, kind: 'masked', context: contextOf(parameters, place), scale: scaleBits, bits, count };
}

/** Makes the text of masked integers: they stand in it when they are few, in a blob when they are many. */
export async function maskedText(
  { header, chunks }: MaskedMessage,
  blobs: BlobStore | undefined,
  signal?: AbortSignal,
): Promise<string> {
  if (blobs && header.count * ringOf(header.bits).bytes > INLINE_BYTES) {
    return JSON.stringify({ ...header, data: await blobs.put(piecesOf(chunks), { signal }) });
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of chunks) pieces.push(new Uint8Array(piece));
  return JSON.stringify({ ...header, data: Buffer.concat(pieces).toString('base64url') });
}

/**
 * Opens masked integers; bytes of a blob are fetched as they are read.
 *
 * @throws TerminalError `BAD_MESSAGE`
 */
export function openMasked(text: string, blobs: BlobStore | undefined, signal?: AbortSignal): MaskedMessage {
  const { data, ...header } = decodeMessage(Wire, text);
  if (typeof data === 'string') return { header, chunks: [Buffer.from(data, 'base64url')] };
  if (blobs) return { header, chunks: blobs.get(data, { signal }) };
  throw refusal('BAD_MESSAGE', 'masked: expected numbers inside the text, got a blob where there is no storage');
}

async function* piecesOf(chunks: ByteChunks): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/**
 * The numbers of a message in chunks of {@link CHUNK_ROWS}, each checked to be below 2^bits.
 *
 * @throws TerminalError `WRONG_SCALE`, `WRONG_COUNT`, `WRONG_PACKING` (other bits), `DAMAGED_SHARES` for a number that is
 *   not reduced, or as `requireContext`
 */
export async function* maskedChunks(
  parameters: RunParameters,
  expected: ExpectedIntegers,
  message: MaskedMessage,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  requireMasked(parameters, expected, message.header);
  const { bits, bytes } = ringOf(expected.bits);
  const label = `${expected.place.round} of ${expected.place.party}`;
  let row = 0;
  for await (const chunk of regroup(message.chunks, CHUNK_ROWS * bytes)) {
    signal?.throwIfAborted();
    const rows = Math.min(CHUNK_ROWS, expected.count - row);
    if (chunk.length !== rows * bytes) throw wrongLength(label, expected.count);
    if (!areReduced(chunk, bytes, bits)) {
      throw refusal('DAMAGED_SHARES', `${label}, from row ${row}: expected numbers below 2^${bits}, got a larger one`);
    }
    row += rows;
    yield chunk;
  }
  if (row !== expected.count) throw wrongLength(label, expected.count);
}

function requireMasked(parameters: RunParameters, expected: ExpectedIntegers, header: MaskedHeader): void {
  requireContext(parameters, expected.place, header.context);
  const label = `${expected.place.round} of ${expected.place.party}`;
  if (header.scale !== expected.scaleBits) {
    throw refusal(
      'WRONG_SCALE',
      `${label}: expected scale ${expected.scaleBits}, got ${header.scale}; the run fixes it`,
    );
  }
  if (header.bits !== expected.bits) {
    throw refusal('WRONG_PACKING', `${label}: expected numbers of ${expected.bits} bits, got ${header.bits}`);
  }
  if (header.count !== expected.count) {
    throw refusal('WRONG_COUNT', `${label}: expected ${expected.count} values, got ${header.count}`);
  }
}

function wrongLength(label: string, count: number): Error {
  return refusal('WRONG_COUNT', `${label}: expected the bytes of ${count} numbers, got another number; it was cut`);
}
