import { randomFillSync } from 'node:crypto';
import { bitLength, bytesToBigInt } from './bytes.ts';

/** Fills `out` with numbers of `width` bytes each, uniform in [0, 2^bits). */
export function fillRandomBits(out: Uint8Array, width: number, bits: number): void {
  randomFillSync(out);
  const unusedBytes = width - Math.ceil(bits / 8);
  const topMask = 0xff >> (Math.ceil(bits / 8) * 8 - bits);
  for (let start = 0; start < out.length; start += width) {
    out.fill(0, start, start + unusedBytes);
    const top = start + unusedBytes;
    out[top] = (out[top] ?? 0) & topMask;
  }
}

/** A uniform number in [0, bound), by rejection. @throws RangeError when `bound` < 1 */
export function randomBelow(bound: bigint): bigint {
  if (bound < 1n) throw new RangeError('randomBelow: expected a bound of at least 1, got a smaller one');
  const bits = bitLength(bound - 1n);
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  if (bits === 0) return 0n;
  try {
    for (;;) {
      fillRandomBits(bytes, bytes.length, bits);
      const value = bytesToBigInt(bytes);
      if (value < bound) return value;
    }
  } finally {
    bytes.fill(0);
  }
}
