/**
 * Shared memory that is used again. V8 does not count the bytes of a SharedArrayBuffer, so garbage that holds on to some is
 * not collected for their sake: streams that took new ones for every piece would keep hundreds of megabytes alive.
 */

/** Bytes that wait to be used again, at most. */
const KEPT_BYTES = 2 ** 25;
const SMALLEST = 4096;

/** Shared buffers by size, each a power of two. */
export class SharedBuffers {
  readonly #free = new Map<number, SharedArrayBuffer[]>();
  #freeBytes = 0;

  /** A buffer of this length; what it holds is undefined. */
  take(length: number): Uint8Array {
    const capacity = Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(Math.max(1, length))));
    const buffer = this.#free.get(capacity)?.pop();
    if (buffer) this.#freeBytes -= capacity;
    return new Uint8Array(buffer ?? new SharedArrayBuffer(capacity), 0, length);
  }

  /** Gives a buffer of {@link take} back, wiped; nobody may read or write it any more. */
  give(bytes: Uint8Array): void {
    bytes.fill(0);
    const { buffer } = bytes;
    if (!(buffer instanceof SharedArrayBuffer) || this.#freeBytes + buffer.byteLength > KEPT_BYTES) return;
    const free = this.#free.get(buffer.byteLength) ?? [];
    this.#free.set(buffer.byteLength, free);
    free.push(buffer);
    this.#freeBytes += buffer.byteLength;
  }

  /** Lets go of all free buffers. */
  clear(): void {
    this.#free.clear();
    this.#freeBytes = 0;
  }
}
