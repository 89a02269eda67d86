// Its index would bring 150 modules more, which take half as long to load as all of the server.
import { instantiateSecp256k1 } from '@bitauth/libauth/build/lib/crypto/secp256k1.js';
import { idOfPublicKey, sha3 } from './identity.ts';

/**
 * Recovering the signer is the hot spot of a server. The WebAssembly build of libsecp256k1 does it in about 0.1 ms; it
 * takes a moment to load, so only what verifies signatures imports this file.
 */
const secp256k1 = await instantiateSecp256k1();

const SIGNATURE_BYTES = 65;
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A signature that no key can have made; `message` is what a Colonies server answers (status 403). */
export class InvalidSignatureError extends Error {
  override readonly name = 'InvalidSignatureError';
}

/**
 * The id of whoever signed `text`. A wrong but well-formed signature yields some other, unknown id.
 *
 * Stricter than the official server in one point: v must be 0 or 1, so that a signature has one form only.
 *
 * @param signature r ‖ s ‖ v, 130 hexadecimal characters, either case
 * @throws InvalidSignatureError for text that is not hexadecimal, a wrong length, v above 1, r = 0, s above half the order
 */
export function recoverId(text: string, signature: string): string {
  const bytes = parseSignature(signature);
  const recoveryId = bytes[64] === 1 ? 1 : 0;
  const compact = bytes.subarray(0, 64);
  requireLowS(compact);
  const publicKey = secp256k1.recoverPublicKeyUncompressed(compact, recoveryId, sha3(text));
  if (typeof publicKey === 'string') {
    throw new InvalidSignatureError('Failed to recover public key: invalid signature: no point has this R');
  }
  return idOfPublicKey(publicKey);
}

function parseSignature(signature: string): Buffer {
  const stray = /[^0-9a-fA-F]/u.exec(signature)?.[0];
  if (stray !== undefined) {
    const code = (stray.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    throw new InvalidSignatureError(`encoding/hex: invalid byte: U+${code} '${stray}'`);
  }
  const bytes = Buffer.from(signature, 'hex');
  if (signature.length % 2 !== 0 || bytes.length !== SIGNATURE_BYTES) {
    throw new InvalidSignatureError('Invalid signature length');
  }
  const recoveryId = bytes[64] ?? 0;
  if (recoveryId > 1) {
    throw new InvalidSignatureError(
      `Failed to recover public key: invalid signature: public key recovery code ${recoveryId + 27} is not in the valid range [27, 28]`,
    );
  }
  return bytes;
}

function requireLowS(compact: Buffer): void {
  if (compact.subarray(0, 32).every((byte) => byte === 0)) {
    throw new InvalidSignatureError('Failed to recover public key: invalid signature: R is 0');
  }
  if (BigInt(`0x${compact.toString('hex', 32, 64)}`) > CURVE_ORDER / 2n) {
    throw new InvalidSignatureError('Failed verify signature: Signature s value is over half the order');
  }
}
