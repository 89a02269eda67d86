/** How numbers become digits of the WebAssembly kernel, and the constants of pair arithmetic. Theory: kernels/wasm/README.md. */

import { absolute, mod, modInverse, modPower } from '../number-theory.ts';

/** Widths that one instance of the kernel works with. */
export interface KernelShape {
  /** Bits of a digit: 24, or 23 where columns of 24-bit digits would not be exact. */
  readonly digitBits: number;
  /** Blocks of four digits. */
  readonly blocks: number;
  /** Digits of a number: 4 × blocks. */
  readonly digits: number;
}

/** The modulus of one lane: N = multiplier · root with N ≡ 1 modulo 2^digitBits; multiplier and N may be negative. */
export interface PairModulus {
  readonly root: bigint;
  readonly multiplier: bigint;
  readonly modulus: bigint;
  /** The halves (x₀, x₁), |xᵢ| ≤ |N| / 2, with x₀ + x₁·N ≡ `element` modulo N² (hence modulo root²). */
  split(element: bigint): [bigint, bigint];
}

/** Bits by which R = 2^(digitBits · digits) exceeds |N|. */
const SLACK_BITS = 6;
/** Most digits of 24 bits whose products can be summed exactly, with what a reduction adds: 124 · (2^23 + 2^7)² + 2^47.5 < 2^53. */
const MOST_WIDE_DIGITS = 124;
/** Digits of a block. */
const BLOCK_DIGITS = 4;
/** Widest root that the bounds of the kernel were proved for. */
const MOST_ROOT_BITS = 8192;

/** The shape for roots of up to `rootBits` bits. @throws RangeError above 8192 bits */
export function kernelShape(rootBits: number): KernelShape {
  if (rootBits > MOST_ROOT_BITS) {
    throw new RangeError(`kernelShape: expected a root of at most ${MOST_ROOT_BITS} bits, got ${rootBits}`);
  }
  for (const digitBits of [24, 23]) {
    const blocks = Math.ceil((rootBits + digitBits - 1 + SLACK_BITS) / digitBits / BLOCK_DIGITS);
    if (digitBits === 23 || BLOCK_DIGITS * blocks <= MOST_WIDE_DIGITS)
      return { digitBits, blocks, digits: BLOCK_DIGITS * blocks };
  }
  throw new RangeError('kernelShape: no digit width fits');
}

/** The remainder of smallest absolute value: in (−modulus/2, modulus/2]. */
function centredRemainder(value: bigint, modulus: bigint): bigint {
  const remainder = mod(value, modulus);
  return 2n * remainder > modulus ? remainder - modulus : remainder;
}

/** Chooses the multiplier of an odd root. */
export function pairModulus(root: bigint, shape: KernelShape): PairModulus {
  const radix = 1n << BigInt(shape.digitBits);
  const multiplier = centredRemainder(modInverse(root, radix), radix);
  const modulus = multiplier * root;
  const size = absolute(modulus);
  return {
    root,
    multiplier,
    modulus,
    split(element) {
      const low = centredRemainder(element, size);
      return [low, centredRemainder((element - low) / modulus, size)];
    },
  };
}

/** R^exponent modulo root², R = 2^(digitBits · digits). */
export function montgomeryPower(shape: KernelShape, root: bigint, exponent: number): bigint {
  return modPower(2n, BigInt(shape.digitBits * shape.digits) * BigInt(exponent), root * root);
}

/** The signed digits of an integer of either sign, |digit| ≤ 2^(digitBits − 1). */
export function balancedDigits(value: bigint, count: number, digitBits: number): Float64Array {
  const digits = new Float64Array(count);
  const width = BigInt(digitBits);
  let rest = value;
  for (let i = 0; i < count; i += 1) {
    const digit = BigInt.asIntN(digitBits, rest);
    digits[i] = Number(digit);
    rest = (rest - digit) >> width;
  }
  if (rest !== 0n) throw new RangeError(`balancedDigits: expected a number of at most ${count} digits`);
  return digits;
}
