// From pairs to plain integers and to the one representative in [0, modulus), without branches on values.

import { addProduct, addWideProduct, multiplyNumbers } from './product';
import { reduceProducts } from './reduction';
import {
  blocks, digitBits, lowAt, multiplierAt, numberBytes, pairBytes, productAt, quotientAt, radixAt, shrinkAt,
} from './shape';
import { add, BLOCK_DIGITS, load, multiply, multiplyAdd, store, subtract, VECTOR } from './vector';

/** Puts number x of every vector, extended by zeros, where products wait for their reduction. */
function setProducts(x: usize, vectors: i32): void {
  for (let v: usize = 0; v < <usize>vectors; v++) {
    memory.copy(productAt + v * pairBytes, x + v * pairBytes, numberBytes);
    memory.fill(productAt + v * pairBytes + numberBytes, 0, numberBytes);
  }
}

/**
 * Takes a group out of Montgomery form in place: (x₀, x₁) becomes (t, U) with value/R·(1 + residue·root) ≡ t + U·root
 * modulo root², |t| and |U| within 0.51·|N|. Without `residues` (0) the last factor is 1.
 *
 * U = (k·(x₁ + q) + x₀·residue) / R, where (t, q) is the reduction of x₀ and N = k·root: README.md.
 */
export function openPairs(group: usize, residues: usize, vectors: i32): void {
  const half = numberBytes, stride = pairBytes, multiplier = v128.load(multiplierAt);
  setProducts(group, vectors);
  reduceProducts(lowAt, quotientAt, productAt, vectors);
  for (let v: usize = 0; v < <usize>vectors; v++) {
    const offset = v * stride, product = productAt + offset;
    if (residues) multiplyNumbers(product, group + offset, residues + offset);
    else memory.fill(product, 0, stride);
    for (let i: usize = 0; i < half; i += VECTOR) {
      // |k·(x₁ + q)| < 2^23·2^24.1: with the product's 2^31 still below the 2^47.5 that a reduction allows.
      const sum = add(load(group + offset + half + i), load(quotientAt + offset + i));
      store(product + i, multiplyAdd(multiplier, sum, load(product + i)));
    }
    memory.copy(group + offset, lowAt + offset, half);
  }
  reduceProducts(group + half, quotientAt, productAt, vectors);
}

/** out = x₀ + x₁·base for every pair, as 2·D unsettled digits; `out` may not be `group`. */
export function joinPairs(out: usize, group: usize, base: usize, vectors: i32): void {
  for (let v: usize = 0; v < <usize>vectors; v++) {
    const offset = v * pairBytes;
    memory.copy(out + offset, group + offset, numberBytes);
    memory.fill(out + offset + numberBytes, 0, numberBytes);
    addProduct(out + offset, group + offset + numberBytes, base);
  }
}

/**
 * The value of digits `top` … `count` − 1 of both lanes over the modulus, rounded. `inverse` holds 2^(b·top) / modulus.
 * The digits below `top` and the roundings of the sum change it by less than 2^-4 of a quotient below 2^47.
 */
// @ts-ignore: decorator
@inline
function roundedQuotient(x: usize, top: i32, count: i32, inverse: usize): v128 {
  const radix = v128.load(radixAt);
  let sum = f64x2.splat(0);
  for (let i = count - 1; i >= top; i--) sum = add(multiply(sum, radix), load(x, i));
  return f64x2.nearest(multiply(sum, v128.load(inverse)));
}

/** 1.5·2^52: added to an integer |x| < 2^51, it leaves x in the low bits of the float's representation. */
const INTEGER_MAGIC: f64 = 6755399441055744.0;
/** Added to sums below 2^51 in absolute value, to make them positive; a multiple of every 2^b. */
const BIAS: i64 = 1 << 52;

/** The lanes as 64-bit integers. */
// @ts-ignore: decorator
@inline
function toIntegers(x: v128): v128 {
  const magic = f64x2.splat(INTEGER_MAGIC);
  return i64x2.sub(f64x2.add(x, magic), magic);
}

