import { bitLength, bytesToBigInt, elementAt, toBigInts, windowDigit, writeBigInt } from './bytes.ts';
import { BigIntFactoredRing } from './bigint-factored-ring.ts';
import type { FixedBaseTable, ModularEngine, PowerAccumulator, SquareRing } from './engine.ts';
import { accumulatePlainly, plainAccumulatorBytes, readPlainly } from './plain-accumulator.ts';
import { PairTable } from './pair-table.ts';
import { PairArithmetic } from './pair-arithmetic.ts';
import type { Pair } from './pair-arithmetic.ts';

/**
 * The engine that needs nothing but JavaScript: pair arithmetic on BigInt. It runs everywhere and is the reference that
 * every other engine is compared with. BigInt arithmetic takes time that depends on its operands, so work on secrets is
 * blinded instead (see {@link BigIntFactoredRing}).
 */
export const bigIntEngine: ModularEngine = {
  name: 'bigint',
  lanes: 1,
  constantTime: false,
  openRing: (root) => new BigIntSquareRing(root),
  openFactoredRing: (p, q) => new BigIntFactoredRing(p, q),
};

class BigIntSquareRing implements SquareRing {
  readonly root: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  readonly #pairs: PairArithmetic;
  readonly #square: bigint;

  constructor(root: bigint) {
    this.#pairs = new PairArithmetic(root);
    this.#square = root * root;
    this.root = root;
    this.rootBytes = Math.ceil(bitLength(root) / 8);
    this.elementBytes = 2 * this.rootBytes;
  }

  multiply(out: Uint8Array, left: Uint8Array, right: Uint8Array): void {
    const width = this.elementBytes;
    const shared = right.length === width ? bytesToBigInt(right) : undefined;
    this.#forEach(out, (index) => {
      const factor = shared ?? bytesToBigInt(elementAt(right, index, width));
      return (bytesToBigInt(elementAt(left, index, width)) * factor) % this.#square;
    });
  }

  product(out: Uint8Array, elements: Uint8Array): void {
    let result = 1n;
    for (let start = 0; start < elements.length; start += this.elementBytes) {
      result = (result * bytesToBigInt(elements.subarray(start, start + this.elementBytes))) % this.#square;
    }
    writeBigInt(out, result);
  }

  multiplyByOnePlus(out: Uint8Array, elements: Uint8Array, residues: Uint8Array): void {
    this.#forEach(out, (index) => {
      const element = bytesToBigInt(elementAt(elements, index, this.elementBytes));
      const residue = bytesToBigInt(elementAt(residues, index, this.rootBytes));
      const high = element / this.root;
      const low = element - high * this.root;
      return low + ((high + residue * low) % this.root) * this.root;
    });
  }

  power(out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void {
    this.#forEach(out, (index) => {
      const base = this.#pairs.enter(bytesToBigInt(elementAt(bases, index, this.elementBytes)));
      const exponent = bytesToBigInt(elementAt(exponents, index, exponentBytes));
      return this.#pairs.leave(this.#pairs.power(base, exponent));
    });
  }

  powerShared(out: Uint8Array, bases: Uint8Array, exponent: Uint8Array): void {
    const shared = bytesToBigInt(exponent);
    this.#forEach(out, (index) => {
      const base = this.#pairs.enter(bytesToBigInt(elementAt(bases, index, this.elementBytes)));
      return this.#pairs.leave(this.#pairs.power(base, shared));
    });
  }

  multiExponentiate(out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void {
    const pairs = toBigInts(bases, this.elementBytes).map((base) => this.#pairs.enter(base));
    const windowBits = pippengerWindowBits(pairs.length);
    let result = this.#pairs.one;
    for (let window = Math.ceil((exponentBytes * 8) / windowBits) - 1; window >= 0; window -= 1) {
      for (let i = 0; i < windowBits; i += 1) result = this.#pairs.squareOf(result);
      const digits = pairs.map((_, index) =>
        windowDigit(elementAt(exponents, index, exponentBytes), window * windowBits, windowBits),
      );
      result = this.#pairs.multiply(result, this.#bucketProduct(pairs, digits, windowBits));
    }
    writeBigInt(out, this.#pairs.leave(result));
  }

  accumulatorBytes(): number {
    return plainAccumulatorBytes(this);
  }

  accumulatePowers(accumulator: PowerAccumulator, bases: Uint8Array, exponents: Uint8Array): void {
    accumulatePlainly(this, accumulator, bases, exponents);
  }

  readAccumulator(out: Uint8Array, accumulator: PowerAccumulator): void {
    readPlainly(this, out, accumulator);
  }

  tableBytes(exponentBits: number, windowBits: number): number {
    return PairTable.bytes(exponentBits, windowBits, this.rootBytes);
  }

  buildTable(table: Uint8Array, base: Uint8Array, exponentBits: number, windowBits: number): void {
    PairTable.build(this.#pairs, this.rootBytes, table, bytesToBigInt(base), exponentBits, windowBits);
  }

  powerFixedBase(out: Uint8Array, table: FixedBaseTable, exponents: Uint8Array, residues?: Uint8Array): void {
    const powers = PairTable.open(this.#pairs, this.rootBytes, table.bytes, table);
    const exponentBytes = Math.ceil(table.exponentBits / 8);
    this.#forEach(out, (index) => {
      const residue = residues ? bytesToBigInt(elementAt(residues, index, this.rootBytes)) : 0n;
      return this.#pairs.leave(powers.power(elementAt(exponents, index, exponentBytes)), residue);
    });
  }

  close(): void {
    // Nothing here is secret, and the garbage collector takes the rest.
  }

  /** Π pairs[i] ^ digits[i]: products of equal digits are gathered first, then weighted by running products. */
  #bucketProduct(pairs: readonly Pair[], digits: readonly number[], windowBits: number): Pair {
    const buckets: (Pair | undefined)[] = Array.from({ length: 1 << windowBits });
    for (const [index, pair] of pairs.entries()) {
      const digit = digits[index] ?? 0;
      const bucket = buckets[digit];
      if (digit > 0) buckets[digit] = bucket ? this.#pairs.multiply(bucket, pair) : pair;
    }
    let running = this.#pairs.one;
    let result = this.#pairs.one;
    for (let digit = buckets.length - 1; digit > 0; digit -= 1) {
      const bucket = buckets[digit];
      if (bucket) running = this.#pairs.multiply(running, bucket);
      result = this.#pairs.multiply(result, running);
    }
    return result;
  }

  #forEach(out: Uint8Array, compute: (index: number) => bigint): void {
    for (let index = 0; index * this.elementBytes < out.length; index += 1) {
      writeBigInt(elementAt(out, index, this.elementBytes), compute(index));
    }
  }
}

/** Buckets cost 2·2^w multiplications per window and save (w−1)/w of the terms': about log₂(terms) − 3 bits are best. */
function pippengerWindowBits(terms: number): number {
  return Math.min(10, Math.max(2, Math.floor(Math.log2(terms + 1)) - 3));
}
