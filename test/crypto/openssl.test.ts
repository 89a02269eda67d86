import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { modPower } from '../../crypto/modular/number-theory.ts';
import { OpenSslPower } from '../../crypto/modular/openssl.ts';
import { testPrimes } from '../support/keys.ts';

const [p, q] = testPrimes(512);
const modulus = (p * q) ** 2n;
const power = OpenSslPower.open(modulus);

test('powers modulo n² are right for random bases and exponents', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: modulus * 2n }), fc.bigInt({ min: 0n, max: 2n ** 70n }), (base, exponent) => {
      expect(power?.of(base, exponent)).toBe(modPower(base, exponent, modulus));
    }),
    { seed: 1 },
  );
});

test('bases and exponents that OpenSSL refuses have the right powers all the same', () => {
  const bases = [0n, 1n, 2n, modulus - 2n, modulus - 1n, modulus, modulus + 1n, p, p * q, p * p * q * q];
  for (const base of bases) {
    for (const exponent of [0n, 1n, 2n, 3n, (p - 1n) * p * (q - 1n) * q]) {
      expect(power?.of(base, exponent)).toBe(modPower(base, exponent, modulus));
    }
  }
});

test('a modulus longer than OpenSSL takes is left to the engine', () => {
  expect(OpenSslPower.open(2n ** 10_008n + 1n)).toBeUndefined();
});
