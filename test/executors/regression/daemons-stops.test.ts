import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { readStop } from '../../../executors/regression/outputs.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import { seedDistance, SEED_REQUEST, startSeed, startSeedParty } from '../../support/regression-seed.ts';
import { columnOf, readTable } from '../../support/regression.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

const grid = readTable('synthetic_grid_100.csv');

test.each(['single-key', 'threshold'] as const)(
  'in mode %s a run ends with the first step in which no coefficient moves by the tolerance',
  async (mode) => {
    await using stage = await openRegressionStage();
    await startSeed(stage);
    await stage.train({ ...SEED_REQUEST, run: 'tolerant', mode, iterations: 40, blockIterations: 3, toleranceBits: 9 });
    const [left, right] = [await stage.thetasOf('x1', 'tolerant'), await stage.thetasOf('x2', 'tolerant')];
    const moved = left.map((theta, step) => {
      const own = Math.abs((theta[0] ?? 0) - (left[step - 1]?.[0] ?? 0));
      return Math.max(own, Math.abs((right[step]?.[0] ?? 0) - (right[step - 1]?.[0] ?? 0)));
    });
    const first = moved.findIndex((distance) => distance < 2 ** -9);
    expect(first).toBeGreaterThan(2);
    expect(left).toHaveLength(first + 1);
    expect(await seedDistance(stage, 'tolerant', first + 1)).toBeLessThan(1e-6);
    expect(await stage.lossesOf('y', 'tolerant')).toHaveLength(first + 1);
  },
);

test('a run that diverges ends, and says so', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  const bounds = { residualBoundBits: 24, columnBoundBits: 3, scaleBits: 30 };
  await stage.train({ ...SEED_REQUEST, ...bounds, run: 'wild', alpha: 0.25, iterations: 30, blockIterations: 10 });
  const steps = await stage.thetasOf('x1', 'wild');
  expect(steps.length).toBeGreaterThanOrEqual(6);
  expect(steps.length).toBeLessThan(10);
  const opened = await stage.processes('wild', 'success');
  expect(readStop(opened.map(({ output }) => String(output[0])))?.reason).toBe('diverged');
});

test('with one feature party a demonstration runs, and its state keeps no secret after the end', async () => {
  await using stage = await openRegressionStage();
  const wholeTable = new Map(['x1', 'x2'].map((name) => [name, columnOf(grid, name)]));
  await Promise.all([
    stage.startFeature('x', { source: await stage.writeTable('x.csv', wholeTable) }),
    startSeedParty(stage, 'y'),
    stage.startAggregator(),
  ]);
  await stage.train({ ...SEED_REQUEST, features: ['x'], run: 'single', iterations: 2, holdoutEvery: 0 });
  const oracle = await stage.thetasOf('x', 'single');
  expect(oracle).toHaveLength(2);
  expect(oracle[0]?.[0]).toBeCloseTo(31.6, 0);
  await expectNoSecrets(stage, 'x', 'single', ['state.json', 'thetas.log', 'coefficients.json', 'model.json']);
  await expectNoSecrets(stage, 'y', 'single', ['state.json', 'loss.csv', 'model.json']);
});

/** Files of a run that has ended: for their owner only, and without keys, seeds, shares and masks. */
async function expectNoSecrets(stage: RegressionStage, party: string, run: string, names: string[]): Promise<void> {
  const directory = join(stage.directory, party, run);
  expect((await readdir(directory)).toSorted()).toEqual(names.toSorted());
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  for (const name of names) expect((await stat(join(directory, name))).mode & 0o777, name).toBe(0o600);
  const { state } = JSON.parse(await readFile(join(directory, 'state.json'), 'utf8'));
  expect(state).toMatchObject({ finished: true, half: null, share: null, lastOpened: null });
  const own = party === 'y' ? { primes: null, labels: [] } : { group: null, pairs: {}, feature: { pending: null } };
  expect(state).toMatchObject(own);
}
