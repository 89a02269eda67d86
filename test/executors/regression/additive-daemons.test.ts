import { expect, test } from 'vitest';
import { at } from '../../support/regression.ts';
import { openRegressionStage } from '../../support/regression-daemons.ts';
import { SEED_ORACLE } from '../../support/regression-oracles.ts';
import { SEED_REQUEST, seedDistance, startSeed } from '../../support/regression-seed.ts';

test('daemons train the model of the seed with residuals that stay shared', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  const additive = { mode: 'additive', precisionBits: 30, keyBits: 1024 };
  await stage.train({ ...SEED_REQUEST, ...additive, run: 'shared', iterations: 5 });
  expect(await seedDistance(stage, 'shared', 5)).toBeLessThan(1e-6);
  const losses = await stage.lossesOf('y', 'shared');
  expect(losses).toHaveLength(5);
  for (const after of [1, 2, 3, 4]) {
    expect(at(losses, after)).toBeCloseTo(SEED_ORACLE.n100.iterations[String(after)]?.mse ?? Number.NaN, 5);
  }
}, 120_000);
