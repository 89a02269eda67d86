import { expect, test } from 'vitest';
import * as z from 'zod';
import { at, columnOf, distance, readTable, readVectors } from '../../support/regression.ts';
import {
  additiveKeys,
  additiveLossAt,
  additivePredictionsFor,
  additiveThetaOf,
  iterateAdditive,
  startAdditive,
} from '../../support/regression-additive.ts';
import {
  DIABETES_COLUMNS,
  DIABETES_LABELS,
  DIABETES_ORACLE,
  divideAmong,
  SEED_ORACLE,
} from '../../support/regression-oracles.ts';

test.each([
  ['synthetic_grid_16.csv', SEED_ORACLE.n16, 20],
  ['synthetic_grid_100.csv', SEED_ORACLE.n100, 10],
] as const)('two parties follow the published trajectory of %s', async (file, expected, iterations) => {
  const grid = readTable(file);
  const parties = await startAdditive({
    parameters: { model: 'linear', alpha: expected.alpha, iterations, scaling: 'none', residualBoundBits: 10 },
    keys: await additiveKeys(2),
    blocks: [[columnOf(grid, 'x1')], [columnOf(grid, 'x2')]],
    labels: columnOf(grid, 'y'),
  });
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    await iterateAdditive(parties, iteration);
    const step = expected.iterations[String(iteration + 1)];
    expect(distance(additiveThetaOf(parties), step?.theta ?? [])).toBeLessThan(1e-6);
  }
});

test.each([
  [1, 0.1, 24, 1e-6],
  [2, 0, 24, 1e-6],
  [3, 0.1, 24, 1e-6],
  [3, 0, 34, 1e-9],
] as const)(
  '%i parties follow gradient descent with ridge %f at a precision of %i bits to %f',
  async (count, lambda, precisionBits, tolerance) => {
    const iterations = 5;
    const parties = await startAdditive({
      parameters: { model: 'linear', intercept: 'centred', alpha: 0.1, lambda, iterations, precisionBits },
      keys: await additiveKeys(count),
      blocks: divideAmong(DIABETES_COLUMNS, count),
      labels: DIABETES_LABELS,
    });
    const expected = DIABETES_ORACLE[lambda === 0 ? 'gd_alpha0.1' : 'gd_ridge_alpha0.1_lambda0.1'];
    const losses: number[] = [];
    const distances: number[] = [];
    for (let iteration = 0; iteration < iterations; iteration += 1) {
      await iterateAdditive(parties, iteration);
      losses.push(await additiveLossAt(parties, iteration));
      const step = expected[String(iteration + 1)];
      if (step) distances.push(distance(additiveThetaOf(parties), step.theta));
    }
    expect(distances.length).toBeGreaterThan(2);
    expect(Math.max(...distances)).toBeLessThan(tolerance);
    // The oracle gives the loss after a step, which parties learn with the next one.
    const known = losses.slice(1).flatMap((loss, index) => {
      const mse = expected[String(index + 1)]?.mse;
      return mse === undefined ? [] : [Math.abs(loss / mse - 1)];
    });
    expect(known.length).toBeGreaterThan(1);
    expect(Math.max(...known)).toBeLessThan(tolerance);
  },
);

test('only the label party reads predictions', async () => {
  const parties = await startAdditive({
    parameters: { model: 'linear', intercept: 'centred', alpha: 0.1, iterations: 2 },
    keys: await additiveKeys(3),
    blocks: divideAmong(DIABETES_COLUMNS, 3),
    labels: DIABETES_LABELS,
  });
  for (let iteration = 0; iteration < 2; iteration += 1) await iterateAdditive(parties, iteration);
  const rows = divideAmong(DIABETES_COLUMNS, 3).map((block) => block.map((column) => column.slice(0, 7)));
  const predictions = await additivePredictionsFor(parties, 0, rows);
  const theta = additiveThetaOf(parties);
  const prepared = parties.prepared.flatMap((block) => block.columns);
  const expected = Array.from(predictions, (_, row) =>
    prepared.reduce((sum, column, index) => sum + at(theta, index) * (column[row] ?? 0), DIABETES_ORACLE.target_mean),
  );
  expect(distance([...predictions], expected)).toBeLessThan(1e-9);
});

