import { createHash } from 'node:crypto';
import type { PrivateKey, PublicKey } from 'paillier-bigint';
import { bigIntToBytes, byteLength, bytesToBigInt } from '../modular/bytes.ts';
import { compute, sharedBytes } from './compute.ts';
import { CallGatherer } from './gather.ts';
import { isBlumKey, keyId, primesOf } from './keys.ts';
import { Recent } from './recent.ts';
import { withTable } from './tables.ts';
import type { Masking } from './tasks.ts';

/**
 * How ciphertexts get their randomness (crypto/README.md, "Which randomness"):
 * - `half`: h_s^ρ, ρ of |n|/2 bits; for keys known to be Blum keys
 * - `full`: h_s^ρ, ρ of |n| + 64 bits; no short-exponent argument needed
 * - `short`: h_s^ρ, ρ of 2κ + 64 bits; rests on a short-exponent assumption, only on explicit request
 * - `standard`: r^n for a uniform r, as in Paillier's paper; for keys known not to be Blum keys
 */
export type MaskingChoice = 'half' | 'full' | 'short' | 'standard';

/** What is derived once from a public key. */
export interface PublicState {
  readonly publicKey: PublicKey;
  readonly keyId: string;
  readonly n: bigint;
  readonly square: bigint;
  /** ⌊n/2⌋: plaintexts stay below in magnitude. */
  readonly half: bigint;
  readonly keyBits: number;
  readonly rootBytes: number;
  readonly elementBytes: number;
  readonly defaultMasking: MaskingChoice;
  readonly calls: CallGatherer;
}

const DOMAIN = 'sealed-colonies/paillier/djn-base/1';
const UNKNOWN_KEY_EXTRA_BITS = 64;
const STATES_KEPT = 64;

const publicStates = new WeakMap<PublicKey, PublicState>();
const recentStates = new Recent<string, PublicState>(STATES_KEPT);
const bases = new WeakMap<PublicState, Promise<Uint8Array>>();

/** The state of a key, validated when it is seen for the first time. @throws RangeError for an invalid key */
export function publicState(publicKey: PublicKey): PublicState {
  const known = publicStates.get(publicKey);
  if (known) return known;
  const blum = isBlumKey(publicKey);
  const masking = blum === undefined ? 'full' : blum ? 'half' : 'standard';
  // A daemon reads the same key anew from every message; it is still the same key.
  const state = recentStates.get(`${keyId(publicKey)}/${masking}`, () => createState(publicKey, masking));
  publicStates.set(publicKey, state);
  return state;
}

/** The state of a private key's public half; the key is checked against its own primes first. */
export async function privateState(privateKey: PrivateKey): Promise<{ state: PublicState; p: bigint; q: bigint }> {
  const { p, q } = await primesOf(privateKey);
  return { state: publicState(privateKey.publicKey), p, q };
}

/**
 * The masking of a batch of `count` ciphertexts out of some `expected` ones; h_s is computed when the key is used for the
 * first time.
 */
export async function maskingOf(
  state: PublicState,
  choice: MaskingChoice = state.defaultMasking,
  count = 1,
  expected = count,
): Promise<Masking> {
  if (choice === 'standard') return { kind: 'standard' };
  const exponentBits = exponentBitsOf(state.keyBits, choice);
  const name = `${state.keyId}/${exponentBits}`;
  return withTable({ name, key: { n: state.n }, base: await maskingBase(state), exponentBits }, count, expected);
}

/** Length of ρ in bits. */
function exponentBitsOf(keyBits: number, choice: Exclude<MaskingChoice, 'standard'>): number {
  if (choice === 'half') return Math.ceil(keyBits / 2);
  if (choice === 'full') return keyBits + UNKNOWN_KEY_EXTRA_BITS;
  return 2 * (keyBits < 3072 ? 112 : 128) + 64;
}

/**
 * h = −x² mod n with x = SHAKE256(domain ‖ n) mod n: everybody derives the same h from n alone, so that nobody can plant
 * one that masks nothing.
 */
export function derivedSquare(n: bigint): bigint {
  const width = byteLength(n);
  const hash = createHash('shake256', { outputLength: width + 16 });
  const x = bytesToBigInt(hash.update(DOMAIN).update(bigIntToBytes(n, width)).digest()) % n;
  return n - ((x * x) % n);
}

/** A signed plaintext as a residue modulo n. @throws RangeError when |plaintext| ≥ ⌊n/2⌋ */
export function encodeSigned(state: PublicState, plaintext: bigint, label = 'plaintext'): bigint {
  checkMagnitude(state, plaintext, label);
  return plaintext < 0n ? plaintext + state.n : plaintext;
}

/** @throws RangeError when |value| ≥ ⌊n/2⌋, TypeError when it is no bigint */
export function checkMagnitude(state: PublicState, value: bigint, label: string): void {
  if (typeof value !== 'bigint') {
    throw new TypeError(`${label}: expected a bigint, got ${typeof value}; encode fractions as fixed point first`);
  }
  if (value >= state.half || value <= -state.half) {
    throw new RangeError(
      `${label}: expected an integer below n/2 in magnitude, got one that would wrap; use a longer key`,
    );
  }
}

/** The signed plaintext of a residue modulo n. */
export function decodeSigned(state: PublicState, residue: bigint): bigint {
  return residue > state.half ? residue - state.n : residue;
}

function createState(publicKey: PublicKey, defaultMasking: MaskingChoice): PublicState {
  const { n } = publicKey;
  const rootBytes = byteLength(n);
  return {
    publicKey,
    keyId: keyId(publicKey),
    n,
    square: n * n,
    half: n / 2n,
    keyBits: publicKey.bitLength,
    rootBytes,
    elementBytes: 2 * rootBytes,
    defaultMasking,
    calls: new CallGatherer(),
  };
}

function maskingBase(state: PublicState): Promise<Uint8Array> {
  const known = bases.get(state);
  if (known) return known;
  const base = deriveMaskingBase(state);
  bases.set(state, base);
  // Closing the threads may reject it; the next use tries again.
  base.catch(() => bases.delete(state));
  return base;
}

async function deriveMaskingBase({ n, rootBytes, elementBytes }: PublicState): Promise<Uint8Array> {
  const base = sharedBytes(elementBytes);
  const exponent = bigIntToBytes(n, rootBytes);
  await compute({
    key: { n },
    operation: { kind: 'powerShared', exponent, negative: false },
    count: 1,
    inputs: [bigIntToBytes(derivedSquare(n), elementBytes)],
    out: base,
  });
  return base;
}
