import { expect, test } from 'vitest';
import * as z from 'zod';
import { testKeyPair } from '../../support/keys.ts';
import {
  at,
  columnOf,
  distance,
  iterate,
  lossAt,
  predictionsFor,
  readTable,
  readVectors,
  startRun,
  thetaOf,
} from '../../support/regression.ts';

const Step = z.object({ theta: z.array(z.number()), grad_sum: z.array(z.number()), mse: z.number() });
const Steps = z.record(z.string(), Step);
const Trajectory = z.object({ alpha: z.number(), iterations: Steps });
const Seed = z.object({ n16: Trajectory, n100: Trajectory });
const Diabetes = z.object({
  columns: z.array(z.string()),
  target_mean: z.number(),
  'gd_alpha0.1': Steps,
  'gd_ridge_alpha0.1_lambda0.1': Steps,
});

const seed = Seed.parse(readVectors('seed000_gd.json'));
const diabetes = Diabetes.parse(readVectors('linear_diabetes.json'));
const table = readTable('diabetes.csv');
const columns = diabetes.columns.map((name) => columnOf(table, name));
const labels = columnOf(table, 'progression');
const keys = await testKeyPair(512);

/** The ten columns divided among some parties. */
function blocksOf(parties: number): Float64Array[][] {
  const edges = Array.from({ length: parties + 1 }, (_, index) => Math.round((index * columns.length) / parties));
  return edges.slice(1).map((edge, index) => columns.slice(at(edges, index), edge));
}

test.each([
  ['synthetic_grid_16.csv', seed.n16, 20],
  ['synthetic_grid_100.csv', seed.n100, 10],
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
    blocks: blocksOf(count),
    labels,
  });
  const expected = diabetes[lambda === 0 ? 'gd_alpha0.1' : 'gd_ridge_alpha0.1_lambda0.1'];
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
  expect(parties.label.mean).toBeCloseTo(diabetes.target_mean, 10);
});

test.each(['single-key', 'threshold'] as const)('only the label party reads predictions, in mode %s', async (mode) => {
  const parties = await startRun({
    parameters: { model: 'linear', intercept: 'centred', alpha: 0.1, iterations: 2, mode },
    keys,
    blocks: blocksOf(3),
    labels,
  });
  for (let iteration = 0; iteration < 2; iteration += 1) await iterate(parties, iteration);
  const rows = blocksOf(3).map((block) => block.map((column) => column.slice(0, 7)));
  const predictions = await predictionsFor(parties, 0, rows);
  const theta = thetaOf(parties);
  const prepared = parties.prepared.flatMap((block) => block.columns);
  const expected = Array.from(predictions, (_, row) =>
    prepared.reduce((sum, column, index) => sum + at(theta, index) * (column[row] ?? 0), diabetes.target_mean),
  );
  expect(distance([...predictions], expected)).toBeLessThan(1e-9);
});

test('fixed batches in turn give the steps of plain mini-batch descent', async () => {
  const parties = await startRun({
    parameters: { model: 'linear', intercept: 'centred', alpha: 0.05, iterations: 4, batchRows: 110 },
    keys,
    blocks: blocksOf(2),
    labels,
  });
  const prepared = parties.prepared.flatMap((block) => block.columns);
  let theta = prepared.map(() => 0);
  for (let iteration = 0; iteration < 4; iteration += 1) {
    const edge = (index: number): number => Math.floor((index * labels.length) / 4);
    const [from, to] = [edge(iteration), edge(iteration + 1)];
    const residuals = Array.from({ length: to - from }, (_, row) =>
      prepared.reduce(
        (sum, column, index) => sum + at(theta, index) * (column[from + row] ?? 0),
        at([...parties.label.base], from + row),
      ),
    );
    theta = theta.map((value, index) => {
      const gradient = residuals.reduce(
        (sum, residual, row) => sum + residual * (prepared[index]?.[from + row] ?? 0),
        0,
      );
      return value - (0.05 * gradient) / (to - from);
    });
    await iterate(parties, iteration);
    expect(distance(thetaOf(parties), theta)).toBeLessThan(1e-9);
  }
});

test('short exponents change ciphertexts, and nothing else', async () => {
  const thetas: number[][] = [];
  for (const shortMasks of [false, true]) {
    const parties = await startRun({
      parameters: { model: 'linear', intercept: 'centred', alpha: 0.1, iterations: 1, shortMasks },
      keys,
      blocks: blocksOf(2),
      labels,
    });
    await iterate(parties, 0);
    thetas.push(thetaOf(parties));
  }
  expect(thetas[1]).toEqual(thetas[0]);
});
