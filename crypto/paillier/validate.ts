import type { PublicKey } from 'paillier-bigint';
import { gcd } from '../modular/number-theory.ts';
import { publicState } from './state.ts';
import type { PublicState } from './state.ts';

/** What else is asked of ciphertexts. */
export interface CiphertextRequirements {
  /** Refuse c ≡ 1 (mod n): such a ciphertext was never masked, everybody can read it. @default false */
  readonly refuseUnmasked?: boolean;
}

/**
 * Checks that every number is a ciphertext under `publicKey`: in [1, n²) and coprime to n. Any such number decrypts to
 * something, so a changed ciphertext that stays in this set is not noticed here: only a signature notices it.
 *
 * @param label what the numbers are, for the error message
 * @throws RangeError naming the first number that fails
 */
export function validateCiphertexts(
  publicKey: PublicKey,
  ciphertexts: readonly bigint[],
  label = 'ciphertext',
  { refuseUnmasked = false }: CiphertextRequirements = {},
): void {
  const state = publicState(publicKey);
  const { n } = state;
  const name = (index: number): string => (ciphertexts.length === 1 ? label : `${label} ${index}`);
  let product = 1n;
  for (const [index, ciphertext] of ciphertexts.entries()) {
    checkRange(state, ciphertext, name(index));
    if (refuseUnmasked && ciphertext % n === 1n) throw unmasked(name(index));
    product = (product * (ciphertext % n)) % n;
  }
  if (gcd(n, product) === 1n) return;
  const culprit = ciphertexts.findIndex((ciphertext) => gcd(n, ciphertext % n) !== 1n);
  throw notCoprime(name(culprit));
}

/** @throws RangeError when the number lies outside [1, n²), TypeError when it is no bigint */
export function checkRange({ square }: PublicState, ciphertext: bigint, name: string): void {
  if (typeof ciphertext !== 'bigint') throw new TypeError(`${name}: expected a bigint, got ${typeof ciphertext}`);
  if (ciphertext <= 0n || ciphertext >= square) throw outOfRange(name);
}

/** The number is 0, negative, n² or larger. */
export function outOfRange(name: string): RangeError {
  return new RangeError(
    `${name}: expected a number in [1, n²), got one outside; it was made under another key or damaged`,
  );
}

/** The number shares a factor with n. */
export function notCoprime(name: string): RangeError {
  return new RangeError(`${name}: expected a number coprime to n, got a common factor; it was tampered with`);
}

/** The number hides nothing. */
export function unmasked(name: string): RangeError {
  return new RangeError(
    `${name}: expected a masked ciphertext, got one that everybody can read; encrypt or rerandomize it`,
  );
}
