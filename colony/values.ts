import { PublicKey } from 'paillier-bigint';
import * as z from 'zod';
import { CiphertextVector, isBlumKey, publicKeyFromModulus } from '../crypto/paillier/index.ts';
import { type BlobsAtHand, blobsAtHand } from './blobs/scope.ts';
import { ColonyError } from './errors.ts';
import { BLOB_THRESHOLD_BYTES, fetchVector, findReference, vectorProblem, writeVector } from './vector-text.ts';

/**
 * What goes into and comes out of processes: the tutorial's forms, which the Python example shares, and ciphertext
 * vectors. Every codec decodes wire text to a validated domain value and encodes it back.
 */

const MAXIMUM_DECIMAL_DIGITS = 10_000;

const DecimalModulus = z
  .string()
  .regex(/^[1-9][0-9]*$/, 'expected decimal digits')
  .max(MAXIMUM_DECIMAL_DIGITS);

const PublicKeyJson = z.object({ n: DecimalModulus, blum: z.boolean().optional() });

/**
 * A Paillier public key: base64 of `{"n": "<decimal>"}`, the form of the Python example, with `"blum": true` where its
 * owner says so. Keys shorter than 2048 bits and moduli that cannot be right are refused.
 */
export const PaillierPublicKey = z.codec(z.base64().min(1), z.instanceof(PublicKey), {
  decode: (text, context) => {
    try {
      const { n, blum } = PublicKeyJson.parse(JSON.parse(fromBase64(text)));
      return publicKeyFromModulus(BigInt(n), blum === undefined ? {} : { blum });
    } catch (error) {
      context.issues.push({ code: 'custom', input: text, message: publicKeyProblem(error) });
      return z.NEVER;
    }
  },
  encode: (publicKey) =>
    toBase64(JSON.stringify({ n: publicKey.n.toString(), ...(isBlumKey(publicKey) === true ? { blum: true } : {}) })),
});

function publicKeyProblem(error: unknown): string {
  if (error instanceof RangeError) return error.message;
  return 'expected base64 of {"n": "<decimal modulus>"}; "colonies keys generate" writes it to public_key.b64';
}

/** One ciphertext as the tutorial writes it: base64 of its decimal digits. Ranges are checked with the key, later. */
export const TutorialCiphertext = z.codec(z.base64().min(1), z.bigint(), {
  decode: (text, context) => {
    const digits = fromBase64(text);
    if (/^[0-9]+$/.test(digits) && digits.length <= MAXIMUM_DECIMAL_DIGITS) return BigInt(digits);
    context.issues.push({ code: 'custom', input: text, message: 'expected base64 of a decimal ciphertext' });
    return z.NEVER;
  },
  encode: (ciphertext) => toBase64(ciphertext.toString()),
});

/**
 * A vector of ciphertexts: JSON text that names key, scale, count and packing, with the numbers in base64url. Above
 * {@link BLOB_THRESHOLD_BYTES} a blob holds the numbers, where a storage is at hand (`withBlobs`): then reading and
 * writing are asynchronous, and whoever uses the codec sees nothing of it.
 */
export const CiphertextVectorText = z.codec(z.string().min(1), z.instanceof(CiphertextVector), {
  decode: (text, context) => {
    const refuse = (error: unknown): never => {
      if (error instanceof ColonyError) throw error;
      context.issues.push({ code: 'custom', input: text, message: vectorProblem(error) });
      return z.NEVER;
    };
    try {
      const referring = findReference(text);
      if (referring === undefined) return CiphertextVector.parse(text);
      return fetchVector(requireBlobs(), referring).catch(refuse);
    } catch (error) {
      return refuse(error);
    }
  },
  encode: (vector) => {
    const blobs = vector.data.length > BLOB_THRESHOLD_BYTES ? blobsAtHand() : undefined;
    return blobs === undefined ? vector.toJson() : writeVector(blobs, vector);
  },
});

function requireBlobs(): BlobsAtHand {
  const blobs = blobsAtHand();
  if (blobs !== undefined) return blobs;
  throw new RangeError(
    'ctvec: expected the ciphertexts themselves, got a reference to a blob where no storage is at hand',
  );
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString();
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}
