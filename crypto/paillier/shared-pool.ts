import { sharedBytes } from './compute.ts';

/**
 * Large buffers that threads share, to be used again: the garbage collector frees them late, because hardly anything of
 * them lies in its own heap.
 */
export class SharedPool {
  readonly #idle: Uint8Array[] = [];
  readonly #most: number;

  /** @param most buffers that are kept while nobody uses them */
  constructor(most: number) {
    this.#most = most;
  }

  /** A buffer of zeros. */
  take(length: number): Uint8Array {
    const place = this.#idle.findIndex((buffer) => buffer.length === length);
    const [known] = place < 0 ? [] : this.#idle.splice(place, 1);
    return known ?? sharedBytes(length);
  }

  /** Takes a buffer back, and wipes it. */
  give(buffer: Uint8Array): void {
    buffer.fill(0);
    this.#idle.push(buffer);
    if (this.#idle.length > this.#most) this.#idle.shift();
  }
}
