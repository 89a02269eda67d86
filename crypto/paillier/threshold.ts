import type { PrivateKey, PublicKey } from 'paillier-bigint';
import { byteLength, toBigInts, writeBigInt } from '../modular/bytes.ts';
import { gcd, mod, modInverse } from '../modular/number-theory.ts';
import { randomBelow } from '../modular/random.ts';
import { sharedBytes } from './compute.ts';
import { signedExponents, validElements } from './elements.ts';
import { decodeSigned, privateState, publicState } from './state.ts';
import type { PublicState } from './state.ts';
import { computeInto, forChunks } from './vector-chunks.ts';

const MAXIMUM_PARTIES = 64;

/** How many parties hold a share, and how many of them decrypt together. */
export interface SharingPlan {
  readonly parties: number;
  /** @default all parties */
  readonly threshold?: number;
}

/** One party's share of a private key: secret. */
export interface DecryptionShare {
  readonly keyId: string;
  readonly parties: number;
  readonly threshold: number;
  /** From 1 to `parties`. */
  readonly index: number;
  /** The secret: a share of d, with d ≡ 1 (mod n) and d ≡ 0 (mod λ). */
  readonly value: bigint;
}

/** What one party contributes to decrypting a list of ciphertexts: not secret. */
export interface PartialDecryption {
  readonly keyId: string;
  readonly parties: number;
  readonly threshold: number;
  readonly index: number;
  /** One number in [1, n²) for each ciphertext. */
  readonly values: readonly bigint[];
}

/**
 * Splits a private key, so that `threshold` of `parties` can decrypt together and fewer learn nothing. The dealer knows
 * the key and must forget it. All-of-N shares are an additive splitting; t-of-N is Shamir's over the integers modulo
 * n·λ, with Δ = N! in the exponents (Fouque, Poupard, Stern, FC 2000; Damgård, Jurik, PKC 2001).
 *
 * @returns one share for each party
 * @throws RangeError for an impossible plan, or a key with a small factor in λ, which could show in Shamir shares
 */
export async function dealShares(privateKey: PrivateKey, plan: SharingPlan): Promise<DecryptionShare[]> {
  const { parties, threshold = parties } = plan;
  if (!isCount(parties, 2, MAXIMUM_PARTIES) || !isCount(threshold, 2, parties)) {
    throw new RangeError(
      `shares: expected 2 to ${MAXIMUM_PARTIES} parties and a threshold of 2 to all of them, got ${threshold} of ${parties}`,
    );
  }
  const { state, p, q } = await privateState(privateKey);
  const lambda = ((p - 1n) * (q - 1n)) / gcd(p - 1n, q - 1n);
  const modulus = state.n * lambda;
  const exponent = lambda * modInverse(lambda, state.n);
  if (threshold < parties) checkNoSmallFactor(lambda, parties);
  const values = threshold === parties ? splitSum(exponent, parties, modulus) : splitShamir(exponent, plan, modulus);
  return values.map((value, index) => ({ keyId: state.keyId, parties, threshold, index: index + 1, value }));
}

/**
 * One party's part in decrypting ciphertexts: each raised to the share.
 *
 * @throws RangeError when the share belongs to another key or a number is no ciphertext
 */
export async function partiallyDecrypt(
  publicKey: PublicKey,
  share: DecryptionShare,
  ciphertexts: readonly bigint[],
): Promise<PartialDecryption> {
  const state = publicState(publicKey);
  const { keyId, parties, threshold, index, value } = share;
  if (keyId !== state.keyId) throw new RangeError(`share ${index}: expected one of this key, got one of another key`);
  const exponent = threshold === parties ? value : 2n * factorial(parties) * value;
  // Shared, so that no copy of the share stays in the threads when it is overwritten below.
  const bytes = sharedBytes(Math.max(1, byteLength(exponent)));
  writeBigInt(bytes, exponent);
  const operation = { kind: 'powerShared', exponent: bytes, negative: false } as const;
  const values: bigint[] = [];
  try {
    await forChunks(ciphertexts.length, {}, async (start, end) => {
      const elements = await elementsBetween(state, ciphertexts, start, end, 'ciphertext');
      const powers = sharedBytes(elements.length);
      await computeInto(state, powers, { operation, inputs: [elements] }, end - start);
      for (const [place, power] of toBigInts(powers, state.elementBytes).entries()) values[start + place] = power;
    });
  } finally {
    bytes.fill(0);
  }
  return { keyId, parties, threshold, index, values };
}

/**
 * Combines partial decryptions to the plaintexts. What does not fit together is noticed, because the product must be
 * ≡ 1 (mod n); a party that shifts a plaintext on purpose is noticed only when more parties than needed contribute, for
 * then every further one is checked against the result.
 *
 * @returns the signed plaintexts, in the order of the ciphertexts
 * @throws RangeError when parties are missing or appear twice, partials do not belong together, or one is wrong
 */
export async function combineShares(publicKey: PublicKey, partials: readonly PartialDecryption[]): Promise<bigint[]> {
  const state = publicState(publicKey);
  checkPartials(state, partials);
  const threshold = partials[0]?.threshold ?? 0;
  const chosen = partials.slice(0, threshold);
  const plaintexts = await combine(state, chosen);
  for (const extra of partials.slice(threshold)) {
    const again = await combine(state, [...chosen.slice(1), extra]);
    if (again.some((plaintext, index) => plaintext !== plaintexts[index])) {
      throw new RangeError(
        `combineShares: expected all parties to agree, got a different plaintext with party ${extra.index}`,
      );
    }
  }
  return plaintexts;
}

