import { getPublicKey } from '@noble/secp256k1';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generateIdentity, idOfPublicKey, identityFromPrivateKey, sha3, sign } from '../../colony/identity.ts';
import { InvalidSignatureError, recoverId } from '../../colony/signature-recovery.ts';
import vectors from '../vectors/colonies-identity.json' with { type: 'json' };

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const hex = (value: bigint): string => value.toString(16).padStart(64, '0');

describe('identities of the official Go code', () => {
  test.each(vectors.identities)('private key $privateKey has its published id', ({ privateKey, id }) => {
    expect(identityFromPrivateKey(privateKey)).toEqual({ privateKey, id });
  });

  test('the id is the hash of the text of the uncompressed public key', () => {
    const published = vectors.identities.filter(({ publicKey }) => publicKey !== undefined);
    expect(published).toHaveLength(2);
    for (const { privateKey, publicKey, id } of published) {
      const key = getPublicKey(Buffer.from(privateKey, 'hex'), false);
      expect(Buffer.from(key).toString('hex')).toBe(publicKey);
      expect(idOfPublicKey(key)).toBe(id);
    }
  });

  test('a private key may be written in upper case and with spaces around it', () => {
    const [first] = vectors.identities;
    expect(identityFromPrivateKey(` ${first?.privateKey.toUpperCase()}\n`).id).toBe(first?.id);
  });

  test.each(['', 'abc', 'z'.repeat(64), 'f'.repeat(63), 'f'.repeat(65), '0'.repeat(64), hex(CURVE_ORDER)])(
    'the private key %j is refused without being shown',
    (text) => {
      const attempt = (): unknown => identityFromPrivateKey(text);
      expect(attempt).toThrow(expect.objectContaining({ code: 'INVALID_PRIVATE_KEY' }));
    },
  );

  test('the error about a private key does not show it', () => {
    const secret = 'g'.repeat(64);
    expect(() => identityFromPrivateKey(secret)).not.toThrow(secret);
  });

  test('fresh identities differ', () => {
    expect(generateIdentity().id).not.toBe(generateIdentity().id);
  });
});

describe('signatures of the official Go code', () => {
  test.each(vectors.signatures)('$text signed with $privateKey', ({ privateKey, text, digest, signature }) => {
    expect(sha3(text).toString('hex')).toBe(digest);
    const identity = identityFromPrivateKey(privateKey);
    expect(sign(text, identity)).toBe(signature);
    expect(recoverId(text, signature)).toBe(identity.id);
    expect(recoverId(text, signature.toUpperCase())).toBe(identity.id);
  });

  test.each(vectors.recovered)('a signature of another origin recovers to $id', ({ text, signature, id }) => {
    expect(recoverId(text, signature)).toBe(id);
  });

  test('whatever is signed recovers to its signer, and to nobody known when it is changed', () => {
    const identity = generateIdentity();
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, other) => {
        const signature = sign(text, identity);
        expect(recoverId(text, signature)).toBe(identity.id);
        fc.pre(other !== text);
        expect(recoverOrRefuse(other, signature)).not.toBe(identity.id);
      }),
      { seed: 1, numRuns: 50 },
    );
  });
});

describe('malformed signatures', () => {
  const [known] = vectors.signatures;
  const signature = known?.signature ?? '';
  const [r, s] = [signature.slice(0, 64), signature.slice(64, 128)];
  const highS = hex(CURVE_ORDER - BigInt(`0x${s}`));

  test.each([
    ['of no length', '', 'Invalid signature length'],
    ['of 64 bytes', signature.slice(2), 'Invalid signature length'],
    ['of 66 bytes', `${signature}00`, 'Invalid signature length'],
    ['of an odd length', signature.slice(1), 'Invalid signature length'],
    ['that is not hexadecimal', `z${signature.slice(1)}`, "encoding/hex: invalid byte: U+007A 'z'"],
    ['with v = 2', `${r}${s}02`, 'Failed to recover public key'],
    ['with v = 4, which Go takes for 0', `${r}${s}04`, 'Failed to recover public key'],
    ['with v = 27, as Ethereum writes it', `${r}${s}1b`, 'public key recovery code 54 is not in the valid range'],
    ['with a high s', `${r}${highS}00`, 'Failed verify signature: Signature s value is over half the order'],
    ['with a high s and the other v', `${r}${highS}01`, 'Signature s value is over half the order'],
    ['with r = 0', `${'0'.repeat(64)}${s}00`, 'Failed to recover public key: invalid signature: R is 0'],
    ['with r that is no point', `${hex(5n)}${s}00`, 'Failed to recover public key'],
    ['with r above the order', `${'f'.repeat(64)}${s}00`, 'Failed to recover public key'],
    ['with s = 0', `${r}${'0'.repeat(64)}00`, 'Failed to recover public key'],
  ])('a signature %s is refused', (_, malformed, words) => {
    const attempt = (): string => recoverId('hello', malformed);
    expect(attempt).toThrow(InvalidSignatureError);
    expect(attempt).toThrow(words);
  });

  test('junk of any kind is refused or recovers to a well-formed id', () => {
    const junk = fc.oneof(
      fc.string(),
      fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    );
    fc.assert(
      fc.property(junk, (text) => {
        expect(recoverOrRefuse('hello', text)).toMatch(/^[0-9a-f]{64}$|^refused$/);
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});

function recoverOrRefuse(text: string, signature: string): string {
  try {
    return recoverId(text, signature);
  } catch (error) {
    if (error instanceof InvalidSignatureError) return 'refused';
    throw error;
  }
}
