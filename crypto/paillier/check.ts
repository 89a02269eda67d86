import { bigIntToBytes, bytesToBigInt, elementAt } from '../modular/bytes.ts';
import type { SquareRing } from '../modular/engine.ts';
import { gcd } from '../modular/number-theory.ts';

/** What `check` finds about a number that should be a ciphertext. */
export const Verdict = { ok: 0, outOfRange: 1, notCoprime: 2, unmasked: 3 } as const;

/**
 * Writes a {@link Verdict} for each element: two products over all and a gcd of each; only when one is not 1 is each
 * number looked at alone.
 *
 * @param refuseUnmasked look for c ≡ 1 (mod n)
 */
export function check(ring: SquareRing, verdicts: Uint8Array, elements: Uint8Array, refuseUnmasked: boolean): void {
  checkRanges(ring, verdicts, elements);
  const inRange = verdicts.every((verdict) => verdict === Verdict.ok);
  if (inRange && isCoprime(ring, elements) && !(refuseUnmasked && hasUnmasked(ring, elements))) return;
  for (let index = 0; index < verdicts.length; index += 1) {
    if (verdicts[index] === Verdict.outOfRange) continue;
    verdicts[index] = inspect(ring, bytesToBigInt(elementAt(elements, index, ring.elementBytes)), refuseUnmasked);
  }
}

function checkRanges(ring: SquareRing, verdicts: Uint8Array, elements: Uint8Array): void {
  const square = bigIntToBytes(ring.root * ring.root, ring.elementBytes);
  for (let index = 0; index < verdicts.length; index += 1) {
    const element = elementAt(elements, index, ring.elementBytes);
    const isInRange = Buffer.compare(element, square) < 0 && element.some((byte) => byte !== 0);
    verdicts[index] = isInRange ? Verdict.ok : Verdict.outOfRange;
  }
}

function inspect(ring: SquareRing, value: bigint, refuseUnmasked: boolean): number {
  const residue = value % ring.root;
  if (gcd(ring.root, residue) !== 1n) return Verdict.notCoprime;
  return refuseUnmasked && residue === 1n ? Verdict.unmasked : Verdict.ok;
}

function isCoprime(ring: SquareRing, elements: Uint8Array): boolean {
  const product = new Uint8Array(ring.elementBytes);
  ring.product(product, elements);
  return gcd(ring.root, bytesToBigInt(product) % ring.root) === 1n;
}

/** Whether c ≡ 1 (mod n) for some c: then n divides the product of all c − 1. */
function hasUnmasked(ring: SquareRing, elements: Uint8Array): boolean {
  // Not slice(): of a Node.js Buffer that would be a view, and the caller's ciphertexts would change.
  const decremented = new Uint8Array(elements);
  for (let end = ring.elementBytes; end <= decremented.length; end += ring.elementBytes) {
    let place = end - 1;
    for (; decremented[place] === 0; place -= 1) decremented[place] = 255;
    decremented[place] = (decremented[place] ?? 0) - 1;
  }
  return !isCoprime(ring, decremented);
}
