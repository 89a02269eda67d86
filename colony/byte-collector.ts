const LEAST_BLOCK_BYTES = 1024;
const MOST_BLOCK_BYTES = 64 * 1024;

/**
 * Bytes that arrive in parts, held in about as much memory as they are long: whoever sends a body byte by byte, each in a
 * chunk of its own, must not have us keep an object of some hundred bytes for every one.
 */
export class ByteCollector {
  readonly #full: Uint8Array[] = [];
  #open = new Uint8Array(0);
  #used = 0;
  #byteCount = 0;

  /** How many bytes have come. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** Takes the next bytes. The first part is kept as it is, since most bodies are one; others are copied. */
  add(part: Uint8Array): void {
    const isFirst = this.#byteCount === 0;
    this.#byteCount += part.length;
    if (isFirst) this.#full.push(part);
    else this.#copy(part);
  }

  /** All bytes that have come. */
  join(): Buffer {
    const [first] = this.#full;
    if (first !== undefined && first.length === this.#byteCount) {
      return Buffer.from(first.buffer, first.byteOffset, first.length);
    }
    return Buffer.concat([...this.#full, this.#open.subarray(0, this.#used)]);
  }

  #copy(part: Uint8Array): void {
    for (let rest = part; rest.length > 0;) {
      if (this.#used === this.#open.length) this.#openBlock();
      const fitting = rest.subarray(0, this.#open.length - this.#used);
      this.#open.set(fitting, this.#used);
      this.#used += fitting.length;
      rest = rest.subarray(fitting.length);
    }
  }

  #openBlock(): void {
    if (this.#used > 0) this.#full.push(this.#open);
    this.#open = new Uint8Array(Math.min(MOST_BLOCK_BYTES, Math.max(LEAST_BLOCK_BYTES, this.#byteCount)));
    this.#used = 0;
  }
}
