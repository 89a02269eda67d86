import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBigInts, toBigInts } from '../../../crypto/modular/bytes.ts';
import { expectRows } from '../../../executors/regression/additive/expectations.ts';
import {
  addIntegers,
  areReduced,
  dotIntegers,
  integersOf,
  negateIntegers,
  truncateIntegers,
} from '../../../executors/regression/additive/integers.ts';
import { IntegerPads, ringOf, ZeroSumPads } from '../../../executors/regression/additive/pads.ts';
import { additivePlan } from '../../../executors/regression/additive/precision.ts';
import { openSlots } from '../../../executors/regression/additive/step.ts';
import { parseInline } from '../../../executors/regression/messages.ts';
import { readParameters } from '../../../executors/regression/parameters.ts';
import type { RunParameters } from '../../../executors/regression/parameters.ts';
import { TerminalError } from '../../../colony/errors.ts';
import { at, testSeeds } from '../../support/regression.ts';
import { additiveKeys, forwardsOf, startAdditive, sumFor } from '../../support/regression-additive.ts';

const check = { seed: 1, numRuns: 100 };
const width = fc.integer({ min: 1, max: 20 });

test('sums, negatives and remainders are those of integers modulo a power of two', () => {
  const cases = width.chain((bytes) => {
    const numbers = fc.array(fc.bigInt({ min: 0n, max: 256n ** BigInt(bytes) - 1n }), { minLength: 5, maxLength: 5 });
    return fc.tuple(fc.constant(bytes), fc.integer({ min: 8 * bytes - 7, max: 8 * bytes }), numbers, numbers);
  });
  fc.assert(
    fc.property(cases, ([bytes, bits, left, right]) => {
      const sum = fromBigInts(left, bytes);
      addIntegers(sum, fromBigInts(right, bytes), bytes);
      truncateIntegers(sum, bytes, bits);
      const expected = left.map((number, index) => BigInt.asUintN(bits, number + (right[index] ?? 0n)));
      expect(toBigInts(sum, bytes)).toEqual(expected);
      expect(areReduced(sum, bytes, bits)).toBe(true);
      negateIntegers(sum, bytes);
      expect(toBigInts(sum, bytes)).toEqual(expected.map((number) => BigInt.asUintN(8 * bytes, -number)));
      const isReduced = left.every((number) => number < 2n ** BigInt(bits));
      expect(areReduced(fromBigInts(left, bytes), bytes, bits)).toBe(isReduced);
    }),
    check,
  );
});

test('mantissas become integers, and products with columns are exact', () => {
  const mantissa = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
  const rows = width.chain((bytes) =>
    fc.tuple(
      fc.constant(bytes),
      fc.array(fc.tuple(mantissa, fc.bigInt({ min: 0n, max: 256n ** BigInt(bytes) - 1n })), { minLength: 1 }),
    ),
  );
  fc.assert(
    fc.property(rows, ([bytes, pairs]) => {
      const mantissas = Float64Array.from(pairs, ([value]) => value);
      expect(toBigInts(integersOf(mantissas, bytes), bytes)).toEqual(
        pairs.map(([value]) => BigInt.asUintN(8 * bytes, BigInt(value))),
      );
      const integers = fromBigInts(
        pairs.map(([, integer]) => integer),
        bytes,
      );
      const expected = pairs.reduce((sum, [value, integer]) => sum + BigInt(value) * integer, 0n);
      expect(dotIntegers(mantissas, integers, bytes)).toBe(expected);
    }),
    check,
  );
});

test('products stay exact over many rows of the largest numbers', () => {
  for (const sign of [1, -1]) {
    const mantissas = new Float64Array(5000).fill(sign * (2 ** 52 - 1));
    const integers = new Uint8Array(5000 * 9).fill(255);
    const expected = 5000n * BigInt(sign) * (2n ** 52n - 1n) * (2n ** 72n - 1n);
    expect(dotIntegers(mantissas, integers, 9)).toBe(expected);
  }
});

test('numbers beyond those that doubles count one by one become integers, too', () => {
  const far = Float64Array.of(2 ** 60 + 2 ** 20, -(2 ** 70));
  expect(toBigInts(integersOf(far, 10), 10)).toEqual([2n ** 60n + 2n ** 20n, 2n ** 80n - 2n ** 70n]);
});

