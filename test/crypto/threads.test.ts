import { afterEach, expect, test } from 'vitest';
import {
  closeCrypto,
  configureTables,
  decrypt,
  decryptVector,
  dotVector,
  encrypt,
  encryptVector,
  encryptVectorAsOwner,
  keepObfuscators,
  rerandomize,
  setThreads,
  sumVector,
} from '../../crypto/paillier/index.ts';
import { testKeyPair } from '../support/keys.ts';

const { publicKey, privateKey } = await testKeyPair(1024);
const values = Array.from({ length: 300 }, (_, index) => BigInt(index - 150));

afterEach(async () => {
  await closeCrypto();
  configureTables({ constantTime: false, budgetBytes: 2 ** 28 });
});

test.each([1, 3])('work spread over %i threads gives the results in order', async (threads) => {
  setThreads(threads);
  const vector = await encryptVector(publicKey, values, { scaleBits: 0 });
  expect(await decryptVector(privateKey, vector)).toEqual(values);
  const dot = await dotVector(publicKey, vector, values);
  const sum = await sumVector(publicKey, vector);
  expect(await decryptVector(privateKey, dot)).toEqual([values.reduce((total, value) => total + value * value, 0n)]);
  expect(await decryptVector(privateKey, sum)).toEqual([-150n]);
});

test.each([
  ['read in constant time', { constantTime: true }],
  ['that do not fit the budget', { budgetBytes: 1000 }],
  ['that evict each other', { budgetBytes: 2 ** 21 }],
])('encryption is right with tables %s', async (_, settings) => {
  configureTables(settings);
  const other = await testKeyPair(2048);
  for (const key of [publicKey, other.publicKey, publicKey]) {
    const vector = await encryptVector(key, values.slice(0, 70), { scaleBits: 0 });
    const owner = key === publicKey ? privateKey : other.privateKey;
    expect(await decryptVector(owner, vector)).toEqual(values.slice(0, 70));
  }
  const owned = await encryptVectorAsOwner(privateKey, values, { scaleBits: 0 });
  expect(await decryptVector(privateKey, owned)).toEqual(values);
});

test('an abort during the work stops it with its reason', async () => {
  const controller = new AbortController();
  const many = Array.from({ length: 20_000 }, () => 1n);
  const work = encryptVector(publicKey, many, {
    scaleBits: 0,
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  });
  await expect(work).rejects.toThrow('enough');
});

test('closing rejects what runs, and the next computation starts anew', async () => {
  const many = Array.from({ length: 2000 }, () => 1n);
  let closing: Promise<void> | undefined;
  // The next chunk was handed to a worker before a chunk is reported. Should it be done already, then the one after it is
  // handed over right before the next report: it cannot have answered yet.
  const onProgress = (): void => {
    closing = closeCrypto();
  };
  const work = encryptVector(publicKey, many, { scaleBits: 0, masking: 'standard', onProgress });
  await expect(work).rejects.toThrow('closed before the computation ended');
  await closing;
  expect(privateKey.decrypt(await encrypt(publicKey, 5n))).toBe(5n);
});

test('the number of threads cannot change under running work', async () => {
  await encrypt(publicKey, 1n);
  expect(() => setThreads(2)).toThrow(/before the first computation/);
  expect(() => setThreads(0)).toThrow(RangeError);
});

test('masks computed ahead are used once each, refilled, and gone when the pool closes', async () => {
  const pool = keepObfuscators(publicKey, { capacity: 100 });
  await pool.fill();
  expect(pool.available).toBe(100);
  const ciphertexts = await Promise.all(values.slice(0, 30).map((value) => encrypt(publicKey, value)));
  expect(pool.available).toBe(70);
  expect(new Set(ciphertexts.map((ciphertext) => ciphertext % publicKey.n)).size).toBe(30);
  const decrypted = await Promise.all(ciphertexts.map((ciphertext) => decrypt(privateKey, ciphertext)));
  expect(decrypted).toEqual(values.slice(0, 30));
  await pool.fill();
  expect(pool.available).toBe(100);
  const [first = 0n] = ciphertexts;
  expect(privateKey.decrypt(await rerandomize(publicKey, first))).toBe(privateKey.decrypt(first));
  expect(pool.available).toBe(99);
  pool.close();
  expect(pool.available).toBe(0);
  expect(pool.encrypt(1n)).toBeUndefined();
  expect(privateKey.decrypt(await encrypt(publicKey, 7n))).toBe(7n);
});

test('a pool of no capacity is refused', () => {
  expect(() => keepObfuscators(publicKey, { capacity: 0 })).toThrow(/capacity: expected a positive integer/);
});
