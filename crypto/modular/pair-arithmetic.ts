import { bitLength } from './bytes.ts';
import { modInverse } from './number-theory.ts';

/** x₀ + x₁·N in Montgomery form, both halves in [0, N). */
export type Pair = readonly [low: bigint, high: bigint];

const EXPONENT_WINDOW_BITS = 5;

/**
 * Montgomery arithmetic modulo N² on pairs x₀ + x₁·N ("n-adic"): every product and reduction is one of half-width
 * numbers, 5 half-width products for a multiplication instead of the 8 of full-width Montgomery.
 *
 * With R = 2^k > N and q = T·(−N⁻¹) mod R, t = (T + q·N)/R holds T = R·t − q·N exactly, hence
 * (x₀+x₁N)(y₀+y₁N)·R⁻¹ ≡ t + N·Redc(x₀y₁ + x₁y₀ − q) (mod N²) with (t, q) = Redc(x₀y₀).
 */
export class PairArithmetic {
  readonly root: bigint;
  readonly square: bigint;
  /** 1 in Montgomery form. */
  readonly one: Pair;
  readonly #bits: number;
  readonly #shift: bigint;
  readonly #negativeInverse: bigint;
  readonly #radixSquared: Pair;

  /** @throws RangeError when `root` is even or smaller than 3 */
  constructor(root: bigint) {
    if (root < 3n || (root & 1n) === 0n) {
      throw new RangeError(`ring: expected an odd root of at least 3, got ${root < 3n ? 'a smaller' : 'an even'} one`);
    }
    this.root = root;
    this.square = root * root;
    // Whole 64-bit digits, so that V8 shifts and truncates by moving digits.
    this.#bits = Math.ceil(bitLength(root) / 64) * 64;
    this.#shift = BigInt(this.#bits);
    const radix = 1n << this.#shift;
    this.#negativeInverse = radix - modInverse(root, radix);
    this.one = this.#split(radix % this.square);
    this.#radixSquared = this.#split((radix * radix) % this.square);
  }

  /** The product of two pairs. */
  multiply(left: Pair, right: Pair): Pair {
    return this.#reduce(left[0] * right[0], left[0] * right[1] + left[1] * right[0]);
  }

  /** The square of a pair. */
  squareOf(pair: Pair): Pair {
    return this.#reduce(pair[0] * pair[0], (pair[0] * pair[1]) << 1n);
  }

  /** A number in [0, N²) as a pair. */
  enter(value: bigint): Pair {
    return this.multiply(this.#split(value), this.#radixSquared);
  }

  /** The number of a pair times (1 + residue·N), canonical in [0, N²). */
  leave(pair: Pair, residue = 0n): bigint {
    const [low, high] = this.multiply(pair, [1n, residue]);
    return low + high * this.root;
  }

  /** pair ^ exponent, fixed windows; every window multiplies, also by 1. */
  power(pair: Pair, exponent: bigint): Pair {
    const digits = Math.ceil(bitLength(exponent) / EXPONENT_WINDOW_BITS);
    const powers = this.#powers(pair);
    const bits = exponent.toString(2).padStart(digits * EXPONENT_WINDOW_BITS, '0');
    let result = this.one;
    for (let digit = 0; digit < digits; digit += 1) {
      if (digit > 0) for (let i = 0; i < EXPONENT_WINDOW_BITS; i += 1) result = this.squareOf(result);
      const start = digit * EXPONENT_WINDOW_BITS;
      const index = Number.parseInt(bits.slice(start, start + EXPONENT_WINDOW_BITS), 2);
      result = this.multiply(result, powers[index] ?? this.one);
    }
    return result;
  }

  #powers(pair: Pair): Pair[] {
    const powers: Pair[] = [this.one];
    for (let last = this.one; powers.length < 1 << EXPONENT_WINDOW_BITS;) {
      last = this.multiply(last, pair);
      powers.push(last);
    }
    return powers;
  }

  #split(value: bigint): Pair {
    const high = value / this.root;
    return [value - high * this.root, high];
  }

  #reduce(lowProduct: bigint, crossProducts: bigint): Pair {
    const { root } = this;
    const bits = this.#bits;
    const lowQuotient = BigInt.asUintN(bits, BigInt.asUintN(bits, lowProduct) * this.#negativeInverse);
    let low = (lowProduct + lowQuotient * root) >> this.#shift;
    const rest = crossProducts - lowQuotient;
    const highQuotient = BigInt.asUintN(bits, BigInt.asUintN(bits, rest) * this.#negativeInverse);
    let high = (rest + highQuotient * root) >> this.#shift;
    if (low >= root) {
      low -= root;
      high += 1n;
    }
    while (high >= root) high -= root;
    if (high < 0n) high += root;
    return [low, high];
  }
}
