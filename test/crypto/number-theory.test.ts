import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { integerRoot } from '../../crypto/modular/number-theory.ts';

test('integer roots are exact beside perfect powers and elsewhere, for short and long numbers of every degree', () => {
  const bases = fc.oneof(fc.bigInt({ min: 1n, max: 2n ** 20n }), fc.bigInt({ min: 2n ** 50n, max: 2n ** 400n }));
  fc.assert(
    fc.property(bases, fc.integer({ min: 2, max: 40 }), fc.bigInt({ min: 0n }), (root, degree, above) => {
      const power = root ** BigInt(degree);
      const gap = (root + 1n) ** BigInt(degree) - power;
      expect(integerRoot(power, degree)).toBe(root);
      expect(integerRoot(power - 1n, degree)).toBe(root - 1n);
      expect(integerRoot(power + (above % gap), degree)).toBe(root);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test('the roots of 0 and 1 are 0 and 1', () => {
  expect([integerRoot(0n, 2), integerRoot(1n, 2), integerRoot(1n, 97)]).toEqual([0n, 1n, 1n]);
});
