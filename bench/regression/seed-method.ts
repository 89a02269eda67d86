import { performance } from 'node:perf_hooks';
import { generateRandomKeys } from 'paillier-bigint';

const SAMPLE = 40;

/**
 * What a row costs in the method of the seed: both feature parties encrypt their prediction, one addition, one decryption,
 * with paillier-bigint, one thread. Everything waits for one another there, so the times add up.
 */
export async function measureSeedMethod(keyBits: number): Promise<{ microsPerRow: number }> {
  const { publicKey, privateKey } = await generateRandomKeys(keyBits);
  publicKey.encrypt(1n);
  const startedAt = performance.now();
  for (let row = 0n; row < SAMPLE; row += 1n) {
    const sum = publicKey.addition(publicKey.encrypt(row), publicKey.encrypt(row + 1n));
    privateKey.decrypt(sum);
  }
  return { microsPerRow: ((performance.now() - startedAt) * 1000) / SAMPLE };
}