async function combine(state: PublicState, partials: readonly PartialDecryption[]): Promise<bigint[]> {
  const [first] = partials;
  if (!first) return [];
  const additive = first.threshold === first.parties;
  const delta = factorial(first.parties);
  const indices = partials.map(({ index }) => index);
  const exponents = indices.map((index) => (additive ? 1n : 2n * lagrangeAtZero(index, indices, delta)));
  const factor = additive ? 1n : modInverse(4n * delta * delta, state.n);
  const plaintexts: bigint[] = [];
  await forChunks(first.values.length, {}, async (start, end) => {
    const products = await combineBetween(state, partials, exponents, start, end);
    for (const [place, product] of products.entries()) plaintexts[start + place] = plaintextOf(state, product, factor);
  });
  return plaintexts;
}

/** Π values ^ exponent over the parties, for the ciphertexts from `start` to `end`. */
async function combineBetween(
  state: PublicState,
  partials: readonly PartialDecryption[],
  exponents: readonly bigint[],
  start: number,
  end: number,
): Promise<bigint[]> {
  const products = sharedBytes((end - start) * state.elementBytes);
  for (const [place, { values, index }] of partials.entries()) {
    const exponent = exponents[place] ?? 0n;
    const elements = await elementsBetween(state, values, start, end, `party ${index}`);
    const powers = place === 0 ? products : sharedBytes(elements.length);
    const [magnitude] = signedExponents([exponent]);
    const raise = { kind: 'powerShared', exponent: magnitude, negative: exponent < 0n } as const;
    await computeInto(state, powers, { operation: raise, inputs: [elements] }, end - start);
    if (place === 0) continue;
    const multiply = { operation: { kind: 'multiply' }, inputs: [products, powers] } as const;
    await computeInto(state, products, multiply, end - start);
  }
  return toBigInts(products, state.elementBytes);
}

function plaintextOf(state: PublicState, product: bigint, factor: bigint): bigint {
  const high = product / state.n;
  if (product - high * state.n !== 1n) {
    throw new RangeError(
      'combineShares: expected partial decryptions of the same ciphertexts, got some that do not fit together',
    );
  }
  return decodeSigned(state, mod(high * factor, state.n));
}

/** Numbers from `start` to `end` as elements, checked to be ciphertexts. */
function elementsBetween(
  state: PublicState,
  numbers: readonly bigint[],
  start: number,
  end: number,
  label: string,
): Promise<Uint8Array> {
  const nameOf = (index: number): string => (numbers.length === 1 ? label : `${label} ${start + index}`);
  return validElements(state, numbers.slice(start, end), nameOf);
}

function checkPartials(state: PublicState, partials: readonly PartialDecryption[]): void {
  const [first] = partials;
  const needed = first?.threshold ?? 1;
  if (!first || partials.length < needed) throw mismatch(`parts of ${needed} parties`, `${partials.length}`);
  if (new Set(partials.map(({ index }) => index)).size !== partials.length)
    throw mismatch('each party once', 'one twice');
  for (const partial of partials) {
    const sameSharing =
      partial.keyId === state.keyId && partial.threshold === first.threshold && partial.parties === first.parties;
    if (!sameSharing) throw mismatch('parts of one sharing of this key', `another one from party ${partial.index}`);
    if (!isCount(partial.index, 1, first.parties))
      throw mismatch(`a party from 1 to ${first.parties}`, `${partial.index}`);
    if (partial.values.length !== first.values.length)
      throw mismatch(`${first.values.length} values`, `${partial.values.length}`);
  }
}

function mismatch(expected: string, got: string): RangeError {
  return new RangeError(
    `combineShares: expected ${expected}, got ${got}; ask every party for its part in the same ciphertexts`,
  );
}

/** Random numbers whose sum is `secret` modulo `modulus`. */
function splitSum(secret: bigint, parties: number, modulus: bigint): bigint[] {
  const others = Array.from({ length: parties - 1 }, () => randomBelow(modulus));
  const sum = others.reduce((total, share) => total + share, 0n);
  return [...others, mod(secret - sum, modulus)];
}

/** Values at 1, 2, … of a random polynomial of degree threshold − 1 that is `secret` at 0. */
function splitShamir(secret: bigint, { parties, threshold = parties }: SharingPlan, modulus: bigint): bigint[] {
  const coefficients = [secret, ...Array.from({ length: threshold - 1 }, () => randomBelow(modulus))];
  return Array.from({ length: parties }, (_, index) =>
    coefficients.reduceRight((value, coefficient) => mod(value * BigInt(index + 1) + coefficient, modulus), 0n),
  );
}

/** Δ·Π j/(j − i) over the other parties j: an integer, because Δ = N!. */
function lagrangeAtZero(index: number, indices: readonly number[], delta: bigint): bigint {
  const others = indices.filter((other) => other !== index).map(BigInt);
  const numerator = others.reduce((product, other) => product * other, delta);
  const denominator = others.reduce((product, other) => product * (other - BigInt(index)), 1n);
  return numerator / denominator;
}

function checkNoSmallFactor(lambda: bigint, parties: number): void {
  for (let factor = 3n; factor <= BigInt(parties); factor += 2n) {
    if (lambda % factor === 0n) {
      throw new RangeError(
        `shares: expected a key whose λ has no odd factor up to ${parties}, got one with ${factor}; generate a new key`,
      );
    }
  }
}

function factorial(value: number): bigint {
  let product = 1n;
  for (let factor = 2; factor <= value; factor += 1) product *= BigInt(factor);
  return product;
}

function isCount(value: number, minimum: number, maximum: number): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum;
}
