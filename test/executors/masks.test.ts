import { afterAll, expect, test } from 'vitest';
import { closeCrypto, decrypt, encrypt, generateKeyPair } from '../../crypto/paillier/index.ts';
import { MaskKeeper } from '../../executors/masks.ts';
import { testKeyPair } from '../support/keys.ts';
import { until } from '../support/processes.ts';

const { publicKey, privateKey } = await testKeyPair(1024);

afterAll(() => closeCrypto());

test('a key gets masks at its second process, and encrypting uses them up', async () => {
  const masks = new MaskKeeper();
  masks.serve(publicKey);
  expect(masks.ready(publicKey)).toBe(0);
  masks.serve(publicKey);
  await until(() => masks.ready(publicKey) === 64);
  expect(await decrypt(privateKey, await encrypt(publicKey, -7n))).toBe(-7n);
  expect(masks.ready(publicKey)).toBeLessThan(64);
});

test('the key that was not served for longest gives way to a fifth one', async () => {
  const masks = new MaskKeeper();
  const others = await Promise.all(
    Array.from({ length: 4 }, () => generateKeyPair({ keyBits: 512, allowShortKey: true })),
  );
  masks.serve(publicKey);
  masks.serve(publicKey);
  await until(() => masks.ready(publicKey) === 64);
  for (const other of others) masks.serve(other.publicKey);
  expect(masks.ready(publicKey)).toBe(0);
});