test('pads of all feature parties sum to zero, and differ between contexts', () => {
  const ring = ringOf(61);
  const sum = new Uint8Array(50 * ring.bytes);
  for (const place of [0, 1, 2]) {
    addIntegers(sum, new ZeroSumPads(testSeeds(3, place), 'a', ring).chunk(0, 50), ring.bytes);
  }
  truncateIntegers(sum, ring.bytes, ring.bits);
  expect(sum.every((byte) => byte === 0)).toBe(true);
  const seed = new Uint8Array(32).fill(7);
  const [first, other] = ['a', 'b'].map((context) => new IntegerPads(seed, context, ring));
  expect(first?.chunk(0, 50)).toEqual(new IntegerPads(seed, 'a', ring).chunk(0, 50));
  expect(first?.chunk(0, 50)).not.toEqual(other?.chunk(0, 50));
  expect(first?.chunk(0, 50)).not.toEqual(first?.chunk(1, 50));
  expect(areReduced(first?.chunk(2, 4096) ?? new Uint8Array(0), ring.bytes, ring.bits)).toBe(true);
});

const shapes = fc.record({
  rows: fc.integer({ min: 1, max: 2 ** 24 }),
  parties: fc.integer({ min: 1, max: 8 }),
  precisionBits: fc.integer({ min: 8, max: 40 }),
  residualBoundBits: fc.integer({ min: 0, max: 24 }),
  columnBoundBits: fc.integer({ min: 0, max: 11 }),
  scaling: fc.constantFrom('none', 'standard'),
  keyBits: fc.constantFrom(2048, 3072),
});

/** Numbers beyond doubles are refused. */
function planUnlessRefused(parameters: RunParameters): ReturnType<typeof additivePlan> | undefined {
  try {
    return additivePlan(parameters);
  } catch (error) {
    if (error instanceof TerminalError && error.code === 'OVERFLOW_POSSIBLE') return undefined;
    throw error;
  }
}

test('whatever is planned, gradients fit the ring, slots hold what all holders add, and carries are hidden', () => {
  fc.assert(
    fc.property(shapes, ({ parties, ...shape }) => {
      const features = Array.from({ length: parties }, (_, index) => ({ name: `x${index}`, columns: 3 }));
      const parameters = readParameters({
        run: 'a',
        label: 'y',
        features,
        model: 'linear',
        mode: 'additive',
        alpha: 0.1,
        iterations: 1,
        ...shape,
      });
      const plan = planUnlessRefused(parameters);
      if (!plan) return;
      const { shareBits, carryBits, columnScaleBits, shareScaleBits, packing } = plan;
      const [rows, most] = [BigInt(shape.rows), (bits: number) => 2n ** BigInt(bits)];
      const meanBits = shape.scaling === 'none' ? shape.columnBoundBits : 0;
      const gradient = rows * most(meanBits + columnScaleBits) * most(shape.residualBoundBits + shareScaleBits);
      expect(gradient < most(shareBits - 1)).toBe(true);
      const sum = rows * most(shape.columnBoundBits + columnScaleBits) * (most(shareBits) - 1n);
      const slot = BigInt(parties) * (sum + (most(carryBits) - 1n) * most(shareBits) + most(shareBits) - 1n);
      expect(slot < most(packing.slotBits - 1)).toBe(true);
      expect(packing.slotBits * packing.slotsPerCiphertext < shape.keyBits).toBe(true);
      expect(most(carryBits) >= most(40) * ((2n * sum) >> BigInt(shareBits))).toBe(true);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('slots hold the largest columns times the largest shares, in real ciphertexts', async () => {
  const rows = 64;
  const largest = 2 ** 3 - 2 ** -8;
  const block = (sign: number) => new Float64Array(rows).fill(sign * largest);
  const parties = await startAdditive({
    parameters: {
      model: 'linear',
      scaling: 'none',
      alpha: 0.1,
      iterations: 1,
      columnBoundBits: 3,
      residualBoundBits: 2,
    },
    keys: await additiveKeys(2),
    blocks: [[block(1), block(-1), block(1)], [block(-1)]],
    labels: new Float64Array(rows).fill(1),
  });
  const turn = { iteration: 0, attempt: 0 };
  const { shareBits, shareBytes, columnScaleBits } = additivePlan(parties.parameters);
  await forwardsOf(parties, turn);
  const all = new Uint8Array(rows * shareBytes).fill(255);
  truncateIntegers(all, shareBytes, shareBits);
  const holders = new Map(['y', 'x1', 'x2'].map((holder) => [holder, all]));
  const text = await sumFor(parties, turn, at(parties.rows, 0), holders);
  const slots = await openSlots(at(parties.features, 0), turn, parseInline(text));
  const product = BigInt(largest * 2 ** columnScaleBits) * (2n ** BigInt(shareBits) - 1n) * BigInt(rows) * 2n;
  const expected = [product, -product, product].map((value) => BigInt.asUintN(shareBits, value));
  expect(slots.map((slot) => BigInt.asUintN(shareBits, slot))).toEqual(expected);
  expect(expectRows(parties.parameters, 'x1').count % rows).toBe(0);
});
