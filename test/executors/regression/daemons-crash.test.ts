import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import { graphOf } from '../../../executors/regression/training.ts';
import { blockWorkflow } from '../../../workflows/vertical-regression/builder.ts';
import { until } from '../../support/processes.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import {
  seedDistance,
  reached,
  SEED_REQUEST,
  startSeed,
  startSeedParty,
  trainingOf,
} from '../../support/regression-seed.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

test('parties that stop in the middle of a block, and a server that restarts, go on where they were', async () => {
  await using stage = await openRegressionStage();
  const { x1, y } = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'broken' });
  await reached(stage, 'broken', 'gradient-x1-0', 'success');
  await x1.stop({ graceMs: 0 });
  await startSeedParty(stage, 'x1');
  await reached(stage, 'broken', 'forward-x2-2', 'success');
  await y.stop({ graceMs: 0 });
  await stage.colony.restart();
  await startSeedParty(stage, 'y');
  await stage.finished('broken');
  expect(await seedDistance(stage, 'broken', 4)).toBeLessThan(1e-6);
  expect(await stage.lossesOf('y', 'broken')).toHaveLength(4);
});

test('a label party that died between submitting a block and remembering it finds the block', async () => {
  await using stage = await openRegressionStage();
  const { x1, y } = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'forgetful', blockIterations: 1 });
  await reached(stage, 'forgetful', 'open-y-0', 'success');
  await x1.stop({ graceMs: 0 });
  let waiting: string | undefined;
  let iteration = 0;
  await until(async () => {
    const next = (await stage.processes('forgetful', 'waiting')).find(({ spec }) => spec.nodeName === 'continue');
    const running = await stage.processes('forgetful', 'running');
    waiting = next?.workflowId;
    iteration = Number(next?.spec.kwargs['iteration']);
    return waiting !== undefined && running.length === 0;
  });
  await y.stop({ graceMs: 0 });
  await forget(stage, waiting ?? '');
  await startSeedParty(stage, 'y');
  const before = await trainingOf(stage, 'forgetful');
  const { colonyName } = stage.colony;
  const again = blockWorkflow(graphOf(before), { from: iteration - 2, to: iteration - 1, attempt: 0 }).at(-1);
  if (again === undefined) throw new Error('expected a block');
  const conditions = { ...again.conditions, colonyName, dependencies: [] };
  const { processId } = await stage.client.submitFunctionSpec({ spec: { ...again, nodeName: '', conditions } });
  await until(async () => (await stage.client.getProcess({ processId })).state === 'success');
  const { output } = await stage.client.getProcess({ processId });
  expect(JSON.parse(String(output[0]))).toMatchObject({ kind: 'already submitted', workflowId: waiting });
  await startSeedParty(stage, 'x1');
  await stage.finished('forgetful');
  expect(await seedDistance(stage, 'forgetful', 4)).toBeLessThan(1e-6);
});

/** Takes a workflow out of what the label party remembers. */
async function forget(stage: RegressionStage, workflowId: string): Promise<void> {
  const path = join(stage.directory, 'y', 'forgetful', 'state.json');
  const Submitted = z.looseObject({ state: z.looseObject({ submitted: z.record(z.string(), z.string()) }) });
  const stored = Submitted.parse(JSON.parse(await readFile(path, 'utf8')));
  const submitted = Object.entries(stored.state.submitted).filter(([, known]) => known !== workflowId);
  const state = { ...stored.state, submitted: Object.fromEntries(submitted) };
  await writeFile(path, JSON.stringify({ ...stored, state }));
}
