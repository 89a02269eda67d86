import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFixedPoint } from '../../../crypto/paillier/index.ts';
import { additivePlan } from '../../../executors/regression/additive/precision.ts';
import { batchCount, batchRange, gradientPacking } from '../../../executors/regression/batches.ts';
import {
  type Finding,
  guardColumns,
  guardIds,
  guardLabels,
  guardParameters,
} from '../../../executors/regression/guards.ts';
import { requireBounded, toMantissas } from '../../../executors/regression/mantissas.ts';
import { hasLoss, parametersDigest, readParameters } from '../../../executors/regression/parameters.ts';
import { planRun, PRODUCT_BITS, type Speeds } from '../../../executors/regression/plan.ts';
import { measureSpeeds } from '../../../executors/regression/speeds.ts';
import {
  coefficientsInUnits,
  prepareColumns,
  prepareLabels,
  requireClasses,
} from '../../../executors/regression/scaling.ts';
import { turnsDuring } from '../../support/event-loop.ts';
import { at, columnOf, readTable, readVectors } from '../../support/regression.ts';
import * as z from 'zod';

const wire = {
  run: 'r',
  label: 'y',
  features: [
    { name: 'x1', columns: 2 },
    { name: 'x2', columns: 3 },
  ],
  rows: 442,
  model: 'linear',
  alpha: 0.1,
  iterations: 10,
  retries: 0,
};
const parametersWith = (changes: Record<string, unknown> = {}) => readParameters({ ...wire, ...changes });
const refused = (code: string): unknown => expect.objectContaining({ name: 'TerminalError', code });

describe('parameters', () => {
  test('have one digest for one meaning: defaults and the order of keys do not matter', () => {
    const digest = parametersDigest(parametersWith());
    expect(parametersDigest(parametersWith({ scaleBits: 40, lambda: 0 }))).toBe(digest);
    expect(parametersDigest(readParameters(Object.fromEntries(Object.entries(wire).toReversed())))).toBe(digest);
    expect(parametersDigest(parametersWith({ alpha: 0.2 }))).not.toBe(digest);
    expect(parametersDigest(readParameters(JSON.parse(JSON.stringify(parametersWith()))))).toBe(digest);
  });

  test.each([
    ['a name with a slash', { run: 'a/b' }],
    ['a party twice', { label: 'x1' }],
    ['a centred intercept of a logistic model', { model: 'logistic', intercept: 'centred' }],
    ['the cubic form without a single key', { model: 'logistic', activation: 'cubic', mode: 'threshold' }],
    ['a loss of the cubic form', { model: 'logistic', activation: 'cubic', loss: true }],
    ['mantissas that doubles do not hold', { scaleBits: 44, columnBoundBits: 20 }],
    ['batches larger than the table', { batchRows: 443 }],
    ['an unknown field', { sudo: true }],
    ['a step of nothing', { alpha: 0 }],
  ])('with %s are refused', (_, changes) => {
    expect(() => parametersWith(changes)).toThrow(refused('BAD_PARAMETERS'));
  });
});

describe('guards of a run', () => {
  test.each([
    ['KEY_TOO_SHORT', { keyBits: 1024 }],
    ['FEW_ROWS', { rows: 49 }],
    ['BATCH_TOO_SMALL', { batchRows: 40 }],
    ['OPENING_BUDGET', { guards: 'strict', iterations: 20 }],
  ])('%s', (code, changes) => {
    expect(() => guardParameters(parametersWith(changes))).toThrow(refused(code));
  });

  test('gradients that would not fit a plaintext are refused when the run is planned', () => {
    expect(() => gradientPacking({ ...parametersWith(), keyBits: 100 })).toThrow(refused('OVERFLOW_POSSIBLE'));
  });

  test('a demonstration goes on, and says in spite of what', () => {
    const findings = guardParameters(parametersWith({ keyBits: 512, rows: 30, guards: 'demonstration' }));
    expect(findings.map(({ code }) => code)).toEqual(['KEY_TOO_SHORT', 'FEW_ROWS']);
  });

  test('the loss of mini-batches takes more iterations than there are batches', () => {
    const measured = { batchRows: 110, loss: true };
    expect(() => guardParameters(parametersWith({ ...measured, iterations: 4 }))).toThrow(refused('BAD_PARAMETERS'));
    expect(guardParameters(parametersWith({ ...measured, iterations: 5 }))).toEqual([]);
    expect(guardParameters(parametersWith({ batchRows: 110, iterations: 4 }))).toEqual([]);
  });

  test('a loss comes by default where it costs nothing, and where it was asked for', () => {
    expect(hasLoss(parametersWith())).toBe(true);
    expect(hasLoss(parametersWith({ loss: false }))).toBe(false);
    expect(hasLoss(parametersWith({ batchRows: 110 }))).toBe(false);
    expect(hasLoss(parametersWith({ batchRows: 110, loss: true }))).toBe(true);
    expect(hasLoss(parametersWith({ model: 'logistic', activation: 'cubic' }))).toBe(false);
  });

  test('a run that satisfies all passes in every mode', () => {
    for (const mode of ['single-key', 'threshold', 'additive'])
      expect(guardParameters(parametersWith({ mode }))).toEqual([]);
    expect(guardParameters(parametersWith({ guards: 'strict', batchRows: 110 }))).toEqual([]);
  });
});

