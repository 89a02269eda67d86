/** Opens an instance of the kernel for a pair of lane moduli. */

import { Kernel } from './kernel.ts';
import type { CompiledModule } from './runtime.ts';
import { bitLength, kernelShape, pairModulus, type PairModulus } from './shape.ts';

/** A kernel and the moduli of its two lanes. */
export interface KernelParts {
  readonly kernel: Kernel;
  readonly moduli: readonly [PairModulus, PairModulus];
}

/** Opens a kernel whose lanes compute modulo left² and right². @throws RangeError when a root is even or smaller than 3 */
export function openKernel(module: CompiledModule, left: bigint, right: bigint): KernelParts {
  for (const root of [left, right]) {
    if (root < 3n || (root & 1n) === 0n) {
      throw new RangeError('openRing: expected an odd root of at least 3; check where the modulus comes from');
    }
  }
  const shape = kernelShape(Math.max(bitLength(left), bitLength(right)));
  const moduli = [pairModulus(left, shape), pairModulus(right, shape)] as const;
  return { kernel: new Kernel(module, shape, moduli), moduli };
}
