import { expect, test, vi } from 'vitest';
import { openRegressionStage } from '../../support/regression-daemons.ts';
import { seedDistance, SEED_REQUEST, startSeed } from '../../support/regression-seed.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

test('two runs take turns at the same parties, and each follows its own trajectory', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  const runs = ['left', 'right'];
  await Promise.all(runs.map((run) => stage.submit({ ...SEED_REQUEST, run, iterations: 2, blockIterations: 2 })));
  await Promise.all(runs.map((run) => stage.finished(run)));
  for (const run of runs) expect(await seedDistance(stage, run, 2)).toBeLessThan(1e-6);
});
