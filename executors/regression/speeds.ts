import {
  addVectors,
  type CiphertextVector,
  decryptVector,
  describeEngine,
  dotColumns,
  encryptVector,
  encryptVectorAsOwner,
  generateKeyPair,
  productOfPowers,
  splitCiphertexts,
  validateVector,
} from '../../crypto/paillier/index.ts';
import { PRODUCT_BITS, type Speeds } from './plan.ts';

const SAMPLE = 1024;
const DECRYPTED = 16;
/** Products of powers are cheaper for many terms: as many as a large run multiplies in one piece. */
const REPEATED = 16;

/**
 * Measures for some seconds what this machine's processors take for one ciphertext with keys of some length, when all of them
 * are free: processor time is counted, not the time that passes, so that whatever else runs here does not count.
 *
 * @param keyBits of a key that is made for this and forgotten
 */
export async function measureSpeeds(keyBits: number): Promise<Speeds> {
  const { publicKey, privateKey } = await generateKeyPair({ keyBits, allowShortKey: true });
  const values = Array.from({ length: SAMPLE }, (_, index) => BigInt(index));
  const weights = Float64Array.from(values, (value) => Number(value) * 2 ** 30);
  const scale = { scaleBits: 0 };
  const some = await encryptVector(publicKey, values.slice(0, DECRYPTED), scale);
  const encrypted = await measured(SAMPLE, () => encryptVector(publicKey, values, scale));
  const vector = encrypted.result;
  const owned = await measured(SAMPLE, () => encryptVectorAsOwner(privateKey, values, scale));
  const added = await measured(SAMPLE, () => addVectors(publicKey, [vector, vector]));
  const multiplied = await measured(SAMPLE, () => dotColumns(publicKey, vector, [weights], { scalarScaleBits: 0 }));
  const decrypted = await measured(DECRYPTED, () => decryptVector(privateKey, some));
  const checked = await measured(SAMPLE, () => validateVector(publicKey, vector));
  const split = await measured(SAMPLE, () => splitCiphertexts(publicKey, vector.data));
  const pieces = Array.from({ length: REPEATED }, () => split.result);
  const exponents = exponentsFor(vector);
  const power = { exponentBits: PRODUCT_BITS, isSplit: true };
  const product = await measured(SAMPLE * REPEATED, () => productOfPowers(publicKey, pieces, exponents, power));
  return {
    encryptMicros: encrypted.micros,
    ownEncryptMicros: owned.micros,
    addMicros: added.micros,
    dotMicros: multiplied.micros,
    decryptMicros: decrypted.micros,
    checkMicros: checked.micros,
    splitMicros: split.micros,
    productMicros: product.micros,
  };
}

/** Exponents that look random, as shares do: bytes of ciphertexts. */
function exponentsFor({ data }: CiphertextVector): Uint8Array {
  const bytes = new Uint8Array((SAMPLE * REPEATED * PRODUCT_BITS) / 8);
  for (let place = 0; place < bytes.length; place += 1) bytes[place] = data[(place * 7) % data.length] ?? 0;
  return bytes;
}

/**
 * Processor time for each of `count` items, divided among as many threads as compute. The first time starts threads, and
 * builds the tables of a key: the second counts.
 */
async function measured<T>(count: number, work: () => Promise<T>): Promise<{ result: T; micros: number }> {
  await work();
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { result, micros: (user + system) / describeEngine().threads / count };
}
