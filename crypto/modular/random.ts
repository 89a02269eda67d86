import { randomFillSync } from 'node:crypto';
import { bigIntToBytes, bitLength, byteLength, bytesToBigInt } from './bytes.ts';

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

/** Fills `out` with numbers as wide as `bound`, uniform in [0, bound), by rejection. @param bound big-endian, not 0 */
export function fillRandomBelow(out: Uint8Array, bound: Uint8Array): void {
  const width = bound.length;
  const bits = bitLength(bytesToBigInt(bound));
  fillRandomBits(out, width, bits);
  for (let start = 0; start < out.length; start += width) {
    const number = out.subarray(start, start + width);
    while (Buffer.compare(number, bound) >= 0) fillRandomBits(number, width, bits);
  }
}

/** A uniform number in [0, bound), by rejection. @throws RangeError when `bound` < 1 */
export function randomBelow(bound: bigint): bigint {
  if (bound < 1n) throw new RangeError('randomBelow: expected a bound of at least 1, got a smaller one');
  const limit = bigIntToBytes(bound, byteLength(bound));
  const bytes = new Uint8Array(limit.length);
  fillRandomBelow(bytes, limit);
  const value = bytesToBigInt(bytes);
  bytes.fill(0);
  return value;
}
