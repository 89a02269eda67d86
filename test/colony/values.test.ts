import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { PaillierPublicKey, TutorialCiphertext } from '../../colony/values.ts';
import { isBlumKey } from '../../crypto/paillier/index.ts';
import { testPrimes } from '../support/keys.ts';

const [p, q] = testPrimes(2048);
const n = (p * q).toString();

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

describe('a public key', () => {
  test.each([
    ['as the Python example writes it', `{"n": "${n}"}`, undefined],
    ['whose owner says that it is of Blum primes', `{"n": "${n}", "blum": true}`, true],
  ])('%s survives reading and writing', (_, json, blum) => {
    const publicKey = z.decode(PaillierPublicKey, base64(json));
    expect([publicKey.n.toString(), isBlumKey(publicKey)]).toEqual([n, blum]);
    const written = Buffer.from(z.encode(PaillierPublicKey, publicKey), 'base64').toString();
    expect(JSON.parse(written)).toEqual(JSON.parse(json));
  });

  test.each([
    ['text that is not base64', '{"n": "77"}'],
    ['a number instead of text', base64(`{"n": ${n}}`)],
    ['a negative modulus', base64(`{"n": "-${n}"}`)],
    ['more digits than any key has', base64(`{"n": "${'9'.repeat(10_001)}"}`)],
  ])('is refused: %s', (_, text) => {
    expect(PaillierPublicKey.safeParse(text).success).toBe(false);
  });
});

test("a ciphertext of the tutorial is base64 of its decimal digits, of which there are not more than any key's", () => {
  expect(z.encode(TutorialCiphertext, 123n)).toBe('MTIz');
  expect(z.decode(TutorialCiphertext, 'MTIz')).toBe(123n);
  for (const digits of ['', '-1', '1.0', '0x1', '9'.repeat(10_001)]) {
    expect(TutorialCiphertext.safeParse(base64(digits)).success).toBe(false);
  }
});
