import { expect, test } from 'vitest';
import { testKeyPair } from '../../support/keys.ts';
import {
  at,
  columnOf,
  distance,
  iterate,
  lossAt,
  predictionsFor,
  readTable,
  startRun,
  type TestParties,
  thetaOf,
} from '../../support/regression.ts';
import {
  DIABETES_COLUMNS,
  DIABETES_LABELS,
  DIABETES_ORACLE,
  divideAmong,
  SEED_ORACLE,
} from '../../support/regression-oracles.ts';

const keys = await testKeyPair(512);

test.each([
  ['synthetic_grid_16.csv', SEED_ORACLE.n16, 20],
  ['synthetic_grid_100.csv', SEED_ORACLE.n100, 10],
] as const)('two parties follow the published trajectory of %s', async (file, expected, iterations) => {
  const grid = readTable(file);
  const parties = await startRun({
    parameters: { model: 'linear', alpha: expected.alpha, iterations, scaling: 'none', residualBoundBits: 10 },
    keys,
    blocks: [[columnOf(grid, 'x1')], [columnOf(grid, 'x2')]],
    labels: columnOf(grid, 'y'),
  });
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const sums = await iterate(parties, iteration);
    const step = expected.iterations[String(iteration + 1)];
    expect(distance(thetaOf(parties), step?.theta ?? [])).toBeLessThan(1e-9);
    expect(distance(sums.flat(), step?.grad_sum ?? [])).toBeLessThan(1e-8);
  }
});

test.each([
  [1, 'single-key', 0],
  [2, 'single-key', 0.1],
  [3, 'single-key', 0],
  [5, 'single-key', 0.1],
  [1, 'threshold', 0.1],
  [3, 'threshold', 0],
] as const)('%i parties in mode %s follow gradient descent with ridge %f', async (count, mode, lambda) => {
  const iterations = 5;
  const parties = await startRun({
    parameters: { model: 'linear', intercept: 'centred', alpha: 0.1, lambda, iterations, mode },
    keys,
    blocks: divideAmong(DIABETES_COLUMNS, count),
    labels: DIABETES_LABELS,
  });
  const expected = DIABETES_ORACLE[lambda === 0 ? 'gd_alpha0.1' : 'gd_ridge_alpha0.1_lambda0.1'];
  const steps: { theta: number[]; sums: number[]; loss: number }[] = [];
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const sums = await iterate(parties, iteration);
    steps.push({ theta: thetaOf(parties), sums: sums.flat(), loss: await lossAt(parties, iteration) });
  }
  const known = steps.flatMap((step, iteration) => {
    const { theta, grad_sum, mse } = expected[String(iteration + 1)] ?? {};
    // The oracle gives the loss after a step, which parties learn with the next one.
    return theta && grad_sum && mse ? [{ ...step, after: { theta, grad_sum, mse }, next: steps[iteration + 1] }] : [];
  });
  expect(known.length).toBeGreaterThan(2);
  for (const { theta, sums, after, next } of known) {
    expect(distance(theta, after.theta)).toBeLessThan(1e-9);
    expect(distance(sums, after.grad_sum)).toBeLessThan(1e-6);
    expect(Math.abs((next?.loss ?? after.mse) - after.mse)).toBeLessThan(1e-6);
  }
  expect(parties.label.mean).toBeCloseTo(DIABETES_ORACLE.target_mean, 10);
});

