import { addVectors, decryptVector, dotColumns, encryptVector, generateKeyPair } from '../../crypto/paillier/index.ts';
import type { Speeds } from './plan.ts';

const SAMPLE = 1024;
const DECRYPTED = 16;
const MICROSECONDS = 1000;

/**
 * Measures for about a second how fast this machine computes with keys of some length, all threads busy.
 *
 * @param keyBits of a key that is made for this and forgotten
 */
export async function measureSpeeds(keyBits: number): Promise<Speeds> {
  const { publicKey, privateKey } = await generateKeyPair({ keyBits, allowShortKey: true });
  const values = Array.from({ length: SAMPLE }, (_, index) => BigInt(index));
  const weights = Float64Array.from(values, (value) => Number(value) * 2 ** 30);
  // The first use builds the key's tables.
  await encryptVector(publicKey, values.slice(0, 1), { scaleBits: 0 });
  const encrypted = await timed(SAMPLE, () => encryptVector(publicKey, values, { scaleBits: 0 }));
  const vector = encrypted.result;
  const added = await timed(SAMPLE, () => addVectors(publicKey, [vector, vector]));
  const multiplied = await timed(SAMPLE, () => dotColumns(publicKey, vector, [weights], { scalarScaleBits: 0 }));
  const few = await encryptVector(publicKey, values.slice(0, DECRYPTED), { scaleBits: 0 });
  const decrypted = await timed(DECRYPTED, () => decryptVector(privateKey, few));
  return {
    encryptMicros: encrypted.micros,
    addMicros: added.micros,
    dotMicros: multiplied.micros,
    decryptMicros: decrypted.micros,
  };
}

async function timed<T>(count: number, work: () => Promise<T>): Promise<{ result: T; micros: number }> {
  const startedAt = performance.now();
  const result = await work();
  return { result, micros: ((performance.now() - startedAt) * MICROSECONDS) / count };
}
