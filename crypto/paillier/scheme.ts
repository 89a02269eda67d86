import type { PrivateKey, PublicKey } from 'paillier-bigint';
import { bytesToBigInt, fromBigInts, toBigInts } from '../modular/bytes.ts';
import { compute, sharedBytes } from './compute.ts';
import { refuseNoCiphertexts, signedExponents, validElements } from './elements.ts';
import { obfuscatorsOf } from './obfuscators.ts';
import { ownerTables } from './owner.ts';
import { checkMagnitude, decodeSigned, encodeSigned, maskingOf, privateState, publicState } from './state.ts';
import type { MaskingChoice, PublicState } from './state.ts';
import type { Operation } from './tasks.ts';

/** Options of encryption. */
export interface EncryptOptions {
  /** Where the randomness comes from. @default by what is known of the key, see {@link MaskingChoice} */
  readonly masking?: MaskingChoice;
}

/**
 * Encrypts a signed integer. Damgård–Jurik–Nielsen for Blum keys: c = (1 + m·n)·h_s^ρ mod n²; Paillier, EUROCRYPT '99,
 * §4, otherwise. Calls made in one tick run as one batch.
 *
 * @param plaintext an integer with |plaintext| < ⌊n/2⌋
 * @throws RangeError when the plaintext would wrap, or the key is invalid
 * @example await decrypt(privateKey, await encrypt(publicKey, -60n)) // -60n
 */
export async function encrypt(publicKey: PublicKey, plaintext: bigint, options: EncryptOptions = {}): Promise<bigint> {
  const state = publicState(publicKey);
  const residue = encodeSigned(state, plaintext);
  const choice = options.masking ?? state.defaultMasking;
  const ciphertext = obfuscatorsOf(state, choice)?.encrypt(plaintext);
  if (ciphertext !== undefined) return ciphertext;
  return state.calls.add(`encrypt ${choice}`, [residue], async (items) => {
    const masking = await maskingOf(state, choice, items.length);
    return elementwise(state, { kind: 'encrypt', masking }, [column(items, 0, state.rootBytes)]);
  });
}

/**
 * Encrypts with the private key: at half the width and with uniform randomness, whatever the primes are.
 *
 * @throws RangeError as {@link encrypt}
 */
export async function encryptAsOwner(privateKey: PrivateKey, plaintext: bigint): Promise<bigint> {
  const { state, p, q } = await privateState(privateKey);
  const residue = encodeSigned(state, plaintext);
  return state.calls.add('encryptAsOwner', [residue], async (items) => {
    const tables = await ownerTables(state, p, q, items.length);
    return elementwise(state, { kind: 'encryptAsOwner', tables }, [column(items, 0, state.rootBytes)], { p, q });
  });
}

/**
 * Decrypts to the signed integer in (−n/2, n/2). Paillier, EUROCRYPT '99, §7 (CRT).
 *
 * @throws RangeError when the ciphertext lies outside [1, n²) or shares a factor with n, or the key is inconsistent
 */
export async function decrypt(privateKey: PrivateKey, ciphertext: bigint): Promise<bigint> {
  const { state, p, q } = await privateState(privateKey);
  await refuseNoCiphertexts(state, [ciphertext]);
  return state.calls.add('decrypt', [ciphertext], async (items) => {
    const residues = sharedBytes(items.length * state.rootBytes);
    const inputs = [column(items, 0, state.elementBytes)];
    await compute({ key: { p, q }, operation: { kind: 'decrypt' }, count: items.length, inputs, out: residues });
    const plaintexts = toBigInts(residues, state.rootBytes).map((residue) => decodeSigned(state, residue));
    residues.fill(0);
    return plaintexts;
  });
}

/**
 * Adds plaintexts under encryption: the product of ciphertexts modulo n². Paillier, EUROCRYPT '99, §8.
 *
 * The result carries the randomness of its summands; call {@link rerandomize} before sending it to a party that knows
 * any of them. The sum of no ciphertexts is the unmasked 1.
 *
 * @throws RangeError when a ciphertext lies outside [1, n²) or shares a factor with n
 * @example await addCiphertexts(publicKey, await Promise.all([encrypt(publicKey, 5n), encrypt(publicKey, 55n)]))
 */
export async function addCiphertexts(publicKey: PublicKey, ciphertexts: readonly bigint[]): Promise<bigint> {
  const state = publicState(publicKey);
  const elements = await validElements(state, ciphertexts);
  return reduction(state, { kind: 'product' }, ciphertexts.length, [elements]);
}

/** Subtracts `right` from `left` under encryption. @throws RangeError as {@link addCiphertexts} */
export async function subtractCiphertexts(publicKey: PublicKey, left: bigint, right: bigint): Promise<bigint> {
  const state = publicState(publicKey);
  await refuseNoCiphertexts(state, [left, right]);
  return state.calls.add('subtract', [left, right], (items) =>
    elementwise(state, { kind: 'divide' }, [
      column(items, 0, state.elementBytes),
      column(items, 1, state.elementBytes),
    ]),
  );
}

