import { expect, test } from 'vitest';
import { isModulusProven, proveModulus, publicKeyFromModulus, rerandomize } from '../../crypto/paillier/index.ts';
import { mod, modInverse, modPower } from '../../crypto/modular/number-theory.ts';
import { randomBelow } from '../../crypto/modular/random.ts';
import { testKeyPair, unfitPrimes } from '../support/keys.ts';

test('whoever has the primes of a sound key proves that masks cover everything under it', async () => {
  for (const bits of [512, 2048] as const) {
    const { publicKey, privateKey } = await testKeyPair(bits);
    const proof = await proveModulus(privateKey);
    expect(proof).toHaveLength(bits);
    expect(await proveModulus(privateKey)).toEqual(proof);
    expect(await isModulusProven(publicKey, proof)).toBe(true);
  }
});

test('a proof that was changed, cut, or made for another key does not hold', async () => {
  const { publicKey, privateKey } = await testKeyPair(512);
  const other = await testKeyPair(1024);
  const proof = await proveModulus(privateKey);
  for (const place of [0, 63, 64, 511]) {
    const changed = proof.map((byte, index) => (index === place ? byte ^ 1 : byte));
    expect(await isModulusProven(publicKey, changed), String(place)).toBe(false);
  }
  expect(await isModulusProven(publicKey, proof.subarray(0, -1))).toBe(false);
  expect(await isModulusProven(publicKey, new Uint8Array(512))).toBe(false);
  expect(await isModulusProven(publicKey, await proveModulus(other.privateKey))).toBe(false);
});

test('without such a proof the owner of a key could read through masks', async () => {
  const { p, q } = unfitPrimes(512);
  const n = p * q;
  const publicKey = publicKeyFromModulus(n, { minimumBits: 512 });
  // A number of order p modulo q², and 1 modulo p²: no n-th power is one, as p² does not divide the order of that group.
  let planted = 1n;
  while (planted === 1n) {
    const atQ = modPower(randomBelow(q), (q * (q - 1n)) / p, q * q);
    planted = mod(1n + p * p * mod((atQ - 1n) * modInverse(p * p, q * q), q * q), n * n);
  }
  const read = (ciphertext: bigint): bigint => modPower(ciphertext, (q * (q - 1n)) / p, q * q);
  const secret = 41n;
  const answer = modPower(planted, secret, n * n);
  const masked = await rerandomize(publicKey, mod(answer * (1n + n * randomBelow(n)), n * n), { masking: 'standard' });
  // Uniform randomness and a uniform plaintext are gone, and the secret is still there.
  expect(read(masked)).toBe(modPower(read(planted), secret, q * q));
  expect(read(planted)).not.toBe(1n);
});
