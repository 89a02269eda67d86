import { bigIntToBytes, bitLength } from '../modular/bytes.ts';
import { jacobiSymbol, mod, modInverse, modPower, oddPrimesBelow } from '../modular/number-theory.ts';
import { randomBelow } from '../modular/random.ts';
import { compute, sharedBytes } from './compute.ts';
import type { PublicState } from './state.ts';
import { ownerTable } from './tables.ts';
import type { SharedTable } from './tasks.ts';

const SMALL_PRIMES = oddPrimesBelow(2 ** 12).map(BigInt);

const bases = new WeakMap<PublicState, Promise<Uint8Array>>();

/**
 * Tables of a base that generates all n-th residues, modulo p² and modulo q². They depend on the primes: treat them as
 * the private key.
 *
 * @param count how many ciphertexts are wanted now
 */
export async function ownerTables(state: PublicState, p: bigint, q: bigint, count: number): Promise<SharedTable> {
  const base = bases.get(state) ?? ownerBase(state, p, q);
  bases.set(state, base);
  // Closing the threads may reject it; the next use tries again.
  base.catch(() => bases.delete(state));
  const exponentBits = Math.max(bitLength(p), bitLength(q));
  return ownerTable({ name: `${state.keyId}/owner`, key: { p, q }, base: await base, exponentBits }, count);
}

async function ownerBase({ n, rootBytes, elementBytes }: PublicState, p: bigint, q: bigint): Promise<Uint8Array> {
  const base = sharedBytes(elementBytes);
  const inputs = [bigIntToBytes(ownerGenerator(p, q), elementBytes)];
  const exponent = bigIntToBytes(n, rootBytes);
  await compute({
    key: { n },
    operation: { kind: 'powerShared', exponent, negative: false },
    count: 1,
    inputs,
    out: base,
  });
  return base;
}

/**
 * A number that generates Z*_p and Z*_q, but for prime factors of p−1 and q−1 above 2^12: each such factor f is missed
 * with chance 1/f, and then one in f masks is drawn from.
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
