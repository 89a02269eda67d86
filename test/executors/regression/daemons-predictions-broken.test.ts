import { expect, test, vi } from 'vitest';
import { node, specsOf } from '../../../workflows/vertical-regression/nodes.ts';
import { predictionWorkflow } from '../../../workflows/vertical-regression/prediction-builder.ts';
import { until } from '../../support/processes.ts';
import { distance } from '../../support/regression.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import {
  predict,
  predictedBySeed,
  predictionRequest,
  predictionsOf,
  startPredicting,
  startPredictor,
  submitPrediction,
  writeNewRows,
} from '../../support/regression-predictions.ts';
import { cancelRun, reached, SEED_REQUEST, startSeedParty } from '../../support/regression-seed.ts';
import { outputOf } from '../../support/regression-speaker.ts';
import { startSpeaker } from '../../support/speaker.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

const ROWS = { x1: [1.5, -2.25, 3.125], x2: [0.5, 4.75, -1.375] };
const QUICK = { ...SEED_REQUEST, run: 'june', iterations: 2 };

/** How far predictions are, at most, from what the parties' coefficients give in the clear. */
async function distanceOf(stage: RegressionStage, prediction: string): Promise<number> {
  const [, ...lines] = await predictionsOf(stage, 'y', prediction);
  const predictions = lines.map(([, value]) => Number(value));
  return distance(predictions, await predictedBySeed(stage, 'june', ROWS));
}

test('daemons and server that start again between training and prediction, or in the middle of one, go on', async () => {
  await using stage = await openRegressionStage();
  const parties = await startPredicting(stage, ROWS);
  await stage.train(QUICK);
  await Promise.all(Object.values(parties).map((worker) => worker.stop({ graceMs: 0 })));
  await stage.colony.restart();
  const again = await startPredicting(stage, ROWS);
  await predict(stage, 'june', 'later');
  expect(await distanceOf(stage, 'later')).toBeLessThan(1e-6);

  await again.x2.stop({ graceMs: 0 });
  await submitPrediction(stage, await predictionRequest(stage, 'june', 'broken'));
  await reached(stage, 'broken', 'offer-x1', 'success');
  await again.x1.stop({ graceMs: 0 });
  await stage.colony.restart();
  await startPredictor(stage, 'x2', ROWS.x2);
  await reached(stage, 'broken', 'confirm-x2', 'success');
  await again.y.stop({ graceMs: 0 });
  await startPredictor(stage, 'x1', ROWS.x1);
  await startSeedParty(stage, 'y');
  await stage.finished('broken');
  expect(await distanceOf(stage, 'broken')).toBeLessThan(1e-6);
});

test('a prediction that is cancelled stops, and another one has other secrets', async () => {
  await using stage = await openRegressionStage();
  const { y } = await startPredicting(stage, ROWS);
  await stage.train(QUICK);
  // Without it the prediction cannot end before it is cancelled.
  await y.stop({ graceMs: 0 });
  await submitPrediction(stage, await predictionRequest(stage, 'june', 'stopped'));
  for (const offer of ['offer-x1', 'offer-x2']) await reached(stage, 'stopped', offer, 'success');
  await cancelRun(stage, 'stopped');
  expect(await stage.processes('stopped', 'running')).toEqual([]);
  await startSeedParty(stage, 'y');
  await predict(stage, 'june', 'anew');
  expect(await distanceOf(stage, 'anew')).toBeLessThan(1e-6);
  expect(await outputOf(stage, 'anew', 'offer-x1')).not.toBe(await outputOf(stage, 'stopped', 'offer-x1'));
  await expect(stage.fileOf('y', 'stopped', 'predictions.csv')).rejects.toThrow('ENOENT');
});

test('a party whose rows change after it has offered them predicts nothing, and counts nothing', async () => {
  await using stage = await openRegressionStage();
  const { x2 } = await startPredicting(stage, ROWS);
  await stage.train(QUICK);
  await x2.stop({ graceMs: 0 });
  await submitPrediction(stage, await predictionRequest(stage, 'june', 'changed'));
  await reached(stage, 'changed', 'offer-x1', 'success');
  await writeNewRows(stage, 'x1', [1.5, -2.25, 3.0]);
  await startPredictor(stage, 'x2', ROWS.x2);
  expect((await stage.failuresOf('changed')).join()).toMatch(
    /predict-x1: prediction: expected the new rows that this party has offered, got others; ask again/,
  );
  await expect(stage.fileOf('x1', 'june', 'predictions.json')).rejects.toThrow('ENOENT');
  await expect(stage.fileOf('y', 'changed', 'predictions.csv')).rejects.toThrow('ENOENT');
});

