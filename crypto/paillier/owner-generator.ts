import { jacobiSymbol, mod, modInverse, modPower, oddPrimesBelow } from '../modular/number-theory.ts';
import { randomBelow } from '../modular/random.ts';

const SMALL_PRIMES = oddPrimesBelow(2 ** 12).map(BigInt);

/**
 * A number that generates Z*_p and Z*_q, but for prime factors of p−1 and q−1 above 2^12: each such factor f is missed
 * with chance 1/f, and then one in f masks is drawn from. Takes some dozens of milliseconds.
 */
export function ownerGenerator(p: bigint, q: bigint): bigint {
  const [atP, atQ] = [generatorOf(p), generatorOf(q)];
  return atP + p * mod((atQ - atP) * modInverse(p, q), q);
}

function generatorOf(prime: bigint): bigint {
  const cofactors = SMALL_PRIMES.filter((small) => (prime - 1n) % small === 0n).map((small) => (prime - 1n) / small);
  for (;;) {
    const candidate = 2n + randomBelow(prime - 3n);
    const isNonResidue = jacobiSymbol(candidate, prime) === -1;
    if (isNonResidue && cofactors.every((cofactor) => modPower(candidate, cofactor, prime) !== 1n)) return candidate;
  }
}
