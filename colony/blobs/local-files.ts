import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { toError, UserError } from '../errors.ts';
import type { BlobReference } from './reference.ts';
import type { BlobCallOptions, BlobStore } from './store.ts';

/**
 * Stores a file as a blob, without ever holding all of it in memory.
 *
 * @throws UserError when the file cannot be read; otherwise as {@link BlobStore.put}
 */
export async function putFile(store: BlobStore, path: string, options: BlobCallOptions = {}): Promise<BlobReference> {
  try {
    return await store.put({ path }, options);
  } catch (thrown) {
    throw isOfFile(thrown)
      ? new UserError(`${path}: expected a readable file, got "${toError(thrown).message}"`)
      : thrown;
  }
}

/**
 * Fetches a blob into a file, which appears (or is replaced) only when all of it has come and is right.
 *
 * @throws UserError when the file cannot be written; otherwise as {@link BlobStore.get}
 */
export async function getFile(
  store: BlobStore,
  reference: BlobReference,
  path: string,
  options: BlobCallOptions = {},
): Promise<void> {
  const partial = `${path}.${randomBytes(8).toString('hex')}.partial`;
  try {
    const file = await open(partial, 'wx', 0o600);
    await fill(file, store.get(reference, options));
    await rename(partial, path);
  } catch (thrown) {
    await rm(partial, { force: true });
    throw isOfFile(thrown) ? new UserError(`${path}: expected to write it, got "${toError(thrown).message}"`) : thrown;
  }
}

async function fill(file: FileHandle, content: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Errors of the file system name the call that failed, those of the network another one, our own none. */
function isOfFile(thrown: unknown): boolean {
  const { syscall }: Error & { readonly syscall?: unknown } = toError(thrown);
  return typeof syscall === 'string' && /^(?:open|read|write|fsync|rename|unlink|ftruncate)$/u.test(syscall);
}