const ROWS = 442;

function noise(seed: number): Float64Array {
  return Float64Array.from({ length: ROWS }, (_, row) => Math.sin(seed * 1000 + row * row * (seed + 0.3)));
}

/** Ones first, then zeros. */
function indicator(ones: number): Float64Array {
  return Float64Array.from({ length: ROWS }, (_, row) => (row < ones ? 1 : 0));
}

function guard(columns: Float64Array[], changes: Record<string, unknown> = {}): Promise<readonly Finding[]> {
  return guardColumns(parametersWith(changes), ['a', 'b', 'c'], columns);
}

describe('guards of columns', () => {
  test('a column with few rows off its mode is refused, with ten it passes', async () => {
    await expect(guard([noise(1), indicator(9)])).rejects.toThrow(refused('INDICATOR_COLUMN'));
    await expect(guard([noise(1), indicator(1)])).rejects.toThrow(/column b: expected at least 10 rows/);
    expect(await guard([noise(1), indicator(10)])).toEqual([]);
    await expect(guard([noise(1), indicator(430)], { batchRows: 110 })).rejects.toThrow(refused('INDICATOR_COLUMN'));
    expect(await guard([indicator(1)], { guards: 'demonstration' })).toHaveLength(1);
  });

  test('a constant column is refused, scaled or not', async () => {
    const constant = new Float64Array(ROWS).fill(3);
    await expect(guard([noise(1), constant])).rejects.toThrow(refused('CONSTANT_COLUMN'));
    const scaled = await prepareColumns(parametersWith(), 'x1', [constant]);
    await expect(guard([at(scaled.columns, 0)])).rejects.toThrow(refused('CONSTANT_COLUMN'));
  });

  test('a column that follows from others is refused', async () => {
    const sum = noise(1).map((value, row) => 2 * value - (noise(2)[row] ?? 0) + 5);
    await expect(guard([noise(1), noise(2), sum])).rejects.toThrow(/column c: expected columns of which none follows/);
    await expect(guard([noise(1), noise(1)])).rejects.toThrow(refused('RANK_DEFICIENT'));
    expect(await guard([noise(1), noise(2), noise(3)])).toEqual([]);
  });

  test('values that are not finite, too large or too few are refused without showing them', async () => {
    const broken = noise(1);
    broken[7] = Number.NaN;
    await expect(guard([broken])).rejects.toThrow(refused('NOT_FINITE'));
    broken[7] = 12_345;
    await expect(guard([broken])).rejects.toThrow(refused('MAGNITUDE_EXCEEDED'));
    await expect(guard([broken])).rejects.not.toThrow(/12345|row 7/);
    await expect(guard([noise(1).subarray(1)])).rejects.toThrow(refused('WRONG_COUNT'));
  });
});

