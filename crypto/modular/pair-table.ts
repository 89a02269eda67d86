import { bigIntToBytes, bytesToBigInt, windowDigit } from './bytes.ts';
import type { Pair, PairArithmetic } from './pair-arithmetic.ts';

/** Exponent and window lengths of a table, in bits. */
interface TableShape {
  readonly exponentBits: number;
  readonly windowBits: number;
}

const opened = new WeakMap<Uint8Array, PairTable>();

/**
 * The powers base^(v·2^(w·j)) of one base, for every window j and digit v: a power of the base is then one product per
 * window and no squaring. Stored as big-endian pairs in Montgomery form; entries are read on first use.
 */
export class PairTable {
  readonly #arithmetic: PairArithmetic;
  readonly #rootBytes: number;
  readonly #bytes: Uint8Array;
  readonly #shape: TableShape;
  readonly #entries: (Pair | undefined)[] = [];

  private constructor(arithmetic: PairArithmetic, rootBytes: number, bytes: Uint8Array, shape: TableShape) {
    this.#arithmetic = arithmetic;
    this.#rootBytes = rootBytes;
    this.#bytes = bytes;
    this.#shape = shape;
  }

  /** Size of a table in bytes. */
  static bytes(exponentBits: number, windowBits: number, rootBytes: number): number {
    return windowCount({ exponentBits, windowBits }) * 2 ** windowBits * 2 * rootBytes;
  }

  /** Fills `bytes` with the powers of `base`; a reader of what they held before is forgotten. */
  static build(
    arithmetic: PairArithmetic,
    rootBytes: number,
    bytes: Uint8Array,
    base: bigint,
    exponentBits: number,
    windowBits: number,
  ): void {
    opened.delete(bytes);
    let windowBase = arithmetic.enter(base);
    let offset = 0;
    for (let window = 0; window < windowCount({ exponentBits, windowBits }); window += 1) {
      let entry = arithmetic.one;
      for (let digit = 0; digit < 2 ** windowBits; digit += 1) {
        bytes.set(bigIntToBytes(entry[0], rootBytes), offset);
        bytes.set(bigIntToBytes(entry[1], rootBytes), offset + rootBytes);
        offset += 2 * rootBytes;
        entry = arithmetic.multiply(entry, windowBase);
      }
      windowBase = entry;
    }
  }

  /** Reads a built table; the same `bytes` object gives the same reader, with the entries it has read. */
  static open(arithmetic: PairArithmetic, rootBytes: number, bytes: Uint8Array, shape: TableShape): PairTable {
    const known = opened.get(bytes);
    if (known) return known;
    const table = new PairTable(arithmetic, rootBytes, bytes, shape);
    opened.set(bytes, table);
    return table;
  }

  /** base ^ exponent (big-endian bytes), as a pair. */
  power(exponent: Uint8Array): Pair {
    const { windowBits } = this.#shape;
    let result = this.#arithmetic.one;
    for (let window = 0; window < windowCount(this.#shape); window += 1) {
      const entry = this.#entry((window << windowBits) + windowDigit(exponent, window * windowBits, windowBits));
      result = window === 0 ? entry : this.#arithmetic.multiply(result, entry);
    }
    return result;
  }

  #entry(index: number): Pair {
    const known = this.#entries[index];
    if (known) return known;
    const start = index * 2 * this.#rootBytes;
    const middle = start + this.#rootBytes;
    const entry: Pair = [
      bytesToBigInt(this.#bytes.subarray(start, middle)),
      bytesToBigInt(this.#bytes.subarray(middle, middle + this.#rootBytes)),
    ];
    this.#entries[index] = entry;
    return entry;
  }
}

function windowCount({ exponentBits, windowBits }: TableShape): number {
  return Math.ceil(exponentBits / windowBits);
}
