import { PrivateKey, PublicKey } from 'paillier-bigint';
import { expect, test } from 'vitest';
import {
  decrypt,
  encrypt,
  generateKeyPair,
  isBlumKey,
  keyId,
  privateKeyFromPrimes,
  publicKeyFromModulus,
  validatePublicKey,
} from '../../crypto/paillier/index.ts';
import { primesOf } from '../../crypto/paillier/keys.ts';
import vectors from '../vectors/paillier_vectors.json' with { type: 'json' };
import { testKeyPair, testPrimes } from '../support/keys.ts';

const { publicKey, privateKey } = await testKeyPair(2048);
const [p, q] = testPrimes(2048);

test.each([1024, 2048])('a generated key of %i bits satisfies every condition of Blum keys', async (keyBits) => {
  const generated = await generateKeyPair({ keyBits, allowShortKey: true });
  const primes = await primesOf(generated.privateKey);
  expect(generated.publicKey.bitLength).toBe(keyBits);
  expect(generated.publicKey.g).toBe(generated.publicKey.n + 1n);
  expect(primes).toMatchObject({ blum: true });
  for (const small of [3n, 5n, 7n, 11n, 13n]) expect((primes.p - 1n) % small).not.toBe(0n);
  const ciphertext = await encrypt(generated.publicKey, -1n);
  expect(await decrypt(generated.privateKey, ciphertext)).toBe(-1n);
  await expect(privateKeyFromPrimes(primes.p, primes.q, { minimumBits: keyBits })).resolves.toBeInstanceOf(PrivateKey);
});

test('a short or odd key length is refused unless a test asks for it', async () => {
  await expect(generateKeyPair({ keyBits: 1024 })).rejects.toThrow(/expected an even number from 2048/);
  await expect(generateKeyPair({ keyBits: 2049 })).rejects.toThrow(RangeError);
  await expect(generateKeyPair({ keyBits: Number.NaN })).rejects.toThrow(RangeError);
  await expect(encrypt(new PublicKey(p, p + 1n), 1n)).rejects.toThrow(/got 1024 bits/);
});

test('an imported modulus is refused when it cannot be a Paillier key', () => {
  const n = publicKey.n;
  const cases: [bigint, RegExp][] = [
    [0n, /a positive modulus/],
    [n >> 1n, /2048 to/],
    [n + 1n, /an odd modulus/],
    [p > q ? p * p : q * q, /a perfect power/],
    [testPrimes(4096)[0], /got a prime/],
  ];
  for (const [modulus, message] of cases) expect(() => publicKeyFromModulus(modulus)).toThrow(message);
  expect(() => validatePublicKey(new PublicKey(n, n + 2n))).toThrow(/g = n \+ 1/);
  expect(() => publicKeyFromModulus(7n * n)).toThrow(/no factor below 2\^16/);
});

test('imported primes are refused when they are composite, equal or close', async () => {
  await expect(privateKeyFromPrimes(p, p)).rejects.toThrow(/distinct/);
  await expect(privateKeyFromPrimes(p, p + 2n)).rejects.toThrow(/not close/);
  await expect(privateKeyFromPrimes(p, q + 2n)).rejects.toThrow(/two primes/);
  await expect(privateKeyFromPrimes(-p, q)).rejects.toThrow(RangeError);
});

test('a private key whose λ belongs to another key is refused', async () => {
  const other = await testKeyPair(3072);
  const mixed = new PrivateKey(other.privateKey.lambda, privateKey.mu, new PublicKey(publicKey.n, publicKey.n + 1n));
  await expect(decrypt(mixed, 5n)).rejects.toThrow(/unrelated numbers/);
});

test('the key id is the SHA-256 of the modulus and the same for equal keys', () => {
  const again = publicKeyFromModulus(publicKey.n);
  expect(keyId(publicKey)).toMatch(/^[0-9a-f]{64}$/);
  expect(keyId(again)).toBe(keyId(publicKey));
});

test('a key counts as Blum when its primes were seen or its owner says so, not when n cannot be', () => {
  expect(isBlumKey(publicKey)).toBe(true);
  expect(isBlumKey(publicKeyFromModulus(publicKey.n))).toBeUndefined();
  expect(isBlumKey(publicKeyFromModulus(publicKey.n, { blum: true }))).toBe(true);
  const notBlum = publicKey.n + 2n;
  expect(notBlum % 4n).toBe(3n);
  expect(() => publicKeyFromModulus(notBlum, { blum: true })).toThrow(/1 \(mod 4\)/);
});

test('the published test keys are accepted', async () => {
  const { p: vectorP, q: vectorQ } = vectors['2048'];
  const key = await privateKeyFromPrimes(BigInt(vectorP), BigInt(vectorQ));
  expect(key.n).toBe(BigInt(vectors['2048'].n));
  expect(isBlumKey(key.publicKey)).toBe(true);
});
