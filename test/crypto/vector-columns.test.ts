import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBigInts } from '../../crypto/modular/bytes.ts';
import { decryptVector, dotColumns, encryptResidues, encryptVector, planPacking } from '../../crypto/paillier/index.ts';
import { testKeyPair } from '../support/keys.ts';

const { publicKey, privateKey } = await testKeyPair(1024);
const check = { seed: 1, numRuns: 20 };

function dot(values: readonly bigint[], column: readonly bigint[]): bigint {
  return values.reduce((sum, value, index) => sum + value * (column[index] ?? 0n), 0n);
}

test('dot products with several columns equal those of plain integers, of doubles and bigints alike', async () => {
  const small = fc.bigInt({ min: -(2n ** 52n) + 1n, max: 2n ** 52n - 1n });
  const rows = fc.array(fc.tuple(small, small, fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n })), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(rows, async (list) => {
      const values = list.map(([value]) => value);
      const middle = list.map(([, value]) => value);
      const large = list.map(([, , value]) => value);
      const vector = await encryptVector(publicKey, values, { scaleBits: 3, context: 'run/1' });
      const doubles = Float64Array.from(middle, Number);
      const products = await dotColumns(publicKey, vector, [doubles, middle, large], { scalarScaleBits: 4 });
      expect(products).toMatchObject({ count: 3, scaleBits: 7, context: 'run/1', summands: 1n });
      const expected = [dot(values, middle), dot(values, middle), dot(values, large)];
      expect(await decryptVector(privateKey, products)).toEqual(expected);
    }),
    check,
  );
});

test('columns of every width come out right, also at the ends of their range', async () => {
  const vector = await encryptVector(publicKey, [1n], { scaleBits: 0 });
  const ends = Array.from({ length: 52 }, (_, bits) => 2 ** bits).flatMap((power) => [
    power,
    -power,
    power - 1,
    1 - power,
  ]);
  const products = await dotColumns(
    publicKey,
    vector,
    ends.map((end) => Float64Array.of(end)),
  );
  expect(await decryptVector(privateKey, products)).toEqual(ends.map(BigInt));
  for (const end of ends.slice(-60)) {
    const alone = await dotColumns(publicKey, vector, [Float64Array.of(end)]);
    expect(await decryptVector(privateKey, alone)).toEqual([BigInt(end)]);
  }
});

test('a vector longer than one pass gives the same sums', async () => {
  const values = Array.from({ length: 9000 }, (_, index) => BigInt(index % 17) - 8n);
  const column = Float64Array.from(values, (_, index) => (index % 23) - 11);
  const short = await testKeyPair(512);
  const vector = await encryptVector(short.publicKey, values, { scaleBits: 0 });
  const products = await dotColumns(short.publicKey, vector, [column, column.map((value) => -value)]);
  const expected = dot(values, Array.from(column, BigInt));
  expect(await decryptVector(short.privateKey, products)).toEqual([expected, -expected]);
});

test('residues encrypt to what they stand for, and their buffer is wiped', async () => {
  const residues = fromBigInts([0n, 5n, publicKey.n - 7n], 128);
  const vector = await encryptResidues(publicKey, residues, { scaleBits: 40, context: 'c' });
  expect(vector).toMatchObject({ count: 3, scaleBits: 40, context: 'c', packing: null, summands: 1n });
  expect(await decryptVector(privateKey, vector)).toEqual([0n, 5n, -7n]);
  expect(residues.every((byte) => byte === 0)).toBe(true);
});

test('columns and residues that cannot be right are refused', async () => {
  const vector = await encryptVector(publicKey, [1n, 2n], { scaleBits: 0 });
  const packing = planPacking({ keyBits: 1024, magnitude: 10n, summands: 1 });
  const packed = await encryptVector(publicKey, [1n, 2n], { scaleBits: 0, packing });
  await expect(dotColumns(publicKey, vector, [])).rejects.toThrow(/at least one column/);
  await expect(dotColumns(publicKey, packed, [[1n, 2n]])).rejects.toThrow(/packed vector/);
  await expect(dotColumns(publicKey, vector, [[1n]])).rejects.toThrow(/column 0: expected 2 values, got 1/);
  await expect(dotColumns(publicKey, vector, [Float64Array.of(1, 0.5)])).rejects.toThrow(/whole numbers/);
  await expect(dotColumns(publicKey, vector, [Float64Array.of(1, Number.NaN)])).rejects.toThrow(/whole numbers/);
  await expect(dotColumns(publicKey, vector, [Float64Array.of(1, 2 ** 52)])).rejects.toThrow(/below 2\^52/);
  await expect(dotColumns(publicKey, vector, [[1n, publicKey.n]])).rejects.toThrow(/below n\/2/);
  const tooLarge = fromBigInts([publicKey.n], 128);
  await expect(encryptResidues(publicKey, tooLarge, { scaleBits: 0 })).rejects.toThrow(/residue 0/);
  await expect(encryptResidues(publicKey, new Uint8Array(129), { scaleBits: 0 })).rejects.toThrow(/whole number/);
});
