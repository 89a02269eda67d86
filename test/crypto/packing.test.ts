import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { explainPacking, planPacking } from '../../crypto/paillier/index.ts';
import { packValues, unpackValues } from '../../crypto/paillier/packing.ts';

const check = { seed: 1, numRuns: 200 };

test('64-bit values of 1024 parties share a ciphertext as tightly as the bounds allow', () => {
  const plan = planPacking({ keyBits: 2048, magnitude: 2n ** 64n - 1n, summands: 1024 });
  expect(plan).toEqual({
    slotBits: 75,
    slotsPerCiphertext: 27,
    magnitude: '18446744073709551615',
    summands: 1024,
    weightBits: 0,
  });
  expect(explainPacking(plan)).toBe(
    '27 values per ciphertext in slots of 75 bits: 64 bits for the magnitude of one value, 1 for its sign, 10 so that 1024 summands cannot overflow',
  );
});

test('sums of as many extreme values as planned stay in their slots', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 256, max: 3072 }),
      fc.bigInt({ min: 0n, max: 2n ** 90n }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.constantFrom(-1n, 0n, 1n), { minLength: 1, maxLength: 40 }),
      (keyBits, magnitude, summands, signs) => {
        const plan = planPacking({ keyBits, magnitude, summands });
        const values = signs.slice(0, plan.slotsPerCiphertext).map((sign) => sign * magnitude);
        const sum = packValues(plan, values) * BigInt(summands);
        expect(sum < 2n ** BigInt(keyBits - 2) && sum > -(2n ** BigInt(keyBits - 2))).toBe(true);
        const expected = values.map((value) => value * BigInt(summands));
        expect(unpackValues(plan, sum, values.length, BigInt(summands))).toEqual(expected);
      },
    ),
    check,
  );
});

test('packed values come back, whatever their signs', () => {
  const plan = planPacking({ keyBits: 2048, magnitude: 2n ** 40n, summands: 3, weightBits: 5 });
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: -(2n ** 40n), max: 2n ** 40n }), { maxLength: plan.slotsPerCiphertext }),
      (values) => {
        expect(unpackValues(plan, packValues(plan, values), values.length, 1n)).toEqual(values);
      },
    ),
    check,
  );
});

test('a value above the planned magnitude is refused with its place', () => {
  const plan = planPacking({ keyBits: 2048, magnitude: 100n, summands: 2 });
  expect(() => packValues(plan, [100n, -101n], 7)).toThrow(/value 8: expected a magnitude/);
});

test('a sum that no allowed summands can reach is refused when it is taken apart', () => {
  const plan = planPacking({ keyBits: 2048, magnitude: 100n, summands: 2 });
  expect(() => unpackValues(plan, 201n, 1, 2n)).toThrow(/exceeded its bound/);
  expect(() => unpackValues(plan, 150n, 1, 1n)).toThrow(/exceeded its bound/);
  expect(() => unpackValues(plan, 1n << 100n, 1, 2n)).toThrow(/exceeded its bound/);
});

test('bounds that cannot be met are refused', () => {
  const bounds = { keyBits: 2048, magnitude: 1n, summands: 1 };
  expect(() => planPacking({ ...bounds, magnitude: 2n ** 2047n })).toThrow(/use a longer key/);
  expect(() => planPacking({ ...bounds, magnitude: -1n })).toThrow(/magnitude: expected a bound/);
  expect(() => planPacking({ ...bounds, summands: 0 })).toThrow(/summands: expected an integer/);
  expect(() => planPacking({ ...bounds, summands: 1.5 })).toThrow(RangeError);
  expect(() => planPacking({ ...bounds, weightBits: -1 })).toThrow(/weightBits: expected/);
});
