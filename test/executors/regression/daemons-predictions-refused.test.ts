import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { generateIdentity } from '../../../colony/identity.ts';
import { surveyWorkflow } from '../../../workflows/vertical-regression/builder.ts';
import { columnOf, distance, readTable } from '../../support/regression.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import {
  predict,
  predictedBySeed,
  predictionsOf,
  refusedPrediction,
  startPredicting,
  startPredictor,
  writeNewRows,
} from '../../support/regression-predictions.ts';
import { cancelRun, reached, SEED_REQUEST, startSeedParty } from '../../support/regression-seed.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

const grid = readTable('synthetic_grid_100.csv');
const ROWS = { x1: [1.5, -2.25, 3.125], x2: [0.5, 4.75, -1.375] };
const QUICK = { ...SEED_REQUEST, iterations: 1, blockIterations: 1 };

async function trained(stage: RegressionStage, request: object = {}) {
  const parties = await startPredicting(stage, ROWS);
  await stage.train({ ...QUICK, run: 'june', ...request });
  return parties;
}

test('a training that a party does not know, that is another, or that has not ended well, predicts nothing', async () => {
  await using stage = await openRegressionStage();
  await trained(stage);
  expect(await refusedPrediction(stage, 'june', 'unknown', { run: 'may' })).toMatch(
    /run may: expected a training that has ended in success at (x1|x2|y), got none/,
  );
  expect(await refusedPrediction(stage, 'june', 'other', { training: '0'.repeat(64) })).toMatch(
    /expected the training that (x1|x2|y) took part in, got another digest/,
  );
  expect(await refusedPrediction(stage, 'june', 'turned', { features: ['x2', 'x1'] })).toMatch(
    /expected the parties of the training in their order, got others/,
  );
  await stage.submit({ ...SEED_REQUEST, run: 'cut' });
  await reached(stage, 'cut', 'open-y-0', 'success');
  await cancelRun(stage, 'cut');
  expect(await refusedPrediction(stage, 'cut', 'early')).toMatch(
    /run cut: expected a training that has ended in success/,
  );
  const bounds = { residualBoundBits: 24, columnBoundBits: 3, scaleBits: 30 };
  await stage.train({ ...SEED_REQUEST, ...bounds, run: 'wild', alpha: 0.25, iterations: 30, blockIterations: 30 });
  expect(await refusedPrediction(stage, 'wild', 'far')).toMatch(
    /expected a training that has ended in success, got one that diverged/,
  );
});

test('a name that a party has seen is taken, be it of a prediction or of a training', async () => {
  await using stage = await openRegressionStage();
  await trained(stage);
  await predict(stage, 'june', 'ward');
  const before = await predictionsOf(stage, 'y', 'ward');
  expect(await refusedPrediction(stage, 'june', 'ward')).toMatch(
    /prediction ward: expected a name that (x1|x2|y) has not seen/,
  );
  expect(await refusedPrediction(stage, 'june', 'june')).toMatch(
    /prediction june: expected a name that (x1|x2|y) has not seen/,
  );
  expect(await predictionsOf(stage, 'y', 'ward')).toEqual(before);
  const request = { ...QUICK, aggregator: 'regression-aggregator', run: 'ward' };
  const functionSpecs = surveyWorkflow(request, JSON.stringify(request));
  await stage.client.submitWorkflowSpec({ spec: { colonyName: stage.colony.colonyName, functionSpecs } });
  await reached(stage, 'ward', 'survey-x1', 'failed');
});

test('who is not the party that trained is found out, and what its operator does not accept is not predicted', async () => {
  await using stage = await openRegressionStage();
  const { y, x1 } = await trained(stage);
  await x1.stop({ graceMs: 0 });
  const stranger = new Map([
    ['x2', generateIdentity().id],
    ['y', y.executorId],
  ]);
  const pinning = await startPredictor(stage, 'x1', ROWS.x1, { peers: stranger });
  expect(await refusedPrediction(stage, 'june', 'pinned')).toMatch(/x2: expected the id that it had in the training/);
  await pinning.stop({ graceMs: 0 });
  const strict = await startPredictor(stage, 'x1', ROWS.x1, { acceptsDemonstrations: false });
  expect(await refusedPrediction(stage, 'june', 'loose')).toMatch(
    /guards: expected "standard" or "strict" for the rows of x1/,
  );
  await strict.stop({ graceMs: 0 });
  const rowless = await startSeedParty(stage, 'x1');
  expect(await refusedPrediction(stage, 'june', 'rowless')).toMatch(
    /x1: expected new rows to predict, got none; .*--new-rows/,
  );

  await rowless.stop({ graceMs: 0 });
  await startPredictor(stage, 'x1', ROWS.x1);
  await y.stop({ graceMs: 0 });
  await rm(join(stage.directory, 'y', 'identity.key'));
  await startSeedParty(stage, 'y');
  expect(await refusedPrediction(stage, 'june', 'impostor')).toMatch(/offer of y: expected the signature of/);
});