const Breast = z.object({
  columns: z.array(z.string()),
  runs: z.object({
    'taylor1|alpha=0.1|T=100|lambda=0.01': z.object({ snapshots: z.record(z.string(), z.array(z.number())) }),
  }),
});

test('the Taylor form of a logistic model follows the oracle', async () => {
  const breast = Breast.parse(readVectors('logistic_breast.json'));
  const { snapshots } = breast.runs['taylor1|alpha=0.1|T=100|lambda=0.01'];
  const cancer = readTable('breast_cancer.csv');
  const isTraining = columnOf(cancer, 'id').map((id) => (id % 5 === 0 ? 0 : 1));
  const training = (name: string) => columnOf(cancer, name).filter((_, row) => isTraining[row] === 1);
  const all = breast.columns.map(training);
  const parties = await startAdditive({
    parameters: { model: 'logistic', intercept: 'column', alpha: 0.1, lambda: 0.01, iterations: 5 },
    keys: await additiveKeys(3),
    blocks: [all.slice(0, 8), all.slice(8, 21), all.slice(21)],
    labels: training('benign'),
  });
  const thetas: number[][] = [];
  for (let iteration = 0; iteration < 5; iteration += 1) {
    await iterateAdditive(parties, iteration);
    thetas.push(additiveThetaOf(parties));
  }
  for (const after of [1, 2, 5]) {
    expect(distance(at(thetas, after - 1), snapshots[String(after)] ?? [])).toBeLessThan(1e-6);
  }
  expect(await additiveLossAt(parties, 4)).toBeLessThan(Math.log(2));
});

/** Where the quarters of the rows begin. */
function edge(index: number): number {
  return Math.floor((index * DIABETES_LABELS.length) / 4);
}

test('fixed batches in turn give the steps of plain mini-batch descent', async () => {
  const parties = await startAdditive({
    parameters: { model: 'linear', intercept: 'centred', alpha: 0.05, iterations: 4, batchRows: 110 },
    keys: await additiveKeys(2),
    blocks: divideAmong(DIABETES_COLUMNS, 2),
    labels: DIABETES_LABELS,
  });
  const prepared = parties.prepared.flatMap((block) => block.columns);
  let theta = prepared.map(() => 0);
  for (let iteration = 0; iteration < 4; iteration += 1) {
    const [from, to] = [edge(iteration), edge(iteration + 1)];
    const residuals = Array.from({ length: to - from }, (_, row) =>
      prepared.reduce(
        (sum, column, index) => sum + at(theta, index) * (column[from + row] ?? 0),
        parties.label.base[from + row] ?? 0,
      ),
    );
    theta = theta.map((value, index) => {
      const column = at(prepared, index);
      const gradient = residuals.reduce((sum, residual, row) => sum + residual * (column[from + row] ?? 0), 0);
      return value - (0.05 * gradient) / (to - from);
    });
    await iterateAdditive(parties, iteration);
    expect(distance(additiveThetaOf(parties), theta)).toBeLessThan(1e-6);
  }
});

test('the loss of mini-batches is that of their rows, after a pass that takes no step', async () => {
  const parties = await startAdditive({
    parameters: { model: 'linear', intercept: 'centred', alpha: 0.05, iterations: 7, batchRows: 110, loss: true },
    keys: await additiveKeys(2),
    blocks: divideAmong(DIABETES_COLUMNS, 2),
    labels: DIABETES_LABELS,
  });
  const prepared = parties.prepared.flatMap((block) => block.columns);
  for (let iteration = 0; iteration < 7; iteration += 1) {
    const theta = additiveThetaOf(parties);
    const [from, to] = [edge(iteration % 4), edge((iteration % 4) + 1)];
    let squares = 0;
    for (let row = from; row < to; row += 1) {
      const base = parties.label.base[row] ?? 0;
      squares += prepared.reduce((sum, column, index) => sum + at(theta, index) * (column[row] ?? 0), base) ** 2;
    }
    await iterateAdditive(parties, iteration);
    expect(await additiveLossAt(parties, iteration)).toBeCloseTo(squares / (to - from), 2);
    expect(distance(additiveThetaOf(parties), theta) > 0).toBe(iteration >= 4);
  }
});
