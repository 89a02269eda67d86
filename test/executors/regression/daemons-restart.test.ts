import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import { graphOf } from '../../../executors/regression/training.ts';
import { blockWorkflow } from '../../../workflows/vertical-regression/builder.ts';
import { until } from '../../support/processes.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import {
  cancelRun,
  seedDistance,
  reached,
  reported,
  resumeRun,
  SEED_REQUEST,
  startSeed,
  startSeedParty,
  trainingOf,
} from '../../support/regression-seed.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

test('a set-up that was cancelled is done again by "resume"', async () => {
  await using stage = await openRegressionStage();
  const { x2 } = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'early', iterations: 2 });
  await reached(stage, 'early', 'half-x1', 'success');
  await x2.stop({ graceMs: 0 });
  await cancelRun(stage, 'early');
  await startSeedParty(stage, 'x2');
  await resumeRun(stage, 'early', 1);
  await reported(stage, 'early');
  expect(await seedDistance(stage, 'early', 2)).toBeLessThan(1e-6);
});

test('share holders that are one opening apart meet at the earlier iteration', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'apart', mode: 'threshold', iterations: 6 });
  await reached(stage, 'apart', 'begin', 'success');
  await cancelRun(stage, 'apart');
  const graph = graphOf(await trainingOf(stage, 'apart'));
  const stand = 1 + (await lastOpened(stage, 'y', 'apart'));
  expect(stand).toBeLessThan(6);
  await openAlone(stage, graph, stand);
  await resumeRun(stage, 'apart', 2);
  await reported(stage, 'apart');
  expect(await seedDistance(stage, 'apart', 6)).toBeLessThan(1e-6);
});

/** Repeats an iteration of which only the label party gives its part in the opening. */
async function openAlone(stage: RegressionStage, graph: ReturnType<typeof graphOf>, from: number): Promise<void> {
  const { colonyName } = stage.colony;
  const wanted = new Set(graph.features.flatMap((party) => [`forward-${party}-${from}`, `gradient-${party}-${from}`]));
  const block = blockWorkflow(graph, { from, to: from + 1, attempt: 1 });
  const functionSpecs = block.filter(
    ({ nodeName }) =>
      wanted.has(nodeName) ||
      nodeName.startsWith('resume-') ||
      [`aggregate-${from}`, `open-y-${from}`].includes(nodeName),
  );
  await stage.client.submitWorkflowSpec({ spec: { colonyName, functionSpecs } });
  await until(async () => (await lastOpened(stage, 'y', graph.run)) === from);
  expect(await lastOpened(stage, 'x1', graph.run)).toBe(from - 1);
}

const Stored = z.looseObject({ state: z.looseObject({ lastOpened: z.string().nullable() }) });
const Opened = z.looseObject({ iteration: z.number() });

async function lastOpened(stage: RegressionStage, party: string, run: string): Promise<number> {
  const { state } = Stored.parse(JSON.parse(await stage.fileOf(party, run, 'state.json')));
  return state.lastOpened === null ? -1 : Opened.parse(JSON.parse(state.lastOpened)).iteration;
}