/**
 * Subtracts the nearest multiple of the modulus from `count` digits (|digit| ≤ 2^50), then adds the modulus once where
 * the rest is negative. Leaves 64-bit integers in [0, 2^b), the digits of a number in [0, modulus). |x| ≤ 2^46·modulus.
 *
 * A carry is the biased sum shifted right; the bias it then contains, BIAS / 2^b, is taken off with the next digit's bias,
 * so that each digit waits for the one below by an addition and a shift only.
 */
function canonicaliseVector(x: usize, count: i32, modulus: usize, top: i32, inverse: usize): void {
  const shrink = v128.load(shrinkAt), radix = v128.load(radixAt), bits = digitBits;
  const digitMask = i64x2.splat((<i64>1 << bits) - 1), carriedBias = i64x2.splat(BIAS >> bits);
  const bias = i64x2.sub(i64x2.splat(BIAS), carriedBias);
  const quotient = roundedQuotient(x, top, count, inverse);
  const high = f64x2.nearest(multiply(quotient, shrink)), low = subtract(quotient, multiply(high, radix));
  const end = x + <usize>count * VECTOR;
  let carry = carriedBias, below = f64x2.splat(0);
  for (let xp = x, mp = modulus; xp < end; xp += VECTOR, mp += VECTOR) {
    const m = load(mp), rest = subtract(load(xp), multiplyAdd(low, m, multiply(high, below)));
    const sum = i64x2.add(i64x2.add(toIntegers(rest), bias), carry);
    store(xp, v128.and(sum, digitMask));
    carry = i64x2.shr_u(sum, bits);
    below = m;
  }
  const negative = i64x2.lt_s(carry, carriedBias);
  carry = carriedBias;
  for (let xp = x, mp = modulus; xp < end; xp += VECTOR, mp += VECTOR) {
    const digit = i64x2.add(load(xp), v128.and(toIntegers(load(mp)), negative));
    const sum = i64x2.add(i64x2.add(digit, bias), carry);
    store(xp, v128.and(sum, digitMask));
    carry = i64x2.shr_u(sum, bits);
  }
}

/** Brings `vectors` numbers of `count` digits, `stride` bytes apart, into [0, modulus). */
export function canonicalise(
  x: usize, count: i32, modulus: usize, top: i32, inverse: usize, vectors: i32, stride: usize,
): void {
  for (let v: usize = 0; v < <usize>vectors; v++) canonicaliseVector(x + v * stride, count, modulus, top, inverse);
}

/**
 * The Paillier logarithm L(u) = ⌊u / root⌋ modulo root of opened pairs, in place of their first half. u ≡ 1 or, for
 * bases that share a factor with the root, u ≡ 0: t = e·root + (0 or 1), so e is t / root rounded, and L = U + e.
 */
export function takeLogarithms(group: usize, top: i32, inverse: usize, vectors: i32): void {
  for (let v: usize = 0; v < <usize>vectors; v++) {
    const pair = group + v * pairBytes;
    const multiple = roundedQuotient(pair, top, BLOCK_DIGITS * blocks, inverse);
    memory.copy(pair, pair + numberBytes, numberBytes);
    store(pair, add(load(pair), multiple));
  }
}

/** out = x·y / R for one half of each of `vectors` pairs; `y` is the same number for all. */
export function multiplyHalves(out: usize, x: usize, y: usize, vectors: i32): void {
  for (let v: usize = 0; v < <usize>vectors; v++) multiplyNumbers(productAt + v * pairBytes, x + v * pairBytes, y);
  reduceProducts(out, quotientAt, productAt, vectors);
}

/** Adds lane 1 to lane 0 and lane 0 to lane 1, digit by digit. */
function addLanes(x: usize, length: usize): void {
  for (const end = x + length; x < end; x += VECTOR) {
    const digits = load(x);
    store(x, add(digits, v128.shuffle<i64>(digits, digits, 1, 0)));
  }
}