/**
 * Adds a signed integer that everybody may know to a ciphertext; the randomness stays the same.
 *
 * @throws RangeError as {@link addCiphertexts}, or when |plaintext| ≥ ⌊n/2⌋
 */
export async function addPlaintext(publicKey: PublicKey, ciphertext: bigint, plaintext: bigint): Promise<bigint> {
  const state = publicState(publicKey);
  await refuseNoCiphertexts(state, [ciphertext]);
  const residue = encodeSigned(state, plaintext);
  return state.calls.add('addPlaintext', [ciphertext, residue], (items) =>
    elementwise(state, { kind: 'addPlaintext' }, [
      column(items, 0, state.elementBytes),
      column(items, 1, state.rootBytes),
    ]),
  );
}

/**
 * Multiplies the plaintext by a signed integer that everybody may know: c^factor, by the inverse when it is negative.
 * A factor of 0 gives the unmasked 1, and whoever knows the ciphertext can find a small factor: call {@link rerandomize}.
 *
 * @param factor an integer with |factor| < ⌊n/2⌋; the caller keeps |plaintext·factor| < n/2
 * @throws RangeError as {@link addCiphertexts}, or when the factor is too large
 */
export async function scaleCiphertext(publicKey: PublicKey, ciphertext: bigint, factor: bigint): Promise<bigint> {
  const state = publicState(publicKey);
  await refuseNoCiphertexts(state, [ciphertext]);
  checkMagnitude(state, factor, 'factor');
  return state.calls.add('scale', [ciphertext, factor], (items) => {
    const exponents = signedExponents(items.map(([, itemFactor = 0n]) => itemFactor));
    return elementwise(state, { kind: 'power' }, [column(items, 0, state.elementBytes), ...exponents]);
  });
}

/** Gives the ciphertext fresh randomness: nobody can link the result to it. @throws RangeError as {@link addCiphertexts} */
export async function rerandomize(
  publicKey: PublicKey,
  ciphertext: bigint,
  options: EncryptOptions = {},
): Promise<bigint> {
  const state = publicState(publicKey);
  await refuseNoCiphertexts(state, [ciphertext]);
  const choice = options.masking ?? state.defaultMasking;
  const mask = obfuscatorsOf(state, choice)?.mask();
  if (mask !== undefined) return (ciphertext * mask) % state.square;
  return state.calls.add(`rerandomize ${choice}`, [ciphertext], async (items) => {
    const masking = await maskingOf(state, choice, items.length);
    return elementwise(state, { kind: 'rerandomize', masking }, [column(items, 0, state.elementBytes)]);
  });
}

/**
 * Σ scalars[i]·plaintext[i] under encryption (Pippenger's multi-exponentiation). Call {@link rerandomize} before
 * sending it to a party that knows the ciphertexts.
 *
 * @param scalars signed integers that this party may know; the caller keeps |Σ| < n/2
 * @throws RangeError as {@link scaleCiphertext}, or when the lengths differ
 */
export async function dotProduct(
  publicKey: PublicKey,
  ciphertexts: readonly bigint[],
  scalars: readonly bigint[],
): Promise<bigint> {
  const state = publicState(publicKey);
  if (ciphertexts.length !== scalars.length) {
    throw new RangeError(
      `dotProduct: expected as many scalars as ciphertexts (${ciphertexts.length}), got ${scalars.length}`,
    );
  }
  for (const scalar of scalars) checkMagnitude(state, scalar, 'scalar');
  const inputs = [await validElements(state, ciphertexts), ...signedExponents(scalars)];
  return reduction(state, { kind: 'multiExponentiate' }, ciphertexts.length, inputs);
}

function column(items: readonly (readonly bigint[])[], index: number, width: number): Uint8Array {
  return fromBigInts(
    items.map((item) => item[index] ?? 0n),
    width,
  );
}

async function elementwise(
  state: PublicState,
  operation: Operation,
  inputs: readonly Uint8Array[],
  key: { p: bigint; q: bigint } | { n: bigint } = { n: state.n },
): Promise<bigint[]> {
  const [first = new Uint8Array(0)] = inputs;
  const count = first.length / (operation.kind.startsWith('encrypt') ? state.rootBytes : state.elementBytes);
  const out = sharedBytes(count * state.elementBytes);
  await compute({ key, operation, count, inputs, out });
  return toBigInts(out, state.elementBytes);
}

async function reduction(
  state: PublicState,
  operation: Operation,
  count: number,
  inputs: readonly Uint8Array[],
): Promise<bigint> {
  const out = sharedBytes(state.elementBytes);
  await compute({ key: { n: state.n }, operation, count, inputs, out });
  return bytesToBigInt(out);
}
