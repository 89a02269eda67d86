import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import { openRegressionStage } from '../../support/regression-daemons.ts';
import { SEED_REQUEST, startSeed, startSeedParty } from '../../support/regression-seed.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

test('each party keeps a list of the runs that its rows took part in, and how much they could open', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  await stage.train({ ...SEED_REQUEST, run: 'first', iterations: 1 });
  await stage.train({ ...SEED_REQUEST, run: 'second', mode: 'additive', keyBits: 768, iterations: 2 });
  for (const party of ['x1', 'y']) {
    const path = join(stage.directory, party, '_runs.jsonl');
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    const entries: unknown[] = lines.map((line) => JSON.parse(line));
    const parties = { label: 'y', features: ['x1', 'x2'], aggregator: 'regression-aggregator' };
    const common = { parties, guards: 'demonstration', rows: 100, retries: 8, loss: true };
    expect(entries).toMatchObject([
      { ...common, event: 'begun', run: 'first', mode: 'single-key', iterations: 1 },
      { ...common, event: 'ended', run: 'first', done: 1 },
      { ...common, event: 'begun', run: 'second', mode: 'additive', iterations: 2 },
      { ...common, event: 'ended', run: 'second', done: 2 },
    ]);
    const openings = z.looseObject({ openingsPerRow: z.number().optional() }).parse(entries[0]).openingsPerRow;
    expect(openings).toBe(party === 'x1' ? 0.09 : undefined);
    expect((await stat(path)).mode & 0o077).toBe(0);
  }
});

test('a party whose operator asks for strict guards takes part in no other run', async () => {
  await using stage = await openRegressionStage();
  const { x1 } = await startSeed(stage);
  await x1.stop({ graceMs: 0 });
  await startSeedParty(stage, 'x1', { acceptsDemonstrations: false, isStrict: true });
  await stage.submit({ ...SEED_REQUEST, run: 'many', guards: 'standard', keyBits: 2048, iterations: 100_000 });
  expect((await stage.failuresOf('many')).join('\n')).toMatch(
    /guards: expected "strict" for the rows of x1, got "standard"/,
  );
});
