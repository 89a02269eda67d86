import type { PrivateKey } from 'paillier-bigint';
import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import { CiphertextVector, decryptVector, privateKeyFromPrimes } from '../../../crypto/paillier/index.ts';
import { until } from '../../support/processes.ts';
import { openRegressionStage, type RegressionStage, saidBy } from '../../support/regression-daemons.ts';
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

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

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
  const privateKey = await keyOf(stage, 'failed');
  await startSeedParty(stage, 'x2');
  await resumeRun(stage, 'failed', 1);
  await reported(stage, 'failed');
  expect(await seedDistance(stage, 'failed', 4)).toBeLessThan(1e-6);
  const sent = await predictionsSent(stage, 'failed', privateKey);
  const attempts = new Set([...sent.keys()].map((context) => context.split('/')[3]));
  expect(attempts).toEqual(new Set(['0', '1']));
  // Every context has pads of its own, so no two messages are of equal plaintexts, and no context has two.
  const plaintexts = [...sent.values()].flatMap((texts) => [...texts]);
  expect(plaintexts).toHaveLength(sent.size);
  expect(new Set(plaintexts).size).toBe(sent.size);
});

const Stored = z.looseObject({ state: z.looseObject({ primes: z.object({ p: z.string(), q: z.string() }) }) });

/** The label party's key, which it keeps while the run goes on. */
async function keyOf(stage: RegressionStage, run: string): Promise<PrivateKey> {
  const { primes } = Stored.parse(JSON.parse(await stage.fileOf('y', run, 'state.json'))).state;
  return privateKeyFromPrimes(BigInt(`0x${primes.p}`), BigInt(`0x${primes.q}`), { minimumBits: 512 });
}

/** The different plaintexts of the predictions that feature parties sent, by context. */
async function predictionsSent(
  stage: RegressionStage,
  run: string,
  key: PrivateKey,
): Promise<Map<string, Set<string>>> {
  const sent = new Map<string, Set<string>>();
  const done = await stage.processes(run, 'success');
  for (const process of done.filter(({ spec }) => spec.functionName === 'regression_forward')) {
    const vector = CiphertextVector.parse(saidBy(process));
    const plaintexts = sent.get(vector.context) ?? new Set();
    sent.set(vector.context, plaintexts.add((await decryptVector(key, vector)).join()));
  }
  return sent;
}

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
