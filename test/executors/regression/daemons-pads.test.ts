import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { graphOf } from '../../../executors/regression/training.ts';
import { blockWorkflow } from '../../../workflows/vertical-regression/builder.ts';
import { until } from '../../support/processes.ts';
import { openRegressionStage } from '../../support/regression-daemons.ts';
import {
  cancelRun,
  reached,
  SEED_REQUEST,
  startSeed,
  startSeedParty,
  trainingOf,
} from '../../support/regression-seed.ts';

test('other rows held out under the same parameters get no second prediction under the same pads', async () => {
  await using stage = await openRegressionStage();
  const { y } = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'twice', blockIterations: 4, holdoutEvery: 40 });
  await reached(stage, 'twice', 'open-y-0', 'success');
  await y.stop({ graceMs: 0 });
  const training = await trainingOf(stage, 'twice');
  const succeeded = async (start: string) =>
    (await stage.processes('twice', 'success')).filter(({ spec }) => spec.nodeName.startsWith(start)).length;
  // The parties have gone as far as they can without the labels: predicted once more than was opened.
  await until(async () => (await succeeded('forward-x1')) === 1 + (await succeeded('open-y')));
  const iteration = await succeeded('open-y');
  // As many rows are held out, but others: rows, parameters and contexts are those of the first training.
  const other = graphOf({ ...training, holdoutEvery: 34 });
  const forged = blockWorkflow(other, { from: iteration, to: iteration + 1, attempt: 0 }).find(
    ({ functionName }) => functionName === 'regression_forward',
  );
  if (forged === undefined) throw new Error('expected a process that predicts');
  const { colonyName } = stage.colony;
  const conditions = { ...forged.conditions, colonyName, dependencies: [] };
  await stage.client.submitFunctionSpec({ spec: { ...forged, nodeName: 'forged', conditions } });
  await reached(stage, 'twice', 'forged', 'failed');
  const failed = (await stage.processes('twice', 'failed')).find(({ spec }) => spec.nodeName === 'forged');
  expect(failed?.errors.join()).toMatch(/expected the training that it began with, got another/);
});

test('a party that lost its state, but not the seed of its pads, does not begin a run of that name again', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  const request = { ...SEED_REQUEST, run: 'lost', mode: 'additive', keyBits: 768 };
  await stage.submit(request);
  await reached(stage, 'lost', 'open-y-0', 'success');
  await cancelRun(stage, 'lost');
  for (const party of ['x2', 'y']) await rm(join(stage.directory, party, 'lost'), { recursive: true });
  await rm(join(stage.directory, 'x1', 'lost', 'state.json'));
  await stage.submit(request);
  expect((await stage.failuresOf('lost')).join('\n')).toMatch(/expected a name that x1 has not seen/);
});

test('a label party that the operator has not listed is not accepted, though residuals stay shared', async () => {
  await using stage = await openRegressionStage();
  const { x1, x2 } = await startSeed(stage);
  await x1.stop({ graceMs: 0 });
  await startSeedParty(stage, 'x1', { peers: new Map([['x2', x2.executorId]]) });
  await stage.submit({ ...SEED_REQUEST, run: 'stranger', mode: 'additive', keyBits: 768 });
  expect((await stage.failuresOf('stranger')).join('\n')).toMatch(
    /y: expected one of the parties that this daemon's operator has listed/,
  );
});
