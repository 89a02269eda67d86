import { expect, test, vi } from 'vitest';
import { columnOf, readTable } from '../../support/regression.ts';
import { SEED_ORACLE } from '../../support/regression-oracles.ts';
import { openRegressionStage, parseThetas } from '../../support/regression-daemons.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

test('three daemons train the model of the seed in several workflows, and each keeps its own coefficients', async () => {
  await using stage = await openRegressionStage();
  const table = readTable('synthetic_grid_100.csv');
  const part = (name: string) => stage.writeTable(`${name}.csv`, new Map([[name, columnOf(table, name)]]));
  await Promise.all([
    stage.startFeature('x1', { source: await part('x1') }),
    stage.startFeature('x2', { source: await part('x2') }),
    stage.startLabel('y', { source: await part('y') }),
    stage.startAggregator(),
  ]);
  await stage.train({
    run: 'seed',
    label: 'y',
    features: ['x1', 'x2'],
    model: 'linear',
    scaling: 'none',
    alpha: SEED_ORACLE.n100.alpha,
    iterations: 7,
    blockIterations: 3,
    residualBoundBits: 10,
    keyBits: 2048,
    guards: 'demonstration',
  });
  for (const [index, party] of ['x1', 'x2'].entries()) {
    const lines = parseThetas(await stage.fileOf(party, 'seed', 'thetas.log'));
    expect(lines).toHaveLength(7);
    for (const [iteration, { name, theta, sum }] of lines.entries()) {
      const expected = SEED_ORACLE.n100.iterations[String(iteration + 1)];
      expect(name).toBe(party);
      expect(theta).toBeCloseTo(expected?.theta[index] ?? Number.NaN, 6);
      expect(sum).toBeCloseTo(expected?.grad_sum[index] ?? Number.NaN, 5);
    }
  }
  expect((await stage.fileOf('y', 'seed', 'loss.csv')).trimEnd().split('\n')).toHaveLength(8);
});