test('rare values are found as by counting every value', async () => {
  const cells = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 30, maxLength: 120 });
  await fc.assert(
    fc.asyncProperty(cells, fc.integer({ min: 0, max: 25 }), async (some, kept) => {
      // Most rows have one value, so that the numbers of others are about ten.
      const column = Float64Array.from(some, (cell, row) => ((row * 7) % some.length < kept ? cell : 1));
      const counts = [0, 1, 2].map((value) => column.filter((cell) => cell === value).length);
      const offMode = column.length - Math.max(...counts);
      const parameters = parametersWith({ rows: column.length, guards: 'demonstration' });
      const codes = (await guardColumns(parameters, ['a'], [column])).map(({ code }) => code);
      expect(codes).toEqual(offMode === 0 ? ['CONSTANT_COLUMN'] : offMode < 10 ? ['INDICATOR_COLUMN'] : []);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test('guarding and scaling a large table leave the event loop to others', async () => {
  const rows = 200_000;
  const columns = Array.from({ length: 8 }, (_, seed) =>
    Float64Array.from({ length: rows }, (__, row) => Math.sin((seed + 1) * row * row)),
  );
  let findings: readonly Finding[] | undefined;
  const guarding = await turnsDuring(async () => {
    findings = await guardColumns(parametersWith({ rows }), [], columns);
  });
  expect(findings).toEqual([]);
  expect(guarding).toBeGreaterThan(100);
  expect(await turnsDuring(() => prepareColumns(parametersWith({ rows }), 'x1', columns))).toBeGreaterThan(12);
});

test('ids that come twice are refused by number, not by name', () => {
  expect(() => guardIds(['a', 'b', 'a'])).toThrow(refused('DUPLICATE_IDS'));
  expect(() => guardIds(['a', 'b', 'a'])).toThrow(/got 1 more than once/);
  guardIds(['a', 'b']);
});

test('labels are bounded, and 0 or 1 for a logistic model', () => {
  const parameters = parametersWith({ rows: 3, guards: 'demonstration' });
  guardLabels(parameters, Float64Array.of(1, 2, 3));
  expect(() => guardLabels(parameters, Float64Array.of(1, 2, 5000))).toThrow(refused('MAGNITUDE_EXCEEDED'));
  expect(() => guardLabels(parameters, Float64Array.of(1, 2))).toThrow(refused('WRONG_COUNT'));
  const logistic = parametersWith({ model: 'logistic' });
  expect([...prepareLabels(logistic, Float64Array.of(0, 1)).base]).toEqual([0.5, -0.5]);
  expect(() => prepareLabels(logistic, Float64Array.of(0, 2))).toThrow(expect.objectContaining({ code: 'BAD_LABELS' }));
});

test('a label that is no class is named to the operator by its row, and to nobody by its value', () => {
  const logistic = { model: 'logistic' } as const;
  for (const wrong of [-1, 0.5, 7391]) {
    const labels = Float64Array.of(0, 1, wrong, 1);
    const operatorNote = expect.stringMatching(/row 3 of 4 /);
    const refusal = expect.objectContaining({ name: 'DataError', code: 'BAD_LABELS', operatorNote });
    expect(() => requireClasses(logistic, labels)).toThrow(refusal);
    expect(() => requireClasses(logistic, labels)).toThrow(/another value; write the two classes as 0 and 1/);
    expect(() => requireClasses(logistic, labels)).not.toThrow(/7391|row [0-9]/);
  }
  requireClasses(logistic, Float64Array.of(0, 1, -0));
  requireClasses({ model: 'linear' }, Float64Array.of(0.5));
});

test('scores and their units agree with an independent tool', async () => {
  const Oracle = z.object({ columns: z.array(z.string()), std: z.array(z.number()), target_mean: z.number() });
  const oracle = Oracle.parse(readVectors('linear_diabetes.json'));
  const table = readTable('diabetes.csv');
  const parameters = parametersWith({ intercept: 'centred' });
  const prepared = await prepareColumns(
    parameters,
    'x1',
    oracle.columns.map((name) => columnOf(table, name)),
  );
  for (const [index, { deviation }] of prepared.scales.entries())
    expect(deviation).toBeCloseTo(at(oracle.std, index), 9);
  expect(prepareLabels(parameters, columnOf(table, 'progression')).mean).toBeCloseTo(oracle.target_mean, 10);
  const [first] = coefficientsInUnits(parameters, prepared.scales, oracle.std) ?? [];
  expect(first).toBeCloseTo(1, 9);
});

test('mantissas of whole columns are those of exact arithmetic', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -4000, max: 4000, noNaN: true }),
      fc.integer({ min: 0, max: 40 }),
      (value, scaleBits) => {
        const [mantissa = Number.NaN] = toMantissas(Float64Array.of(value), scaleBits);
        expect(BigInt(mantissa)).toBe(encodeFixedPoint(value, scaleBits));
      },
    ),
    { seed: 1, numRuns: 500 },
  );
  expect([...toMantissas(Float64Array.of(0.5, 1.5, -0.5, -1.5, 2.5), 0)]).toEqual([0, 2, 0, -2, 2]);
  expect(() => requireBounded(Float64Array.of(8), 3, 'x')).toThrow(refused('MAGNITUDE_EXCEEDED'));
  requireBounded(Float64Array.of(-7.99), 3, 'x');
});

test('batches cover all rows once, none below the size asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 0, max: 5000 }), (rows, batchRows) => {
      fc.pre(batchRows <= rows);
      const parameters = parametersWith({ rows, batchRows });
      let next = 0;
      for (let batch = 0; batch < batchCount(parameters); batch += 1) {
        const { from, to } = batchRange(parameters, batch);
        expect(from).toBe(next);
        expect(to - from).toBeGreaterThanOrEqual(batchRows);
        next = to;
      }
      expect(next).toBe(rows);
    }),
    { seed: 1, numRuns: 200 },
  );
});

/** Microseconds for one ciphertext, as a machine might have them. */
const speeds: Speeds = {
  encryptMicros: 40,
  ownEncryptMicros: 30,
  addMicros: 2,
  dotMicros: 3,
  decryptMicros: 100,
  checkMicros: 1,
  splitMicros: 8,
  productMicros: 5,
};

