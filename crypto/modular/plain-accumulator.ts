import type { PowerAccumulator, SquareRing } from './engine.ts';
import { joinElements } from './split.ts';

/**
 * Products of powers whose terms come in several calls, for engines whose memory the caller's bytes do not reach: the
 * accumulator holds the product so far, behind a byte that says whether there is one.
 */

/** Bytes of the accumulator. */
export function plainAccumulatorBytes({ elementBytes }: Pick<SquareRing, 'elementBytes'>): number {
  return 1 + elementBytes;
}

/** Multiplies terms into the product. */
export function accumulatePlainly(
  ring: SquareRing,
  { bytes, exponentBits, isSplit }: PowerAccumulator,
  bases: Uint8Array,
  exponents: Uint8Array,
): void {
  expectAccumulator(ring, bytes);
  const part = new Uint8Array(ring.elementBytes);
  const elements = isSplit ? joinElements(ring.root, ring.rootBytes, bases) : bases;
  ring.multiExponentiate(part, elements, exponents, Math.ceil(exponentBits / 8));
  const product = bytes.subarray(1);
  if (bytes[0] === 0) product.set(part);
  else ring.multiply(product, new Uint8Array(product), part);
  bytes[0] = 1;
}

/** Reads the product; that of no terms is 1. */
export function readPlainly(ring: SquareRing, out: Uint8Array, { bytes }: PowerAccumulator): void {
  expectAccumulator(ring, bytes);
  if (bytes[0] === 1) {
    out.set(bytes.subarray(1));
    return;
  }
  out.fill(0);
  out[out.length - 1] = 1;
}

function expectAccumulator(ring: SquareRing, bytes: Uint8Array): void {
  const expected = plainAccumulatorBytes(ring);
  if (bytes.length === expected) return;
  throw new RangeError(`accumulator: expected ${expected} bytes, got ${bytes.length}`);
}
