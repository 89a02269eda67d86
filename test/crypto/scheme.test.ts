import * as fc from 'fast-check';
import { generatePrimeSync } from 'node:crypto';
import { PrivateKey, PublicKey } from 'paillier-bigint';
import { expect, test } from 'vitest';
import { modInverse } from '../../crypto/modular/number-theory.ts';
import {
  addCiphertexts,
  addPlaintext,
  decrypt,
  dotProduct,
  encrypt,
  encryptAsOwner,
  isBlumKey,
  rerandomize,
  scaleCiphertext,
  subtractCiphertexts,
  validateCiphertexts,
} from '../../crypto/paillier/index.ts';
import { testKeyPair, testPrimes } from '../support/keys.ts';

const { publicKey, privateKey } = await testKeyPair(2048);
const { n } = publicKey;
const LIMIT = n / 2n - 1n;
const plaintexts = fc.bigInt({ min: -LIMIT, max: LIMIT });
const small = fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n });
const check = { numRuns: 8, seed: 1 };

test('every signed plaintext comes back, from both forms of encryption and all maskings', async () => {
  const edges = [0n, 1n, -1n, LIMIT, -LIMIT];
  for (const masking of ['half', 'full', 'short', 'standard'] as const) {
    const ciphertexts = await Promise.all(edges.map((m) => encrypt(publicKey, m, { masking })));
    expect(await Promise.all(ciphertexts.map((c) => decrypt(privateKey, c)))).toEqual(edges);
  }
  const owned = await Promise.all(edges.map((m) => encryptAsOwner(privateKey, m)));
  expect(await Promise.all(owned.map((c) => decrypt(privateKey, c)))).toEqual(edges);
});

test('paillier-bigint decrypts our ciphertexts and we decrypt its', async () => {
  await fc.assert(
    fc.asyncProperty(plaintexts, async (m) => {
      const residue = ((m % n) + n) % n;
      expect(privateKey.decrypt(await encrypt(publicKey, m))).toBe(residue);
      expect(privateKey.decrypt(await encryptAsOwner(privateKey, m))).toBe(residue);
      expect(await decrypt(privateKey, publicKey.encrypt(residue))).toBe(m);
    }),
    { ...check, numRuns: 3 },
  );
});

test('keys of other programs work as they are; a key that cannot be Blum gets standard masks', async () => {
  for (const rem of [1n, 3n]) {
    const foreign = foreignKeyPair(rem);
    expect(isBlumKey(foreign.publicKey)).toBe(rem === 1n ? undefined : false);
    const ciphertext = await rerandomize(foreign.publicKey, await encrypt(foreign.publicKey, -60n));
    expect(await decrypt(foreign.privateKey, ciphertext)).toBe(-60n);
    expect(foreign.privateKey.decrypt(ciphertext)).toBe(foreign.publicKey.n - 60n);
    expect(await decrypt(foreign.privateKey, await encryptAsOwner(foreign.privateKey, 7n))).toBe(7n);
  }
});

test('a private key without stored primes decrypts, because λ gives them', async () => {
  const bare = new PrivateKey(privateKey.lambda / 2n, privateKey.mu, new PublicKey(n, n + 1n));
  expect(await decrypt(bare, await encrypt(publicKey, 42n))).toBe(42n);
});

test('operations on ciphertexts are operations on plaintexts', async () => {
  await fc.assert(
    fc.asyncProperty(small, small, small, async (a, b, k) => {
      const [ca, cb] = await Promise.all([encrypt(publicKey, a), encrypt(publicKey, b)]);
      const results = await Promise.all([
        addCiphertexts(publicKey, [ca, cb]),
        subtractCiphertexts(publicKey, ca, cb),
        addPlaintext(publicKey, ca, k),
        scaleCiphertext(publicKey, ca, k),
        dotProduct(publicKey, [ca, cb], [k, -k]),
        rerandomize(publicKey, ca),
      ]);
      const decrypted = await Promise.all(results.map((c) => decrypt(privateKey, c)));
      expect(decrypted).toEqual([a + b, a - b, a + k, a * k, a * k - b * k, a]);
    }),
    check,
  );
});

test('re-randomising changes the ciphertext, and two encryptions of one value differ', async () => {
  const ciphertext = await encrypt(publicKey, 60n);
  expect(await encrypt(publicKey, 60n)).not.toBe(ciphertext);
  expect(await rerandomize(publicKey, ciphertext)).not.toBe(ciphertext);
});

test('a plaintext that would wrap is refused', async () => {
  await expect(encrypt(publicKey, n / 2n)).rejects.toThrow(RangeError);
  await expect(encrypt(publicKey, -(n / 2n))).rejects.toThrow(/would wrap/);
  await expect(encryptAsOwner(privateKey, n)).rejects.toThrow(RangeError);
  await expect(addPlaintext(publicKey, 2n, n)).rejects.toThrow(RangeError);
  // @ts-expect-error a number is no bigint
  await expect(encrypt(publicKey, 60)).rejects.toThrow(TypeError);
});

test('numbers that are no ciphertexts are refused by every operation', async () => {
  const good = await encrypt(publicKey, 1n);
  const [p] = testPrimes(2048);
  for (const bad of [0n, -1n, n * n, n * n + 1n, n, p, 3n * p]) {
    await expect(decrypt(privateKey, bad)).rejects.toThrow(RangeError);
    await expect(addCiphertexts(publicKey, [good, bad])).rejects.toThrow(/ciphertext 1: expected/);
    await expect(subtractCiphertexts(publicKey, good, bad)).rejects.toThrow(RangeError);
    await expect(addPlaintext(publicKey, bad, 1n)).rejects.toThrow(RangeError);
    await expect(scaleCiphertext(publicKey, bad, 2n)).rejects.toThrow(RangeError);
    await expect(rerandomize(publicKey, bad)).rejects.toThrow(RangeError);
    await expect(dotProduct(publicKey, [bad], [1n])).rejects.toThrow(RangeError);
  }
  await expect(dotProduct(publicKey, [good], [1n, 2n])).rejects.toThrow(/as many scalars/);
});

test('an unmasked ciphertext is refused where that is asked for', async () => {
  expect(() => validateCiphertexts(publicKey, [1n + 5n * n])).not.toThrow();
  expect(() => validateCiphertexts(publicKey, [2n, 1n + 5n * n], 'input', { refuseUnmasked: true })).toThrow(
    /input 1: expected a masked ciphertext/,
  );
});

test('a ciphertext under another key decrypts to something else or is refused, never silently to its value', async () => {
  const other = await testKeyPair(1024);
  const ciphertext = await encrypt(publicKey, 60n);
  await expect(decrypt(other.privateKey, ciphertext)).rejects.toThrow(/made under another key/);
});

/** A key pair as paillier-bigint makes it: p one bit longer than q, p ≡ rem and q ≡ 1 (mod 4), g = n + 1. */
function foreignKeyPair(rem: bigint): { publicKey: PublicKey; privateKey: PrivateKey } {
  for (;;) {
    const p = generatePrimeSync(1025, { add: 4n, rem, bigint: true });
    const q = generatePrimeSync(1024, { add: 4n, rem: 1n, bigint: true });
    const foreignN = p * q;
    if (foreignN >> 2047n !== 1n) continue;
    const foreignKey = new PublicKey(foreignN, foreignN + 1n);
    const lambda = (p - 1n) * (q - 1n);
    return {
      publicKey: foreignKey,
      privateKey: new PrivateKey(lambda, modInverse(lambda, foreignN), foreignKey, p, q),
    };
  }
}
