import { createHash, createHmac } from 'node:crypto';
import { getPublicKey, hashes, sign as signDigest, utils } from '@noble/secp256k1';
import { ColonyError, toError, UserError } from './errors.ts';

hashes.sha256 = (message) => new Uint8Array(createHash('sha256').update(message).digest());
hashes.hmacSha256 = (key, message) => new Uint8Array(createHmac('sha256', key).update(message).digest());

/** Who signs: a secp256k1 private key and the id that others know it by. */
export interface Identity {
  /** 64 lower-case hexadecimal characters; secret. */
  readonly privateKey: string;
  /** SHA3-256 of the hexadecimal text of the public key: 64 lower-case hexadecimal characters. */
  readonly id: string;
}

/** SHA3-256 (FIPS 202) of UTF-8 text or bytes. */
export function sha3(content: string | Uint8Array): Buffer {
  return createHash('sha3-256').update(content).digest();
}

/** The id of whoever holds the key: SHA3-256 of the *text* of the uncompressed public key in lower-case hexadecimal. */
export function idOfPublicKey(publicKey: Uint8Array): string {
  return sha3(Buffer.from(publicKey).toString('hex')).toString('hex');
}

/**
 * The identity of a private key.
 *
 * @param privateKey 64 hexadecimal characters, either case, a number in [1, order of secp256k1)
 * @throws ColonyError `INVALID_PRIVATE_KEY` otherwise; the message never shows the key
 */
export function identityFromPrivateKey(privateKey: string): Identity {
  const text = privateKey.trim().toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new ColonyError(
      `private key: expected 64 hexadecimal characters, got ${text.length} characters; create one with "colonies security generate"`,
      { code: 'INVALID_PRIVATE_KEY' },
    );
  }
  const secretKey = Buffer.from(text, 'hex');
  if (!utils.isValidSecretKey(secretKey)) {
    throw new ColonyError('private key: expected a number in [1, order of secp256k1), got one outside', {
      code: 'INVALID_PRIVATE_KEY',
    });
  }
  return { privateKey: text, id: idOfPublicKey(getPublicKey(secretKey, false)) };
}

/**
 * The identity of a private key that somebody set, as {@link identityFromPrivateKey}.
 *
 * @param where the variable, flag or file that holds it, for the message
 * @throws UserError otherwise; the message never shows the key
 */
export function readIdentity(privateKey: string, where: string): Identity {
  try {
    return identityFromPrivateKey(privateKey);
  } catch (thrown) {
    throw new UserError(`${where}: ${toError(thrown).message}`);
  }
}

/** A fresh identity from the operating system's randomness. */
export function generateIdentity(): Identity {
  return identityFromPrivateKey(Buffer.from(utils.randomSecretKey()).toString('hex'));
}

/**
 * Signs text the way Colonies does: ECDSA over its SHA3-256 digest, RFC 6979 nonce, low s.
 *
 * @returns r ‖ s ‖ v, 130 lower-case hexadecimal characters; v is the raw recovery id
 */
export function sign(text: string, identity: Identity): string {
  const signature = signDigest(sha3(text), Buffer.from(identity.privateKey, 'hex'), {
    prehash: false,
    lowS: true,
    format: 'recovered',
  });
  const recoveryIdFirst = Buffer.from(signature);
  return Buffer.concat([recoveryIdFirst.subarray(1), recoveryIdFirst.subarray(0, 1)]).toString('hex');
}
