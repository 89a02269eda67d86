import { embeddedBackend, type EmbeddedBlobs } from './blobs/embedded.ts';
import { s3Backend, type S3Settings } from './blobs/s3.ts';
import { type BlobBackend, type BlobStore, type BlobStoreOptions, createStore } from './blobs/store.ts';

/**
 * Content-addressed storage of values that are too large for a process. All members of a colony use the same one: the
 * Colonies server when it stores blobs, which ours does, or a bucket that speaks S3.
 */

export { getFile, putFile } from './blobs/local-files.ts';
export { BlobReference } from './blobs/reference.ts';
export type { S3Settings } from './blobs/s3.ts';
export { withBlobs } from './blobs/scope.ts';
export { loadS3Settings } from './blobs/settings.ts';
export type { BlobSource } from './blobs/source.ts';
export type { BlobCallOptions, BlobStore, BlobStoreOptions } from './blobs/store.ts';

/** Which storage, and how it is used. */
export interface OpenBlobStoreOptions extends BlobStoreOptions, Omit<EmbeddedBlobs, 'stallMs'> {
  /** The bucket, where there is one; the Colonies server otherwise. */
  readonly s3?: S3Settings | undefined;
  /** In the bucket, the object that is read, where another program has put the bytes there under a key of its own. */
  readonly s3Object?: string | undefined;
  /** A transfer on which nothing moves for so long is given up, and tried again; 30 s unless given. */
  readonly stallMs?: number | undefined;
}

const DEFAULT_STALL_MS = 30_000;

/**
 * Opens the storage of a colony. It holds no connection of its own: there is nothing to close.
 *
 * @example for await (const chunk of openBlobStore({ client, colonyName }).get(reference)) hash.update(chunk);
 */
export function openBlobStore(options: OpenBlobStoreOptions): BlobStore {
  const { s3, s3Object, stallMs = DEFAULT_STALL_MS } = options;
  const backend = s3 === undefined ? embeddedBackend({ ...options, stallMs }) : s3Backend(s3, stallMs, s3Object);
  return createStore(asksOnce(backend), options);
}

/** A server that has told what it can is not asked again. */
function asksOnce(backend: BlobBackend): BlobBackend {
  let known: boolean | undefined;
  return { ...backend, isAvailable: async (signal) => (known ??= await backend.isAvailable(signal)) };
}
