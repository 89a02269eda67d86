import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobNamed, type BlobReference, referenceTo } from './reference.ts';

/** What can be stored: bytes at hand, a stream of them, a file. */
export type BlobSource = Uint8Array | AsyncIterable<Uint8Array> | { readonly path: string };

/** Content whose name is known, and that can be read more than once: an upload may have to begin again. */
export interface MeasuredContent extends AsyncDisposable {
  readonly reference: BlobReference;
  /** The bytes from the beginning. */
  read(): AsyncIterable<Uint8Array>;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Reads content once to learn its name. A stream is kept in a temporary file meanwhile, which has no name in the file
 * system, so that nothing is left of it however this process ends.
 */
export async function measure(source: BlobSource, signal: AbortSignal | undefined): Promise<MeasuredContent> {
  if (source instanceof Uint8Array) {
    return { reference: referenceTo(source), read: () => slices(source), [Symbol.asyncDispose]: async () => {} };
  }
  if ('path' in source) return measureFile(await open(source.path, 'r'), signal);
  return measureFile(await spool(source, signal), signal);
}

async function* slices(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.length; start += CHUNK_BYTES) yield content.subarray(start, start + CHUNK_BYTES);
}

async function spool(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<FileHandle> {
  const path = join(tmpdir(), `sealed-colonies-${randomBytes(16).toString('hex')}`);
  const file = await open(path, 'wx+', 0o600);
  try {
    await unlink(path);
    for await (const chunk of source) {
      signal?.throwIfAborted();
      await file.writeFile(chunk);
    }
    return file;
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

async function measureFile(file: FileHandle, signal: AbortSignal | undefined): Promise<MeasuredContent> {
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of readFrom(file)) {
      signal?.throwIfAborted();
      hash.update(chunk);
      bytes += chunk.length;
    }
    const reference = { blob: blobNamed(hash.digest('hex')), bytes };
    return { reference, read: () => readFrom(file), [Symbol.asyncDispose]: () => file.close() };
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

/** Not a stream of Node: the end of one, in whatever way, closes the file. */
async function* readFrom(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let position = 0; ;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
