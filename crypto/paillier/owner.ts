import { bigIntToBytes, bitLength } from '../modular/bytes.ts';
import { mod, modInverse, modPower, oddPrimesBelow } from '../modular/number-theory.ts';
import { randomBelow } from '../modular/random.ts';
import { compute, sharedBytes } from './compute.ts';
import type { PublicState } from './state.ts';
import type { SharedTable } from './tasks.ts';

const SMALL_PRIMES = [2, ...oddPrimesBelow(2 ** 16)].map(BigInt);
const WINDOW_BITS = 8;

const tablesOfKeys = new WeakMap<PublicState, Promise<SharedTable>>();
let lastTableId = 0;

/**
 * Tables of a base that generates all n-th residues, modulo p² and modulo q². They depend on the primes: treat them as
 * the private key.
 */
export function ownerTables(state: PublicState, p: bigint, q: bigint): Promise<SharedTable> {
  const known = tablesOfKeys.get(state);
  if (known) return known;
  const tables = buildOwnerTables(state, p, q);
  tablesOfKeys.set(state, tables);
  return tables;
}

async function buildOwnerTables(state: PublicState, p: bigint, q: bigint): Promise<SharedTable> {
  const exponentBits = Math.max(bitLength(p), bitLength(q));
  const { rootBytes, elementBytes, n } = state;
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
  const shape = { exponentBits, windowBits: WINDOW_BITS };
  const windows = Math.ceil(exponentBits / WINDOW_BITS);
  const bytes = sharedBytes(
    windows * 2 ** WINDOW_BITS * 2 * (Math.ceil(bitLength(p) / 8) + Math.ceil(bitLength(q) / 8)),
  );
  const operation = { kind: 'buildOwnerTables', ...shape } as const;
  await compute({ key: { p, q }, operation, count: 1, inputs: [base], out: bytes });
  lastTableId += 1;
  return { id: lastTableId, bytes, ...shape, constantTime: true };
}

/** A number that generates Z*_p and Z*_q, but for prime factors of p−1 and q−1 above 2^16 (missed with chance < 2^−16 each). */
export function ownerGenerator(p: bigint, q: bigint): bigint {
  const [atP, atQ] = [generatorOf(p), generatorOf(q)];
  return atP + p * mod((atQ - atP) * modInverse(p, q), q);
}

function generatorOf(prime: bigint): bigint {
  const cofactors = SMALL_PRIMES.filter((small) => (prime - 1n) % small === 0n).map((small) => (prime - 1n) / small);
  for (;;) {
    const candidate = 2n + randomBelow(prime - 3n);
    if (cofactors.every((cofactor) => modPower(candidate, cofactor, prime) !== 1n)) return candidate;
  }
}
