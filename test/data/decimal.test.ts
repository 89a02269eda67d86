import { assert, bigInt, double, nat, property, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addDecimals,
  formatDecimal,
  multiplyDecimals,
  parseDecimal,
  toFixedPoint,
  tryParseDecimal,
} from '../../data/decimal.ts';

const decimals = record({ mantissa: bigInt(-(10n ** 30n), 10n ** 30n), decimals: nat({ max: 25 }) });
const fixedSeed = { seed: 20_261_120 };

describe('a decimal number', () => {
  test.each([
    ['2.3', '2.3'],
    ['-2.50', '-2.5'],
    ['+7', '7'],
    [' 12 ', '12'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['1e-3', '0.001'],
    ['1.25E+2', '125'],
    ['-0', '0'],
    ['007', '7'],
    ['123456789012345678901234567890.123', '123456789012345678901234567890.123'],
    ['5e-324', `0.${'0'.repeat(323)}5`],
  ])('is read from %j as %s', (text, expected) => {
    expect(formatDecimal(parseDecimal(text))).toBe(expected);
  });

  test.each(['', ' ', '.', '-', 'e5', '1e', '1e999', '1e99999999999', 'NaN', 'Infinity', '0x10', '1_000', '2,3', '1 2', '٣'])(
    'is not read from %j',
    (text) => {
      expect(tryParseDecimal(text)).toBeUndefined();
    },
  );

  test('is not read from text longer than any measurement', () => {
    expect(tryParseDecimal('7'.repeat(3_000_000))).toBeUndefined();
  });

  test('is refused without repeating the text, which may be a patient’s', () => {
    expect(() => parseDecimal('Anna')).toThrow('expected a decimal number, got 4 characters of text');
  });

  test('survives being written and read', () => {
    assert(
      property(decimals, (decimal) => {
        const text = formatDecimal(decimal);
        expect(formatDecimal(parseDecimal(text))).toBe(text);
        expect(parseDecimal(text).mantissa * 10n ** 25n).toBe(
          decimal.mantissa * 10n ** BigInt(25 - decimal.decimals + parseDecimal(text).decimals),
        );
      }),
      fixedSeed,
    );
  });

  test('is read as the same number as JavaScript’s doubles are written', () => {
    assert(
      property(double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(formatDecimal(parseDecimal(String(value))))).toBe(value + 0);
      }),
      fixedSeed,
    );
  });

  test('adds and multiplies exactly: (a + b)² = a² + 2ab + b²', () => {
    assert(
      property(decimals, decimals, (a, b) => {
        const sum = addDecimals(a, b);
        const crossTerm = multiplyDecimals(a, b);
        const expanded = addDecimals(
          addDecimals(multiplyDecimals(a, a), multiplyDecimals(b, b)),
          addDecimals(crossTerm, crossTerm),
        );
        expect(formatDecimal(multiplyDecimals(sum, sum))).toBe(formatDecimal(expanded));
      }),
      fixedSeed,
    );
  });

  test('adds 0.1 ten times to exactly 1', () => {
    const tenth = parseDecimal('0.1');
    const sum = Array.from({ length: 10 }, () => tenth).reduce(addDecimals);
    expect(formatDecimal(sum)).toBe('1');
  });
});

describe('fixed point', () => {
  test.each([
    ['2.5', 0, 2n],
    ['3.5', 0, 4n],
    ['-2.5', 0, -2n],
    ['-3.5', 0, -4n],
    ['2.51', 0, 3n],
    ['0.75', 2, 3n],
    ['0.1', 40, 109951162778n],
    ['-0.1', 40, -109951162778n],
    ['55', 0, 55n],
  ])('of %s with %i bits after the point is %s', (text, scaleBits, expected) => {
    expect(toFixedPoint(parseDecimal(text), scaleBits)).toBe(expected);
  });

  test('is never further from the number than half of its last bit', () => {
    assert(
      property(decimals, nat({ max: 80 }), (decimal, scaleBits) => {
        const mantissa = toFixedPoint(decimal, scaleBits);
        const power = 10n ** BigInt(decimal.decimals);
        const error = mantissa * power - (decimal.mantissa << BigInt(scaleBits));
        expect(2n * (error < 0n ? -error : error) <= power).toBe(true);
      }),
      fixedSeed,
    );
  });

  test.each([-1, 1.5, 5000, Number.NaN])('is refused with %s bits after the point', (scaleBits) => {
    expect(() => toFixedPoint(parseDecimal('1'), scaleBits)).toThrow(RangeError);
  });
});