function planOf(changes: Record<string, unknown>) {
  return planRun(parametersWith(changes));
}

describe('a plan', () => {
  test('gives slots of ⌈log2(n·max|x|·max|r|)⌉ + 2f + 2 bits', () => {
    const parameters = parametersWith({ keyBits: 2048 });
    const { slotBits, slotsPerCiphertext, overflowMarginBits } = planRun(parameters);
    expect(slotBits).toBe(Math.ceil(Math.log2(442)) + 6 + 12 + 80 + 2);
    expect(slotsPerCiphertext).toBe(Math.floor(2047 / slotBits));
    expect(gradientPacking(parameters)).toMatchObject({ slotBits, slotsPerCiphertext });
    expect(overflowMarginBits).toBeGreaterThan(1900);
  });

  test('counts bytes, processes, openings and seconds', () => {
    const plan = planRun(parametersWith({ keyBits: 2048, rows: 100_000 }), speeds);
    expect(plan).toMatchObject({
      ciphertextBytes: 512,
      bytesPerForward: 51_200_000,
      processesPerIteration: 6,
      chainDepth: 4,
      chunksPerIteration: 25,
      batches: 1,
    });
    expect(plan.secondsPerIteration).toBeCloseTo(4 * 0.05 + (2 * 40 + 5 * 2 + 5 * 1 + 5 * 3) / 10, 6);
    expect(plan.secondsAtStart).toBeCloseTo(1.5 + 30 / 10, 6);
    expect(plan.budgets).toEqual([
      { party: 'x1', columns: 2, ciphertexts: 1, openingsPerRow: 0.0002 },
      { party: 'x2', columns: 3, ciphertexts: 1, openingsPerRow: 0.0003 },
    ]);
    expect(planRun(parametersWith({ mode: 'threshold' })).processesPerIteration).toBe(8);
  });

  test('of additive shares counts rows once, and shares for every iteration', () => {
    const parameters = parametersWith({ mode: 'additive', keyBits: 2048, rows: 1_000_000 });
    const { shareBits, shareBytes } = additivePlan(parameters);
    const plan = planRun(parameters, speeds);
    expect(plan.bytesAtStart).toBe(1_000_000 * 2 * 512);
    expect(plan.bytesPerForward).toBe(1_000_000 * shareBytes);
    expect(plan.bytesPerIteration).toBeLessThan(40_000_000);
    expect(plan.secondsPerIteration).toBeCloseTo(4 * 0.05 + (4 * 5 * shareBits) / PRODUCT_BITS, 6);
    expect(plan.secondsAtStart).toBeCloseTo(1.5 + 2 * (30 + 2 * (1 + 8)), 6);
    expect(plan.warnings).toEqual([]);
    expect(plan.leakage.join(' ')).toMatch(/Residuals are never in one place/);
  });

  test('says whether there is a loss, what it costs, and what parties learn for it', () => {
    expect(planOf({}).loss).toBe('of every iteration');
    expect(planOf({ loss: false }).loss).toBe('none, as asked for');
    expect(planOf({ model: 'logistic', activation: 'cubic' }).loss).toMatch(/^none: that of the cubic form/);
    expect(planOf({ batchRows: 110 }).loss).toMatch(/^none with mini-batches, unless "loss": true/);
    const measured = planOf({ batchRows: 110, loss: true, iterations: 8 });
    expect(measured.loss).toBe('of every iteration, for its batch; the first 4 iterations take no step');
    const statement = measured.leakage.join(' ');
    expect(statement).toMatch(/All feature parties together learn Xᵀy of every batch/);
    expect(statement).toMatch(/the loss of every iteration, one number for all rows of its batch/);
    expect(statement).toMatch(/each feature party learns the gradient at 0 of every batch/);
    expect(planOf({}).leakage.join(' ')).not.toMatch(/batch/);
  });

  test('warns of openings that a dishonest party could use, and says who learns what', () => {
    const plan = planRun(parametersWith({ iterations: 100 }));
    expect(plan.warnings).toHaveLength(2);
    expect(plan.warnings[0]).toMatch(/x1 may ask for 0\.452 openings for each row/);
    expect(plan.leakage.join('\n')).toMatch(/y and any one feature party together can compute the residuals/);
    const threshold = planRun(parametersWith({ mode: 'threshold' })).leakage.join('\n');
    expect(threshold).toMatch(/Nobody holds the key/);
    expect(threshold).not.toMatch(/any one feature party together/);
  });
});

test('speeds are measured for every kind of work that a plan counts', async () => {
  for (const micros of Object.values(await measureSpeeds(512))) {
    expect(micros).toBeGreaterThan(0);
    expect(micros).toBeLessThan(1e6);
  }
});
