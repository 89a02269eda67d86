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

test('where residuals stay shared every party and the server may stop at any node, and the steps stay the same', async () => {
  await using stage = await openRegressionStage();
  const parties = await startSeed(stage);
  const request = {
    ...SEED_REQUEST,
    mode: 'additive',
    precisionBits: 30,
    keyBits: 768,
    iterations: 6,
    holdoutEvery: 0,
  };
  await stage.submit({ ...request, run: 'split' });
  const begin = { x1: 'rows-x1', x2: 'rows-x2', y: 'half-y' } as const;
  const at = {
    x1: ['forward-x1-0', 'product-x1-3'],
    x2: ['product-x2-1', 'forward-x2-4'],
    y: ['product-y-2', 'open-y-4'],
  } as const;
  for (const party of ['x1', 'x2', 'y'] as const) {
    await reached(stage, 'split', begin[party], 'success');
    await parties[party].stop({ graceMs: 0 });
    parties[party] = await startSeedParty(stage, party);
  }
  for (const round of [0, 1] as const) {
    for (const party of ['x1', 'x2', 'y'] as const) {
      await reached(stage, 'split', at[party][round], 'success');
      await parties[party].stop({ graceMs: 0 });
      if (party === 'x2') await stage.colony.restart();
      parties[party] = await startSeedParty(stage, party);
    }
    await parties.aggregator.stop({ graceMs: 0 });
    parties.aggregator = await stage.startAggregator();
  }
  await stage.finished('split');
  expect(await seedDistance(stage, 'split', 6)).toBeLessThan(1e-6);
  expect(await stage.lossesOf('y', 'split')).toHaveLength(6);
});

test('a party that starts again goes by the ids with which its run began, whoever has joined since', async () => {
  await using stage = await openRegressionStage();
  const { x1 } = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'joined' });
  await reached(stage, 'joined', 'open-y-0', 'success');
  await x1.stop({ graceMs: 0 });
  // It asks for no work, but has the name and another key.
  await stage.colony.addExecutor('x2');
  await startSeedParty(stage, 'x1');
  await stage.finished('joined');
  expect(await seedDistance(stage, 'joined', 4)).toBeLessThan(1e-6);
  await stage.submit({ ...SEED_REQUEST, run: 'later' });
  expect((await stage.failuresOf('later')).join()).toMatch(
    /x2: expected one key for all executors of that type, got 2/,
  );
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
