import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bigIntToBytes, fromBigInts } from '../../crypto/modular/bytes.ts';
import { decrypt, encryptVector, productOfPowers } from '../../crypto/paillier/index.ts';
import { testKeyPair } from '../support/keys.ts';

const { publicKey, privateKey } = await testKeyPair(1024);
const vector = await encryptVector(
  publicKey,
  Array.from({ length: 30 }, (_, index) => BigInt(index * index) - 100n),
  { scaleBits: 0 },
);

test('a product of powers that comes in runs is the encryption of the weighted sum', async () => {
  const cut = fc.array(fc.nat({ max: 30 }), { maxLength: 4 });
  const exponents = fc.array(fc.bigInt({ min: 0n, max: 2n ** 61n - 1n }), { minLength: 30, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(cut, exponents, async (cuts, powers) => {
      const edges = [0, ...cuts.toSorted((left, right) => left - right), 30];
      const runs = edges.slice(1).map((to, index) => {
        const from = edges[index] ?? 0;
        return {
          ciphertexts: vector.data.subarray(from * vector.elementBytes, to * vector.elementBytes),
          exponents: fromBigInts(powers.slice(from, to), 8),
        };
      });
      const product = await productOfPowers(publicKey, runs, { exponentBits: 61, terms: 30 });
      const expected = powers.reduce((sum, power, index) => sum + power * (BigInt(index * index) - 100n), 0n);
      expect(await decrypt(privateKey, product)).toBe(expected);
    }),
    { seed: 1, numRuns: 20 },
  );
});

test('many terms are divided among threads, and a buffer may be used again for the run after the next', async () => {
  const first = vector.data.subarray(0, vector.elementBytes);
  const buffers = [0, 1].map(() => new Uint8Array(new SharedArrayBuffer(3000 * vector.elementBytes)));
  function* runs() {
    for (const turn of [0, 1, 2, 3]) {
      const ciphertexts = buffers[turn % 2] ?? first;
      for (let row = 0; row < 3000; row += 1) ciphertexts.set(first, row * vector.elementBytes);
      yield {
        ciphertexts,
        exponents: fromBigInts(
          Array.from({ length: 3000 }, (_, row) => BigInt(row + turn)),
          2,
        ),
      };
    }
  }
  const product = await productOfPowers(publicKey, runs(), { exponentBits: 12, terms: 12_000 });
  expect(await decrypt(privateKey, product)).toBe(-100n * BigInt(4 * ((2999 * 3000) / 2) + 3000 * 6));
});

test('nothing gives 1, and runs of other lengths are refused', async () => {
  expect(await productOfPowers(publicKey, [], { exponentBits: 8, terms: 0 })).toBe(1n);
  const runs = [{ ciphertexts: vector.data, exponents: bigIntToBytes(1n, 29) }];
  await expect(productOfPowers(publicKey, runs, { exponentBits: 8, terms: 30 })).rejects.toThrow(
    /expected ciphertexts of 256 bytes and exponents of 1, got 7680 and 29 bytes/,
  );
});

test('it stops between runs', async () => {
  const runs = [{ ciphertexts: vector.data, exponents: new Uint8Array(30) }];
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(productOfPowers(publicKey, runs, { exponentBits: 8, terms: 30, signal })).rejects.toThrow('enough');
});
