import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBigInts } from '../../crypto/modular/bytes.ts';
import { decrypt, encryptVector, productOfPowers, splitCiphertexts } from '../../crypto/paillier/index.ts';
import { testKeyPair } from '../support/keys.ts';

const { publicKey, privateKey } = await testKeyPair(1024);
const vector = await encryptVector(
  publicKey,
  Array.from({ length: 30 }, (_, index) => BigInt(index * index) - 100n),
  { scaleBits: 0 },
);

test('a product of powers that comes in pieces is the encryption of the weighted sum', async () => {
  const cuts = fc.array(fc.nat({ max: vector.data.length }), { maxLength: 4 });
  const exponents = fc.array(fc.bigInt({ min: 0n, max: 2n ** 61n - 1n }), { minLength: 30, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(cuts, exponents, async (places, powers) => {
      const edges = [0, ...places.toSorted((left, right) => left - right), vector.data.length];
      const pieces = edges.slice(1).map((to, index) => vector.data.subarray(edges[index], to));
      const product = await productOfPowers(publicKey, pieces, fromBigInts(powers, 8), { exponentBits: 61 });
      const expected = powers.reduce((sum, power, index) => sum + power * (BigInt(index * index) - 100n), 0n);
      expect(await decrypt(privateKey, product)).toBe(expected);
      const split = [await splitCiphertexts(publicKey, vector.data)];
      const options = { exponentBits: 61, isSplit: true };
      expect(await productOfPowers(publicKey, split, fromBigInts(powers, 8), options)).toBe(product);
    }),
    { seed: 1, numRuns: 20 },
  );
});

test('terms of several runs are divided among threads', async () => {
  const first = vector.data.subarray(0, vector.elementBytes);
  const count = 2 ** 25 / vector.elementBytes + 5000;
  const piece = Buffer.concat(Array.from({ length: 1000 }, () => first));
  function* pieces() {
    for (let row = 0; row < count; row += 1000) yield piece.subarray(0, (count - row) * vector.elementBytes);
  }
  const exponents = new Uint8Array(count).map((_, row) => row % 13);
  const product = await productOfPowers(publicKey, pieces(), exponents, { exponentBits: 4 });
  const sum = exponents.reduce((total, exponent) => total + exponent, 0);
  expect(await decrypt(privateKey, product)).toBe(-100n * BigInt(sum));
});

test('nothing gives 1, and other numbers of ciphertexts are refused', async () => {
  expect(await productOfPowers(publicKey, [], new Uint8Array(0), { exponentBits: 8 })).toBe(1n);
  for (const length of [29, 31]) {
    const exponents = new Uint8Array(length);
    await expect(productOfPowers(publicKey, [vector.data], exponents, { exponentBits: 8 })).rejects.toThrow(
      `expected ${length} ciphertexts, as many as there are exponents, got`,
    );
  }
  const cut = vector.data.subarray(1);
  await expect(productOfPowers(publicKey, [cut], new Uint8Array(30), { exponentBits: 8 })).rejects.toThrow(RangeError);
});

test('it stops between runs', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  const exponents = new Uint8Array(30);
  await expect(productOfPowers(publicKey, [vector.data], exponents, { exponentBits: 8, signal })).rejects.toThrow(
    'enough',
  );
});