test('with one feature party its part would be the prediction: refused, but in a demonstration', async () => {
  await using stage = await openRegressionStage();
  const whole = new Map(['x1', 'x2'].map((name) => [name, columnOf(grid, name)]));
  const source = await stage.writeTable('x.csv', whole);
  const newRows = await stage.writeTable('x-new.csv', new Map(Object.entries(ROWS)));
  await Promise.all([
    stage.startFeature('x', { source, newRows }),
    startSeedParty(stage, 'y'),
    stage.startAggregator(),
  ]);
  await stage.train({ ...QUICK, run: 'alone', features: ['x'], guards: 'standard', keyBits: 2048 });
  expect(await refusedPrediction(stage, 'alone', 'shown')).toMatch(/expected two feature parties or more, got one/);
  await stage.train({ ...QUICK, run: 'public', features: ['x'] });
  await predict(stage, 'public', 'published');
  expect(await predictionsOf(stage, 'y', 'published')).toHaveLength(4);
});

test('every feature party counts the rows it predicts, those held out too, and stops at what the training allows', async () => {
  await using stage = await openRegressionStage();
  // Four rows are held out.
  const { x2 } = await trained(stage, { predictionRows: 10, holdoutEvery: 25 });
  await predict(stage, 'june', 'first');
  expect(JSON.parse(await stage.fileOf('x1', 'june', 'predictions.json'))).toEqual({ v: 1, rows: { first: 3 } });
  // What a party has counted outlives it.
  await x2.stop({ graceMs: 0 });
  await startPredictor(stage, 'x2', ROWS.x2);
  await predict(stage, 'june', 'second');
  const refused = await refusedPrediction(stage, 'june', 'third');
  expect(refused).toMatch(/expected at most 10 rows in all \("predictionRows" of the training\), got 3 after 10/);
  expect(JSON.parse(await stage.fileOf('x2', 'june', 'predictions.json'))).toEqual({
    v: 1,
    rows: { first: 3, second: 3 },
  });
  const lines = (await readFile(join(stage.directory, 'x1', '_runs.jsonl'), 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'predicted')).toMatchObject([
    { run: 'first', trained: 'june', rows: 3, rowsInAll: 7, predictionRows: 10, parties: { label: 'y' } },
    { run: 'second', trained: 'june', rows: 3, rowsInAll: 10 },
  ]);
});