/** out = the sum over both lanes of x₀·first, 2·D digits for every vector. */
export function combineHalves(out: usize, group: usize, first: usize, vectors: i32): void {
  for (let v: usize = 0; v < <usize>vectors; v++) {
    const offset = v * pairBytes;
    multiplyNumbers(out + offset, group + offset, first);
    addLanes(out + offset, pairBytes);
  }
}

/** out = the sum over both lanes of x₀·first + x₁·second: 4·D digits for every vector; the factors have 2·D and 3·D. */
export function combinePairs(out: usize, group: usize, first: usize, second: usize, vectors: i32): void {
  const length: usize = 2 * pairBytes;
  for (let v: usize = 0; v < <usize>vectors; v++) {
    const to = out + v * length, pair = group + v * pairBytes;
    memory.fill(to, 0, length);
    addWideProduct(to, pair, first, 2 * blocks);
    addWideProduct(to, pair + numberBytes, second, 3 * blocks);
    addLanes(to, length);
  }
}

/**
 * out = Σ cᵢ·constantᵢ / R as pairs, for the `count` chunks cᵢ (one number each, one vector's after the other's) and as
 * many constant pairs: with R², R³, … the Montgomery form of Σ cᵢ·Rⁱ. With `parts` 1 only the first half is computed.
 * |out| ≤ (count/4 + 0.51)·|N| for count ≤ 4. `out` may not be `chunks`.
 */
export function convertChunks(out: usize, chunks: usize, count: i32, constants: usize, parts: i32, vectors: i32): void {
  const half = numberBytes, stride = pairBytes;
  for (let part: usize = 0; part < <usize>parts; part++) {
    for (let v: usize = 0; v < <usize>vectors; v++) {
      const product = productAt + v * stride, chunk = chunks + v * <usize>count * half;
      if (part) memory.copy(product, quotientAt + v * stride, half);
      else memory.fill(product, 0, half);
      memory.fill(product + half, 0, half);
      for (let i: usize = 0; i < <usize>count; i++) addProduct(product, chunk + i * half, constants + i * stride + part * half);
    }
    reduceProducts(out + part * half, quotientAt, productAt, vectors);
  }
}

/**
 * out = c + (c·residue mod N)·root, 2·D unsettled digits, for the chunks c = c₀ + c₁·R: the element c times
 * 1 + residue·root. `cube` is R³ as a number; `residues` are overwritten.
 */
export function maskChunks(out: usize, chunks: usize, residues: usize, cube: usize, base: usize, vectors: i32): void {
  const stride = pairBytes;
  for (let v: usize = 0; v < <usize>vectors; v++) memory.copy(productAt + v * stride, chunks + v * stride, stride);
  // c/R, then residue·R², then their product over R.
  reduceProducts(lowAt, quotientAt, productAt, vectors);
  multiplyHalves(residues, residues, cube, vectors);
  for (let v: usize = 0; v < <usize>vectors; v++) multiplyNumbers(productAt + v * stride, lowAt + v * stride, residues + v * stride);
  reduceProducts(lowAt, quotientAt, productAt, vectors);
  for (let v: usize = 0; v < <usize>vectors; v++) {
    memory.copy(out + v * stride, chunks + v * stride, stride);
    addProduct(out + v * stride, lowAt + v * stride, base);
  }
}

/** out = (c₀ + c₁·R) / R as pairs, without a single product: (t, q / R) for the reduction (t, q) of the two chunks. */
export function shrinkChunks(out: usize, chunks: usize, vectors: i32): void {
  const half = numberBytes;
  for (let v: usize = 0; v < <usize>vectors; v++) memory.copy(productAt + v * pairBytes, chunks + v * pairBytes, pairBytes);
  reduceProducts(out, quotientAt, productAt, vectors);
  setProducts(quotientAt, vectors);
  reduceProducts(out + half, quotientAt, productAt, vectors);
}
