import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeFixedPoint, encodeFixedPoint, formatFixedPoint } from '../../crypto/paillier/index.ts';

const check = { seed: 1 };

test.each([
  ['0.1', 8, 26n],
  [0.1, 8, 26n],
  ['-12.5', 1, -25n],
  ['2.5', 0, 2n],
  ['3.5', 0, 4n],
  ['-2.5', 0, -2n],
  ['1e-3', 10, 1n],
  ['.5', 1, 1n],
  ['5.', 0, 5n],
  ['12e2', 0, 1200n],
  ['+7', 0, 7n],
  [-0, 40, 0n],
] as const)('%s at %i bits becomes the nearest mantissa, half to even', (value, scaleBits, mantissa) => {
  expect(encodeFixedPoint(value, scaleBits)).toBe(mantissa);
});

test.each([
  Number.NaN,
  Infinity,
  -Infinity,
  '',
  ' 1',
  '1 ',
  'abc',
  '1e',
  '0x10',
  '1,5',
  '.',
  '--1',
  '1e99999',
  '9'.repeat(3000),
])('what is no finite decimal number is refused: %s', (value) => {
  expect(() => encodeFixedPoint(value, 40)).toThrow(RangeError);
});

test.each([-1, 1.5, 1025, Number.NaN])('the impossible scale %s is refused', (scaleBits) => {
  expect(() => encodeFixedPoint(1, scaleBits)).toThrow(/scaleBits: expected an integer from 0 to 1024/);
  expect(() => decodeFixedPoint(1n, scaleBits)).toThrow(RangeError);
  expect(() => formatFixedPoint(1n, scaleBits)).toThrow(RangeError);
});

test('every double survives when the scale holds all its binary places', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e12, max: 1e12 }), (value) => {
      const rounded = Math.abs(value) < 2 ** -900 ? 0 : value;
      expect(decodeFixedPoint(encodeFixedPoint(rounded, 1024), 1024)).toBe(rounded === 0 ? 0 : rounded);
    }),
    check,
  );
});

test('decimal text of a mantissa reads back as that mantissa', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
      fc.integer({ min: 0, max: 120 }),
      (mantissa, scale) => {
        expect(encodeFixedPoint(formatFixedPoint(mantissa, scale), scale)).toBe(mantissa);
        expect(decodeFixedPoint(mantissa, scale)).toBe(Number(formatFixedPoint(mantissa, scale)));
      },
    ),
    check,
  );
});

test('the error of encoding is at most half a unit of the scale', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
      fc.integer({ min: 0, max: 20 }),
      (value, scaleBits) => {
        const error = Math.abs(decodeFixedPoint(encodeFixedPoint(value, scaleBits), scaleBits) - value);
        expect(error).toBeLessThanOrEqual(2 ** -(scaleBits + 1));
      },
    ),
    check,
  );
});
