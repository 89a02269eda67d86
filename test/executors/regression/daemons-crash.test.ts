import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import { graphOf } from '../../../executors/regression/training.ts';
import { node, specsOf } from '../../../workflows/vertical-regression/nodes.ts';
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
import { outputOf, startSpeaker } from '../../support/regression-speaker.ts';

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
  await using speaker = await startSpeaker(stage);
  const graph = graphOf(await trainingOf(stage, 'forgetful'));
  const text = await outputOf(stage, 'forgetful', `open-y-${iteration - 2}`);
  const turn = { training: graph.training, iteration: iteration - 1, attempt: 0 };
  const functionSpecs = specsOf(graph, [
    node('opened', 'say', speaker.type, [], { text }),
    node('again', 'regression_continue', 'y', ['opened'], turn),
  ]);
  await stage.client.submitWorkflowSpec({ spec: { colonyName: stage.colony.colonyName, functionSpecs } });
  await reached(stage, 'forgetful', 'again', 'success');
  const output = await outputOf(stage, 'forgetful', 'again');
  expect(JSON.parse(output)).toMatchObject({ kind: 'already submitted', workflowId: waiting });
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
