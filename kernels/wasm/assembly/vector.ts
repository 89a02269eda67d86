// Two numbers side by side: lane 0 and lane 1 of a v128, each lane an integer held exactly in a 64-bit float.

/** Bytes of one vector. */
export const VECTOR: usize = 16;
/** Digits that the inner loop takes at a time; every number is a whole count of such blocks. */
export const BLOCK_DIGITS: i32 = 4;
/** Bytes of one block of digits. */
export const BLOCK: usize = 64;

/** The `index`-th vector from `pointer` on. */
// @ts-ignore: decorator
@inline
export function load(pointer: usize, index: usize = 0): v128 {
  return v128.load(pointer + index * VECTOR);
}

// @ts-ignore: decorator
@inline
export function store(pointer: usize, value: v128, index: usize = 0): void {
  v128.store(pointer + index * VECTOR, value);
}

// @ts-ignore: decorator
@inline
export function add(a: v128, b: v128): v128 {
  return f64x2.add(a, b);
}

// @ts-ignore: decorator
@inline
export function subtract(a: v128, b: v128): v128 {
  return f64x2.sub(a, b);
}

// @ts-ignore: decorator
@inline
export function multiply(a: v128, b: v128): v128 {
  return f64x2.mul(a, b);
}

/**
 * a·b + c. Every caller keeps |a·b| and |a·b + c| at or below 2^53, where one rounding and two roundings both round
 * nothing: the relaxed instruction gives the same bits whether the machine fuses it or not.
 */
// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(f64x2.mul(a, b), c);
}

/** The multiple of 2^digitBits nearest to each lane; `magic` is 1.5·2^(52 + digitBits) and |value| ≤ 2^53. */
// @ts-ignore: decorator
@inline
export function roundToDigit(value: v128, magic: v128): v128 {
  return f64x2.sub(f64x2.add(value, magic), magic);
}