test.each(['single-key', 'threshold'] as const)('only the label party reads predictions, in mode %s', async (mode) => {
  const parties = await startRun({
    parameters: { model: 'linear', intercept: 'centred', alpha: 0.1, iterations: 2, mode },
    keys,
    blocks: divideAmong(DIABETES_COLUMNS, 3),
    labels: DIABETES_LABELS,
  });
  for (let iteration = 0; iteration < 2; iteration += 1) await iterate(parties, iteration);
  const rows = divideAmong(DIABETES_COLUMNS, 3).map((block) => block.map((column) => column.slice(0, 7)));
  const predictions = await predictionsFor(parties, 0, rows);
  const theta = thetaOf(parties);
  const prepared = parties.prepared.flatMap((block) => block.columns);
  const expected = Array.from(predictions, (_, row) =>
    prepared.reduce((sum, column, index) => sum + at(theta, index) * (column[row] ?? 0), DIABETES_ORACLE.target_mean),
  );
  expect(distance([...predictions], expected)).toBeLessThan(1e-9);
});

/** Where the quarters of the rows begin. */
function edge(index: number): number {
  return Math.floor((index * DIABETES_LABELS.length) / 4);
}

/** Plain mini-batch descent over quarters of the rows: the mean squared residual, and the gradient over their number. */
function descent(parties: TestParties, theta: readonly number[], iteration: number) {
  const prepared = parties.prepared.flatMap((block) => block.columns);
  const [from, to] = [edge(iteration % 4), edge((iteration % 4) + 1)];
  const residuals = Array.from({ length: to - from }, (_, row) =>
    prepared.reduce(
      (sum, column, index) => sum + at(theta, index) * (column[from + row] ?? 0),
      at([...parties.label.base], from + row),
    ),
  );
  const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / (to - from);
  return {
    loss: meanOf(residuals.map((residual) => residual ** 2)),
    gradient: prepared.map((column) => meanOf(residuals.map((residual, row) => residual * (column[from + row] ?? 0)))),
  };
}

const BATCHES = { model: 'linear', intercept: 'centred', alpha: 0.05, batchRows: 110 } as const;

test('fixed batches in turn give the steps of plain mini-batch descent', async () => {
  const parties = await startRun({
    parameters: { ...BATCHES, iterations: 4 },
    keys,
    blocks: divideAmong(DIABETES_COLUMNS, 2),
    labels: DIABETES_LABELS,
  });
  let theta = thetaOf(parties);
  for (let iteration = 0; iteration < 4; iteration += 1) {
    const { gradient } = descent(parties, theta, iteration);
    theta = theta.map((value, index) => value - 0.05 * at(gradient, index));
    await iterate(parties, iteration);
    expect(distance(thetaOf(parties), theta)).toBeLessThan(1e-9);
  }
});

test.each(['single-key', 'threshold'])(
  'the loss of mini-batches is that of their rows, after a pass that takes no step: %s',
  async (mode) => {
    const parties = await startRun({
      parameters: { ...BATCHES, mode, iterations: 10, loss: true, toleranceBits: 10 },
      keys,
      blocks: divideAmong(DIABETES_COLUMNS, 2),
      labels: DIABETES_LABELS,
    });
    let theta = thetaOf(parties);
    for (let iteration = 0; iteration < 10; iteration += 1) {
      const { loss, gradient } = descent(parties, theta, iteration);
      if (iteration >= 4) theta = theta.map((value, index) => value - 0.05 * at(gradient, index));
      await iterate(parties, iteration);
      expect(distance(thetaOf(parties), theta)).toBeLessThan(1e-9);
      expect(await lossAt(parties, iteration)).toBeCloseTo(loss, 6);
      // Standing still is no sign of having arrived.
      expect(parties.states.some(({ progress }) => progress?.converged === true)).toBe(false);
    }
  },
);

test('short exponents change ciphertexts, and nothing else', async () => {
  const thetas: number[][] = [];
  for (const shortMasks of [false, true]) {
    const parties = await startRun({
      parameters: { model: 'linear', intercept: 'centred', alpha: 0.1, iterations: 1, shortMasks },
      keys,
      blocks: divideAmong(DIABETES_COLUMNS, 2),
      labels: DIABETES_LABELS,
    });
    await iterate(parties, 0);
    thetas.push(thetaOf(parties));
  }
  expect(thetas[1]).toEqual(thetas[0]);
});
