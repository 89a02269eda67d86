import * as z from 'zod';
import { CiphertextVector, type VectorHeader } from '../crypto/paillier/index.ts';
import { BlobReference } from './blobs/reference.ts';
import type { BlobsAtHand } from './blobs/scope.ts';
import type { BlobCallOptions, BlobStore } from './blobs/store.ts';

/** A vector's ciphertexts travel in its text up to this many bytes, beyond it as a blob. */
export const BLOB_THRESHOLD_BYTES = 256 * 1024;

/** A vector as it travels: its header, and its ciphertexts or where they lie. */
export interface VectorDocument {
  readonly header: VectorHeader;
  /** Raw bytes: big-endian numbers of one width, one after another. */
  readonly data: Uint8Array | BlobReference;
}

/**
 * A vector that is streamed rather than held: read it with {@link openVector}, write it with {@link storeVector}, both
 * with the `blobs` of the function's call.
 */
export const VectorDocument = z.codec(z.string().min(1), z.custom<VectorDocument>(isDocument), {
  decode: (text, context) => {
    try {
      return readDocument(text);
    } catch (error) {
      context.issues.push({ code: 'custom', input: text, message: vectorProblem(error) });
      return z.NEVER;
    }
  },
  encode: ({ header, data }) =>
    data instanceof Uint8Array ? CiphertextVector.join(header, data).toJson() : JSON.stringify({ ...header, data }),
});

function isDocument(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'header' in value && 'data' in value;
}

/** @throws RangeError naming what is wrong */
function readDocument(text: string): VectorDocument {
  const referring = findReference(text);
  if (referring !== undefined) return referring;
  const { header, data } = CiphertextVector.parse(text);
  return { header, data };
}

/**
 * The document of a text that refers to a blob.
 *
 * @returns undefined for one that holds its ciphertexts
 * @throws RangeError naming what is wrong
 */
export function findReference(
  text: string,
): { readonly header: VectorHeader; readonly data: BlobReference } | undefined {
  // What holds its ciphertexts may be long, and is read once only: base64url has no colon.
  if (!text.includes('"sha256:')) return undefined;
  const { data, ...header } = parseObject(text);
  const reference = BlobReference.safeParse(data);
  return reference.success ? { header: CiphertextVector.parseHeader(header), data: reference.data } : undefined;
}

function parseObject(text: string): { readonly data?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** What a codec says of a text that is no vector; never what stands in it. */
export function vectorProblem(error: unknown): string {
  return error instanceof RangeError || error instanceof TypeError ? error.message : 'expected a ctvec';
}

/** The ciphertexts of a vector as a stream, cut anywhere; memory stays that of some pieces. */
export async function* openVector(
  blobs: BlobStore,
  { data }: VectorDocument,
  options: BlobCallOptions = {},
): AsyncGenerator<Uint8Array> {
  if (data instanceof Uint8Array) yield data;
  else yield* blobs.get(data, options);
}

/** Makes a vector of ciphertexts that come as a stream. Few are kept, many stored as a blob. */
export async function storeVector(
  blobs: BlobStore,
  header: VectorHeader,
  chunks: AsyncIterable<Uint8Array>,
  options: BlobCallOptions = {},
): Promise<VectorDocument> {
  const source = chunks[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  for (let byteCount = 0; byteCount <= BLOB_THRESHOLD_BYTES;) {
    const { done, value } = await source.next();
    if (done === true) return { header, data: Buffer.concat(first) };
    first.push(value);
    byteCount += value.length;
  }
  return { header, data: await blobs.put(continued(first, source), options) };
}

async function* continued(first: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  for (;;) {
    const { done, value } = await rest.next();
    if (done === true) return;
    yield value;
  }
}

/**
 * Fetches a vector as a whole.
 *
 * @throws RangeError when it is too large for that, or the bytes do not fit the header; otherwise as {@link BlobStore.get}
 */
export async function fetchVector(
  atHand: BlobsAtHand,
  { header, data }: { readonly header: VectorHeader; readonly data: BlobReference },
): Promise<CiphertextVector> {
  atHand.hold(data.bytes);
  const bytes = new Uint8Array(data.bytes);
  let filled = 0;
  for await (const chunk of atHand.store.get(data)) {
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  return CiphertextVector.join(header, bytes);
}

/** The text of a vector; its ciphertexts lie in a blob where they are many and there is a storage. */
export async function writeVector({ store }: BlobsAtHand, vector: CiphertextVector): Promise<string> {
  if (!(await store.isAvailable())) return vector.toJson();
  return JSON.stringify({ ...vector.header, data: await store.put(vector.data) });
}
