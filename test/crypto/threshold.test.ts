import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addCiphertexts,
  addVectors,
  combineShares,
  dealShares,
  encrypt,
  encryptVector,
  keyId,
  partiallyDecrypt,
  planPacking,
  privateKeyFromPrimes,
  valuesOf,
} from '../../crypto/paillier/index.ts';
import type { DecryptionShare } from '../../crypto/paillier/index.ts';
import vectors from '../vectors/paillier_vectors.json' with { type: 'json' };
import { testKeyPair } from '../support/keys.ts';

const { publicKey, privateKey } = await testKeyPair(1024);

test.each(['512', '2048'] as const)(
  'the published shares of %s bits give the published partials and plaintext',
  async (bits) => {
    const { p, q, threshold } = vectors[bits];
    const key = await privateKeyFromPrimes(BigInt(p), BigInt(q), { minimumBits: 512 });
    const shares = threshold.shares.map((value, index): DecryptionShare => {
      return { keyId: keyId(key.publicKey), parties: 4, threshold: 4, index: index + 1, value: BigInt(value) };
    });
    const ciphertexts = [BigInt(threshold.ciphertext)];
    const partials = await Promise.all(shares.map((share) => partiallyDecrypt(key.publicKey, share, ciphertexts)));
    expect(partials.map(({ values }) => values[0])).toEqual(threshold.partials.map(BigInt));
    expect(await combineShares(key.publicKey, partials)).toEqual([BigInt(threshold.m)]);
  },
);

test.each([
  [2, 2],
  [3, 2],
  [5, 3],
  [5, 5],
])('of %i parties any %i decrypt signed sums together', async (parties, threshold) => {
  const shares = await dealShares(privateKey, { parties, threshold });
  const ciphertexts = await Promise.all([encrypt(publicKey, -60n), encrypt(publicKey, 2n ** 70n)]);
  const sum = await addCiphertexts(publicKey, ciphertexts);
  const wanted = [-60n, 2n ** 70n, 2n ** 70n - 60n];
  const parts = await Promise.all(shares.map((share) => partiallyDecrypt(publicKey, share, [...ciphertexts, sum])));
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(parts, { minLength: threshold }), async (some) => {
      expect(await combineShares(publicKey, some)).toEqual(wanted);
    }),
    { seed: 1, numRuns: 5 },
  );
});

test('fewer parties than the threshold, one party twice, or parts of different ciphertexts are refused', async () => {
  const shares = await dealShares(privateKey, { parties: 4, threshold: 3 });
  const [one, two] = await Promise.all([encrypt(publicKey, 1n), encrypt(publicKey, 2n)]);
  const parts = await Promise.all(shares.map((share) => partiallyDecrypt(publicKey, share, [one])));
  const [a, b, c, d] = parts;
  if (!a || !b || !c || !d) throw new Error('expected four parts');
  await expect(combineShares(publicKey, [a, b])).rejects.toThrow(/parts of 3 parties, got 2/);
  await expect(combineShares(publicKey, [a, b, b])).rejects.toThrow(/one twice/);
  await expect(combineShares(publicKey, [])).rejects.toThrow(RangeError);
  await expect(combineShares(publicKey, [a, b, { ...c, keyId: '0' }])).rejects.toThrow(/one sharing/);
  const other = await partiallyDecrypt(publicKey, shares[2] ?? { ...a, value: 0n }, [two]);
  await expect(combineShares(publicKey, [a, b, other])).rejects.toThrow(/do not fit together/);
  await expect(combineShares(publicKey, [a, b, { ...c, values: [] }])).rejects.toThrow(/expected 1 values/);
});

test('a part that shifts the plaintext is noticed when one party more contributes', async () => {
  const shares = await dealShares(privateKey, { parties: 3, threshold: 2 });
  const ciphertext = await encrypt(publicKey, 1n);
  const parts = await Promise.all(shares.map((share) => partiallyDecrypt(publicKey, share, [ciphertext])));
  const square = publicKey.n ** 2n;
  const shifted = parts.map((part, index) =>
    index === 0 ? { ...part, values: part.values.map((value) => (value * (1n + 5n * publicKey.n)) % square) } : part,
  );
  expect(await combineShares(publicKey, shifted.slice(0, 2))).not.toEqual([1n]);
  await expect(combineShares(publicKey, shifted)).rejects.toThrow(/expected all parties to agree/);
});

test('parties decrypt a packed vector together', async () => {
  const packing = planPacking({ keyBits: 1024, magnitude: 1000n, summands: 2 });
  const list = Array.from({ length: 100 }, (_, index) => BigInt(index * 10 - 500));
  const vector = await encryptVector(publicKey, list, { scaleBits: 0, packing });
  const sum = await addVectors(publicKey, [vector, vector]);
  const shares = await dealShares(privateKey, { parties: 3 });
  const parts = await Promise.all(shares.map((share) => partiallyDecrypt(publicKey, share, sum.ciphertexts())));
  const plaintexts = await combineShares(publicKey, parts);
  expect(valuesOf(sum, plaintexts)).toEqual(list.map((value) => value * 2n));
  expect(() => valuesOf(sum, [1n])).toThrow(/expected 2 plaintexts, got 1/);
  expect(() => valuesOf(sum.with({ summands: 3n }), plaintexts)).toThrow(/at most 2 summands/);
});

test('impossible sharings are refused', async () => {
  await expect(dealShares(privateKey, { parties: 1 })).rejects.toThrow(RangeError);
  await expect(dealShares(privateKey, { parties: 3, threshold: 4 })).rejects.toThrow(/got 4 of 3/);
  await expect(dealShares(privateKey, { parties: 65 })).rejects.toThrow(RangeError);
  const [share] = await dealShares(privateKey, { parties: 2 });
  const other = await testKeyPair(512);
  if (!share) throw new Error('expected a share');
  await expect(partiallyDecrypt(other.publicKey, share, [2n])).rejects.toThrow(/another key/);
});
