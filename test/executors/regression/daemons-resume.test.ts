import { expect, test } from 'vitest';
import { until } from '../../support/processes.ts';
import { openRegressionStage } from '../../support/regression-daemons.ts';
import {
  cancelRun,
  seedDistance,
  reached,
  reported,
  resumeRun,
  SEED_REQUEST,
  startSeed,
  startSeedParty,
} from '../../support/regression-seed.ts';

test('a run that failed goes on after "resume" under fresh contexts, and takes the same steps', async () => {
  await using stage = await openRegressionStage();
  const { x2 } = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'failed' });
  await reached(stage, 'failed', 'open-y-1', 'success');
  await x2.stop({ graceMs: 0 });
  const other = await startSeedParty(
    stage,
    'x2',
    {},
    Array.from({ length: 100 }, (_, row) => (row * row) % 17),
  );
  const failures = await stage.failuresOf('failed');
  expect(failures.join()).toMatch(/expected the table that it began with, got another/);
  await other.stop({ graceMs: 0 });
  await startSeedParty(stage, 'x2');
  await resumeRun(stage, 'failed', 1);
  await reported(stage, 'failed');
  expect(await seedDistance(stage, 'failed', 4)).toBeLessThan(1e-6);
  const repeated = (await stage.processes('failed', 'success')).filter(({ spec }) => spec.kwargs['attempt'] === 1);
  const contexts = repeated.flatMap(({ output }) => [
    ...String(output[0]).matchAll(/"context":"([^"]+\/forward\/[^"]+)"/g),
  ]);
  expect(contexts.length).toBeGreaterThan(0);
  for (const [, context = ''] of contexts) expect(context.split('/')[3]).toBe('1');
});

test('a run that was cancelled lets all parties go at once, and goes on after "resume"', async () => {
  await using stage = await openRegressionStage();
  const workers = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'cancelled' });
  await reached(stage, 'cancelled', 'open-y-0', 'success');
  await cancelRun(stage, 'cancelled');
  await until(() => Object.values(workers).every(({ running }) => running === 0));
  await resumeRun(stage, 'cancelled', 1);
  await reported(stage, 'cancelled');
  expect(await seedDistance(stage, 'cancelled', 4)).toBeLessThan(1e-6);
});
