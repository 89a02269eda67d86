import { bytesToBigInt, elementAt, writeBigInt } from './bytes.ts';

/**
 * Elements as pairs c mod N, ⌊c / N⌋ of `rootBytes` each: the form that arithmetic on pairs begins with. It is as wide as
 * the element, and the same for all engines.
 */

/** Splits elements. `out` may be `elements`. */
export function splitElements(root: bigint, rootBytes: number, out: Uint8Array, elements: Uint8Array): void {
  for (let index = 0; index * 2 * rootBytes < elements.length; index += 1) {
    const value = bytesToBigInt(elementAt(elements, index, 2 * rootBytes));
    const high = value / root;
    writeBigInt(elementAt(out, 2 * index, rootBytes), value - high * root);
    writeBigInt(elementAt(out, 2 * index + 1, rootBytes), high);
  }
}

/** Puts split elements together. */
export function joinElements(root: bigint, rootBytes: number, pairs: Uint8Array): Uint8Array {
  const elements = new Uint8Array(pairs.length);
  for (let index = 0; index * 2 * rootBytes < pairs.length; index += 1) {
    const [low, high] = [0, 1].map((half) => bytesToBigInt(elementAt(pairs, 2 * index + half, rootBytes)));
    writeBigInt(elementAt(elements, index, 2 * rootBytes), (low ?? 0n) + (high ?? 0n) * root);
  }
  return elements;
}
