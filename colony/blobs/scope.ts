import { AsyncLocalStorage } from 'node:async_hooks';
import type { BlobStore } from './store.ts';

/** The storage at hand while the values of one call are read and written. */
export interface BlobsAtHand {
  readonly store: BlobStore;
  /**
   * Counts bytes that are going to be held in memory.
   *
   * @throws RangeError when all of one call together are more than 512 MiB
   */
  hold(bytes: number): void;
}

const MAX_HELD_BYTES = 512 * 1024 ** 2;

/**
 * Codecs stand deep within others and take no arguments; so what surrounds them says once where blobs lie, and a codec that
 * meets one becomes asynchronous.
 */
const surrounding = new AsyncLocalStorage<BlobsAtHand>();

/** Runs something within which codecs fetch what is referred to, and store what is too large for a process. */
export function withBlobs<T>(store: BlobStore, body: () => Promise<T>): Promise<T> {
  let heldBytes = 0;
  const hold = (bytes: number): void => {
    heldBytes += bytes;
    if (heldBytes <= MAX_HELD_BYTES) return;
    throw new RangeError(
      `blob: expected at most ${MAX_HELD_BYTES} bytes of values that are held as a whole, got ${heldBytes}; stream them`,
    );
  };
  return surrounding.run({ store, hold }, body);
}

/** The storage at hand, if any. */
export function blobsAtHand(): BlobsAtHand | undefined {
  return surrounding.getStore();
}
