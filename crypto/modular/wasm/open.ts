/** Opens an instance of the kernel for a pair of lane moduli. */

import { bitLength } from '../bytes.ts';
import { Kernel } from './kernel.ts';
import type { CompiledModule } from './runtime.ts';
import { kernelShape, pairModulus, type PairModulus } from './shape.ts';

/** A kernel and the moduli of its two lanes. */
export interface KernelParts {
  readonly kernel: Kernel;
  readonly moduli: readonly [PairModulus, PairModulus];
}

/** Most bits by which two primes may differ in length: quotients of both are estimated in 64-bit floats from one digit on. */
const MOST_LENGTH_DIFFERENCE = 512;

/**
 * Opens a kernel whose lanes compute modulo left² and right².
 *
 * @throws RangeError when a root is even or smaller than 3, or when they differ in length by more than 512 bits
 */
export function openKernel(module: CompiledModule, left: bigint, right: bigint): KernelParts {
  for (const root of [left, right]) {
    if (root < 3n || (root & 1n) === 0n) {
      throw new RangeError('openRing: expected an odd root of at least 3; check where the modulus comes from');
    }
  }
  const lengths = [bitLength(left), bitLength(right)];
  if (Math.max(...lengths) - Math.min(...lengths) > MOST_LENGTH_DIFFERENCE) {
    throw new RangeError('openFactoredRing: expected primes of similar length; such a key is unsafe');
  }
  const shape = kernelShape(Math.max(...lengths));
  const moduli = [pairModulus(left, shape), pairModulus(right, shape)] as const;
  return { kernel: new Kernel(module, shape, moduli), moduli };
}