/** Calls a party's function again with what somebody says in place of its parents; its output, or its errors. */
async function callAgain(
  stage: RegressionStage,
  prediction: string,
  name: string,
  texts: readonly string[],
): Promise<string> {
  const request = await predictionRequest(stage, 'june', prediction);
  const call = predictionWorkflow(request, JSON.stringify(request)).find(({ nodeName }) => nodeName === name);
  if (call === undefined) throw new Error(`expected a process ${name}`);
  const says = texts.map((text, index) => node(`say-${index}`, 'say', 'speaker', [], { text }));
  const again = node(
    name,
    call.functionName,
    call.conditions.executorType,
    says.map((said) => said.name),
    call.kwargs,
  );
  const spec = { colonyName: stage.colony.colonyName, functionSpecs: specsOf({ run: 'again' }, [...says, again]) };
  const { workflowId } = await stage.client.submitWorkflowSpec({ spec });
  const found = async () => {
    const ended = [...(await stage.processes('again', 'success')), ...(await stage.processes('again', 'failed'))];
    return ended.find((process) => process.workflowId === workflowId && process.spec.nodeName === name);
  };
  await until(async () => (await found()) !== undefined);
  const process = await found();
  return process?.state === 'success' ? String(process.output[0]) : (process?.errors.join() ?? '');
}

test('what a party has answered it says again byte by byte, and to other messages it says nothing', async () => {
  await using stage = await openRegressionStage();
  await startPredicting(stage, ROWS);
  await stage.train(QUICK);
  await predict(stage, 'june', 'first');
  await predict(stage, 'june', 'second');
  const speaker = await startSpeaker(stage.colony);
  const textsOf = (run: string, names: readonly string[]) =>
    Promise.all(names.map((name) => outputOf(stage, run, name)));
  try {
    const confirms = ['confirm-y', 'confirm-x1', 'confirm-x2'];
    // Rows that have changed since cannot come under the same pads: they are not read again.
    await writeNewRows(stage, 'x1', [7, 8, 9]);
    const said = await callAgain(stage, 'first', 'predict-x1', await textsOf('first', confirms));
    expect(said).toBe(await outputOf(stage, 'first', 'predict-x1'));
    expect(await callAgain(stage, 'first', 'predict-x1', await textsOf('second', confirms))).toMatch(
      /expected the confirmations that this party has answered, got others/,
    );
    expect(await callAgain(stage, 'first', 'offer-x1', [])).toMatch(/expected a name that x1 has not seen/);
    const ready = await callAgain(stage, 'first', 'report', ['', '', '', '']);
    expect(ready).toBe(await outputOf(stage, 'first', 'report'));
    expect(await distanceOf(stage, 'first')).toBeLessThan(1e-6);
  } finally {
    await speaker.stop({ graceMs: 0 });
  }
});

test('messages of another prediction, of another party, or that somebody changed are refused by name', async () => {
  await using stage = await openRegressionStage();
  const { x2 } = await startPredicting(stage, ROWS);
  await stage.train(QUICK);
  await predict(stage, 'june', 'first');
  await x2.stop({ graceMs: 0 });
  await submitPrediction(stage, await predictionRequest(stage, 'june', 'open'));
  await reached(stage, 'open', 'offer-x1', 'success');
  await reached(stage, 'open', 'offer-y', 'success');
  const speaker = await startSpeaker(stage.colony);
  try {
    const [own, label] = [await outputOf(stage, 'open', 'offer-x1'), await outputOf(stage, 'open', 'offer-y')];
    const stale = await outputOf(stage, 'first', 'offer-x2');
    const confirm = (texts: readonly string[]) => callAgain(stage, 'open', 'confirm-x1', texts);
    expect(await confirm([label, own, stale])).toMatch(
      /half of x2: expected context .*belongs to another run or other parameters/,
    );
    expect(await confirm([label, own, own])).toMatch(/offer of x2: expected the signature of/);
    expect(await confirm([own, label, stale])).toMatch(/offer of y: expected the signature of/);
    expect(await confirm([label, own, stale.replace(/\\"rows\\":\d/, '\\"rows\\":4')])).toMatch(
      /offer of x2: expected the signature of/,
    );
    expect(await confirm([label, own])).toMatch(/message: value|expected JSON/);
    await startPredictor(stage, 'x2', ROWS.x2);
    await stage.finished('open');
    // The parts of one prediction do not pass for those of another.
    const predict1 = await outputOf(stage, 'first', 'predict-x1');
    const confirms = await Promise.all(
      ['confirm-y', 'confirm-x1', 'confirm-x2'].map((name) => outputOf(stage, 'open', name)),
    );
    expect(await callAgain(stage, 'open', 'predict-x2', [predict1, ...confirms.slice(1)])).toMatch(
      /expected the confirmations that this party has answered/,
    );
    expect(await distanceOf(stage, 'open')).toBeLessThan(1e-6);
  } finally {
    await speaker.stop({ graceMs: 0 });
  }
});
