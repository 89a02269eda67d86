import { expect, test, vi } from 'vitest';
import { batchRange, batchCount } from '../../../executors/regression/batches.ts';
import { readParameters } from '../../../executors/regression/parameters.ts';
import { at, columnOf, distance, readTable } from '../../support/regression.ts';
import { DIABETES_COLUMNS, DIABETES_LABELS, DIABETES_ORACLE, divideAmong } from '../../support/regression-oracles.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

const table = readTable('diabetes.csv');
const REQUEST = {
  label: 'y',
  model: 'linear',
  intercept: 'centred',
  alpha: 0.1,
  keyBits: 512,
  guards: 'demonstration',
};

/** Starts the label party, the aggregator, and feature parties that share the ten columns. */
async function startParties(stage: RegressionStage, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `x${index + 1}`);
  const blocks = divideAmong(DIABETES_ORACLE.columns, count);
  await Promise.all([
    ...names.map(async (name, index) => {
      const columns = new Map(at(blocks, index).map((column) => [column, columnOf(table, column)]));
      return stage.startFeature(name, { source: await stage.writeTable(`${name}.csv`, columns) });
    }),
    stage
      .writeTable('y.csv', new Map([['progression', columnOf(table, 'progression')]]))
      .then((source) => stage.startLabel('y', { source })),
    stage.startAggregator(),
  ]);
  return names;
}

/** All coefficients after each iteration, party after party. */
async function trajectory(stage: RegressionStage, parties: readonly string[], run: string): Promise<number[][]> {
  const own = await Promise.all(parties.map((party) => stage.thetasOf(party, run)));
  return at(own, 0).map((_, step) => own.flatMap((steps) => at(steps, step)));
}

test('three feature parties follow the ridge oracle through several workflows, and the loss curve is its mean squared error', async () => {
  await using stage = await openRegressionStage();
  const features = await startParties(stage, 3);
  await stage.train({ ...REQUEST, run: 'ridge', features, lambda: 0.1, iterations: 5, blockIterations: 2 });
  const thetas = await trajectory(stage, features, 'ridge');
  const oracle = DIABETES_ORACLE['gd_ridge_alpha0.1_lambda0.1'];
  for (const after of [1, 2, 3, 5]) {
    expect(distance(at(thetas, after - 1), oracle[String(after)]?.theta ?? [])).toBeLessThan(1e-6);
  }
  const losses = await stage.lossesOf('y', 'ridge');
  expect(losses).toHaveLength(5);
  for (const after of [1, 2, 3]) expect(at(losses, after)).toBeCloseTo(oracle[String(after)]?.mse ?? Number.NaN, 5);
});

test('in threshold mode, where nobody holds a key, coefficients and all losses are the same', async () => {
  await using stage = await openRegressionStage();
  const features = await startParties(stage, 2);
  await stage.train({
    ...REQUEST,
    run: 'shared',
    features,
    mode: 'threshold',
    iterations: 3,
    blockIterations: 2,
    holdoutEvery: 0,
  });
  const thetas = await trajectory(stage, features, 'shared');
  const oracle = DIABETES_ORACLE['gd_alpha0.1'];
  for (const after of [1, 2, 3]) {
    expect(distance(at(thetas, after - 1), oracle[String(after)]?.theta ?? [])).toBeLessThan(1e-6);
  }
  const losses = await stage.lossesOf('y', 'shared');
  expect(losses).toHaveLength(3);
  for (const after of [1, 2]) expect(at(losses, after)).toBeCloseTo(oracle[String(after)]?.mse ?? Number.NaN, 5);
});

test('mini-batches take the steps of their rows, in turn', async () => {
  await using stage = await openRegressionStage();
  const features = await startParties(stage, 2);
  await stage.train({ ...REQUEST, run: 'batches', features, batchRows: 150, iterations: 4, blockIterations: 3 });
  const thetas = await trajectory(stage, features, 'batches');
  const expected = miniBatches(4, 150);
  for (const [step, theta] of thetas.entries()) expect(distance(theta, at(expected, step))).toBeLessThan(1e-6);
});

test('mini-batches with a loss measure every batch first, then take the same steps', async () => {
  await using stage = await openRegressionStage();
  const features = await startParties(stage, 2);
  const measured = { batchRows: 150, loss: true, iterations: 5, blockIterations: 3 };
  await stage.train({ ...REQUEST, run: 'measured', features, ...measured });
  const thetas = await trajectory(stage, features, 'measured');
  expect(
    thetas
      .slice(0, 2)
      .flat()
      .every((value) => value === 0),
  ).toBe(true);
  const expected = miniBatches(3, 150);
  for (const [step, theta] of thetas.slice(2).entries()) expect(distance(theta, at(expected, step))).toBeLessThan(1e-6);
  const losses = await stage.lossesOf('y', 'measured');
  expect(losses).toHaveLength(5);
  // The first two and the next two are those of the same batches.
  expect(at(losses, 2)).toBeCloseTo(at(losses, 0), 5);
  expect(at(losses, 3)).toBeLessThan(at(losses, 1));
  expect(at(losses, 4)).toBeLessThan(at(losses, 0));
});

/** Gradient descent over fixed batches in double precision. */
function miniBatches(iterations: number, batchRows: number): number[][] {
  const columns = DIABETES_COLUMNS.map(standardised);
  const labels = DIABETES_LABELS;
  const mean = labels.reduce((sum, value) => sum + value, 0) / labels.length;
  const features = [{ name: 'x1', columns: columns.length }];
  const parameters = readParameters({ ...REQUEST, run: 'plain', features, rows: labels.length, batchRows, iterations });
  let theta = columns.map(() => 0);
  return Array.from({ length: iterations }, (_, iteration) => {
    const { from, to } = batchRange(parameters, iteration % batchCount(parameters));
    const residuals = Array.from({ length: to - from }, (__, row) => {
      const score = columns.reduce((sum, column, index) => sum + at(theta, index) * (column[from + row] ?? 0), 0);
      return score - ((labels[from + row] ?? 0) - mean);
    });
    theta = theta.map((value, index) => {
      const gradient = residuals.reduce(
        (sum, residual, row) => sum + residual * (columns[index]?.[from + row] ?? 0),
        0,
      );
      return value - (0.1 * gradient) / (to - from);
    });
    return theta;
  });
}

function standardised(column: Float64Array): Float64Array {
  const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
  const deviation = Math.sqrt(column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length);
  return column.map((value) => (value - mean) / deviation);
}
