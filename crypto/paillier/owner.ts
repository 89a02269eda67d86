import { bitLength } from '../modular/bytes.ts';
import { compute, sharedBytes } from './compute.ts';
import type { PublicState } from './state.ts';
import { ownerTable } from './tables.ts';
import type { SharedTable } from './tasks.ts';

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

async function ownerBase({ elementBytes }: PublicState, p: bigint, q: bigint): Promise<Uint8Array> {
  const base = sharedBytes(elementBytes);
  await compute({ key: { p, q }, operation: { kind: 'ownerBase' }, count: 1, inputs: [], out: base });
  return base;
}
