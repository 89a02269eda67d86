import { bitLength } from './bytes.ts';

/** Elementary number theory on BigInt. Nothing here runs in constant time: use it on public numbers or blinded ones. */

/** The representative of `value` in [0, modulus). */
export function mod(value: bigint, modulus: bigint): bigint {
  const remainder = value % modulus;
  return remainder < 0n ? remainder + modulus : remainder;
}

/** |value|. */
export function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** Greatest common divisor of two non-negative integers (Euclid). */
export function gcd(left: bigint, right: bigint): bigint {
  let [a, b] = [left, right];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/**
 * The inverse of `value` modulo `modulus` (extended Euclid).
 *
 * @throws RangeError when the two share a factor
 */
export function modInverse(value: bigint, modulus: bigint): bigint {
  let [previous, current] = [modulus, mod(value, modulus)];
  let [previousFactor, factor] = [0n, 1n];
  while (current !== 0n) {
    const quotient = previous / current;
    [previous, current] = [current, previous - quotient * current];
    [previousFactor, factor] = [factor, previousFactor - quotient * factor];
  }
  if (previous !== 1n)
    throw new RangeError('modInverse: expected a number coprime to the modulus, got a common factor');
  return mod(previousFactor, modulus);
}

/** base ^ exponent mod modulus for a non-negative exponent (left-to-right binary). */
export function modPower(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n % modulus;
  const reduced = mod(base, modulus);
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * reduced) % modulus;
  }
  return result;
}

/** The Jacobi symbol (value / modulus) for an odd positive modulus: 0, 1 or −1. */
export function jacobiSymbol(value: bigint, modulus: bigint): number {
  let [a, m] = [mod(value, modulus), modulus];
  let symbol = 1;
  while (a !== 0n) {
    while ((a & 1n) === 0n) {
      a >>= 1n;
      if ((m & 7n) === 3n || (m & 7n) === 5n) symbol = -symbol;
    }
    if ((a & 3n) === 3n && (m & 3n) === 3n) symbol = -symbol;
    [a, m] = [m % a, a];
  }
  return m === 1n ? symbol : 0;
}

/** The largest integer whose `degree`-th power does not exceed `value` ≥ 0 (Newton, from above). */
export function integerRoot(value: bigint, degree: number): bigint {
  if (value < 2n) return value;
  const exponent = BigInt(degree);
  let root = rootEstimate(value, degree);
  for (;;) {
    const next = ((exponent - 1n) * root + value / root ** (exponent - 1n)) / exponent;
    if (next >= root) return root;
    root = next;
  }
}

/**
 * A number above the `degree`-th root of `value`, by less than a part in 2^30 and 1: Newton's iteration gains little while
 * it is far away, and needs some `degree` steps from twice the root.
 */
function rootEstimate(value: bigint, degree: number): bigint {
  const excess = Math.max(0, bitLength(value) - 64);
  const logarithm = (Math.log2(Number(value >> BigInt(excess))) + excess) / degree;
  const shift = Math.max(0, Math.floor(logarithm) - 52);
  // Rounding of the logarithm, below 2^14, moves the root by less than a part in 2^37.
  return (BigInt(Math.floor(2 ** (logarithm - shift) * (1 + 2 ** -32))) + 1n) << BigInt(shift);
}

/** The odd primes below `bound`, ascending (sieve of Eratosthenes). */
export function oddPrimesBelow(bound: number): number[] {
  const composite = new Uint8Array(bound);
  const primes: number[] = [];
  for (let candidate = 3; candidate < bound; candidate += 2) {
    if (composite[candidate] === 1) continue;
    primes.push(candidate);
    for (let multiple = candidate * candidate; multiple < bound; multiple += 2 * candidate) composite[multiple] = 1;
  }
  return primes;
}
