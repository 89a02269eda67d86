// What the arithmetic of one instance works on: widths, the modulus and scratch memory. One instance serves one ring.

import { BLOCK, VECTOR } from './vector';

/** Most vectors that one call works on side by side. */
export const MOST_VECTORS: i32 = 4;
/** Bytes that reduction.ts keeps for one vector between two blocks of columns. */
export const STATE: usize = 10 * VECTOR;

/** Blocks of digits of one number modulo N. */
export let blocks: i32 = 0;
/** Bits of a digit. */
export let digitBits: i32 = 0;
/** Bytes of one number, in two lanes. */
export let numberBytes: usize = 0;
/** Bytes of one pair (x₀, x₁); also the distance between the vectors of a group. */
export let pairBytes: usize = 0;
/** Bytes of a group: the pairs of MOST_VECTORS vectors. */
export let groupBytes: usize = 0;

/** 1.5·2^(52 + digitBits), 2^-digitBits, 2^digitBits and the multiplier k (N = k·root), two lanes each. */
export let magicAt: usize = 0;
export let shrinkAt: usize = 0;
export let radixAt: usize = 0;
export let multiplierAt: usize = 0;
/** Digits of −N; the lowest is −1. */
export let negatedModulusAt: usize = 0;
export let stateAt: usize = 0;
/** An address at which no operand starts: see product.ts. */
export let nowhere: usize = 0;
/** Groups of scratch: products to reduce, the quotients of a multiplication, its low half, doubled digits, a selected operand. */
export let productAt: usize = 0;
export let quotientAt: usize = 0;
export let lowAt: usize = 0;
export let doubledAt: usize = 0;
export let operandAt: usize = 0;

/**
 * Lays out constants and scratch from `base` on and returns the first address after them. The caller then writes the
 * constants at {@link multiplierAddress} and {@link modulusAddress}.
 */
export function configure(base: usize, blockCount: i32, bitsOfDigit: i32): usize {
  blocks = blockCount;
  digitBits = bitsOfDigit;
  numberBytes = <usize>blockCount * BLOCK;
  pairBytes = 2 * numberBytes;
  groupBytes = <usize>MOST_VECTORS * pairBytes;
  nowhere = base;
  magicAt = base;
  shrinkAt = magicAt + VECTOR;
  radixAt = shrinkAt + VECTOR;
  multiplierAt = radixAt + VECTOR;
  negatedModulusAt = multiplierAt + VECTOR;
  stateAt = negatedModulusAt + numberBytes;
  productAt = stateAt + <usize>MOST_VECTORS * STATE;
  quotientAt = productAt + groupBytes;
  lowAt = quotientAt + groupBytes;
  doubledAt = lowAt + groupBytes;
  operandAt = doubledAt + groupBytes;
  const radix = <f64>(<u64>1 << (<u64>bitsOfDigit));
  v128.store(magicAt, f64x2.splat(1.5 * 4503599627370496.0 * radix));
  v128.store(shrinkAt, f64x2.splat(1.0 / radix));
  v128.store(radixAt, f64x2.splat(radix));
  return operandAt + groupBytes;
}

export function multiplierAddress(): usize {
  return multiplierAt;
}

export function modulusAddress(): usize {
  return negatedModulusAt;
}