test('rows that changed for the worse are told by what is wrong, and none of them by its numbers', async () => {
  await using stage = await openRegressionStage();
  const { x1, y } = await trained(stage);
  const path = join(stage.directory, 'x1-new.csv');
  await writeFile(path, 'z\n1.5\n2\n3\n');
  const missing = await refusedPrediction(stage, 'june', 'column');
  expect(missing).toMatch(/x1-new\.csv.*: expected the columns and ids that its operator has chosen, got others/);
  await writeFile(path, 'x1\n1.5\n77.125z\n3\n');
  const wrong = await refusedPrediction(stage, 'june', 'number');
  expect(wrong).toMatch(/column 1: expected a number in every row that is used, got text that is no number/);
  expect(wrong).not.toMatch(/77/);
  await writeNewRows(stage, 'x1', [1.5, 2]);
  expect(await refusedPrediction(stage, 'june', 'fewer')).toMatch(/expected 2 new rows as x1 has, got 3 of x2/);
  await writeNewRows(stage, 'x1', [1.5, 2, 77_777]);
  const large = await refusedPrediction(stage, 'june', 'large');
  expect(large).toMatch(/predictions: expected magnitudes below 2\^10 \/ 3, got a larger one/);
  expect(large).not.toMatch(/77/);
  // Nothing was predicted, so nothing counts.
  await expect(stage.fileOf('x1', 'june', 'predictions.json')).rejects.toThrow('ENOENT');
  await x1.stop({ graceMs: 0 });
  await writeFile(path, 'z\n1\n');
  const source = join(stage.directory, 'x1.csv');
  await expect(stage.startFeature('x1', { source, newRows: path })).rejects.toThrow(/x1/);
  const labels = join(stage.directory, 'y.csv');
  await y.stop({ graceMs: 0 });
  await expect(stage.startLabel('y', { source: labels, newRows: path })).rejects.toThrow(
    /expected labels or ids of the/,
  );
  await expect(stage.startLabel('y', { source: labels, newIdsFile: path })).rejects.toThrow(
    /--new-ids: expected --id-column/,
  );
  await startSeedParty(stage, 'y');
  await startPredictor(stage, 'x1', ROWS.x1);
  await predict(stage, 'june', 'mended');
  const [, ...lines] = await predictionsOf(stage, 'y', 'mended');
  expect(
    distance(
      lines.map(([, value]) => Number(value)),
      await predictedBySeed(stage, 'june', ROWS),
    ),
  ).toBeLessThan(1e-6);
});

test('parties that mean other ids find out before anything is predicted, and what they compare tells nobody which', async () => {
  await using stage = await openRegressionStage();
  const ids = Array.from({ length: 100 }, (_, row) => row);
  const newIdsFile = join(stage.directory, 'new-ids.txt');
  const otherIdsFile = join(stage.directory, 'other-ids.txt');
  await writeFile(newIdsFile, 'p9\np7\np8\n');
  await writeFile(otherIdsFile, 'p6\np7\np8\n');
  const rowsOf = async (party: 'x1' | 'x2'): Promise<string> => {
    const path = join(stage.directory, `${party}-new.csv`);
    await writeFile(
      path,
      `id,${party}\np6,7\n${['p7', 'p8', 'p9'].map((id, row) => `${id},${ROWS[party][row]}`).join('\n')}\n`,
    );
    return path;
  };
  const sourceOf = (party: string): Promise<string> =>
    stage.writeTable(
      `${party}.csv`,
      new Map<string, ArrayLike<number>>([
        ['id', ids],
        [party, columnOf(grid, party)],
      ]),
    );
  const dataOf = async (party: 'x1' | 'x2', list: string) => ({
    source: await sourceOf(party),
    newRows: await rowsOf(party),
    idColumn: 'id',
    newIdsFile: list,
  });
  const x1 = await stage.startFeature('x1', await dataOf('x1', newIdsFile));
  await stage.startFeature('x2', await dataOf('x2', newIdsFile));
  await stage.startLabel('y', { source: await sourceOf('y'), idColumn: 'id', newIdsFile });
  await stage.startAggregator();
  await stage.train({ ...QUICK, run: 'june' });
  await predict(stage, 'june', 'same');
  const [, ...lines] = await predictionsOf(stage, 'y', 'same');
  expect(lines.map(([id]) => id)).toEqual(['p7', 'p8', 'p9']);
  expect(
    distance(
      lines.map(([, value]) => Number(value)),
      await predictedBySeed(stage, 'june', ROWS),
    ),
  ).toBeLessThan(1e-6);
  await writeFile(newIdsFile, 'p6\np7\nnobody\n');
  expect(await refusedPrediction(stage, 'june', 'absent')).toMatch(
    /expected the columns and ids that its operator has chosen/,
  );
  await writeFile(newIdsFile, 'p9\np7\np8\n');
  await x1.stop({ graceMs: 0 });
  await stage.startFeature('x1', await dataOf('x1', otherIdsFile));
  expect(await refusedPrediction(stage, 'june', 'apart')).toMatch(
    /expected (x1|x2|y) to mean the rows that (x1|x2|y) means, got other ids/,
  );
  const budget = { v: 1, rows: { same: 3 } };
  for (const party of ['x1', 'x2'])
    expect(JSON.parse(await stage.fileOf(party, 'june', 'predictions.json'))).toEqual(budget);
});
