import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { generateIdentity } from '../../../colony/identity.ts';
import { surveyWorkflow } from '../../../workflows/vertical-regression/builder.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import { seedDistance, SEED_REQUEST, startSeed, startSeedParty } from '../../support/regression-seed.ts';
import { listen } from '../../support/daemon-log.ts';
import { columnOf, readTable } from '../../support/regression.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

const x1 = columnOf(readTable('synthetic_grid_100.csv'), 'x1');

/** Submits a run that must fail; nothing of what it says may hold a number of the table. */
async function refusedRun(stage: RegressionStage, run: string, request: object = {}): Promise<string> {
  await stage.submit({ ...SEED_REQUEST, run, ...request });
  const text = (await stage.failuresOf(run)).join('\n');
  for (const value of x1.filter((number) => !Number.isInteger(number))) expect(text).not.toContain(String(value));
  return text;
}

test('parties with other rows, other ids, or rows that break a guard are refused before the first iteration', async () => {
  await using stage = await openRegressionStage();
  const { x1: first } = await startSeed(stage);
  await first.stop({ graceMs: 0 });
  const short = await startSeedParty(stage, 'x1', {}, x1.subarray(0, 90));
  expect(await refusedRun(stage, 'short')).toMatch(/start: expected 100 rows as y has, got 90 of x1/);
  await short.stop({ graceMs: 0 });

  const ids = Array.from(x1, (_, row) => row);
  const source = await stage.writeTable(
    'with-ids.csv',
    new Map([
      ['id', ids],
      ['x1', Array.from(x1)],
    ]),
  );
  const idsFile = join(stage.directory, 'ids.txt');
  await writeFile(idsFile, `${ids.join('\n')}\n`);
  const other = await stage.startFeature('x1', { source, idColumn: 'id', idsFile });
  expect(await refusedRun(stage, 'ids')).toMatch(/start: expected the ids of y, got others of x1/);
  await other.stop({ graceMs: 0 });

  const rare = await startSeedParty(
    stage,
    'x1',
    {},
    x1.map((_, row) => (row < 3 ? 1 : 0)),
  );
  expect(await refusedRun(stage, 'rare', { guards: 'standard', keyBits: 2048 })).toMatch(
    /column 1 of x1: expected at least 10 rows that differ/,
  );
  await rare.stop({ graceMs: 0 });
});

test('names of columns are told to the operator of a party and to nobody else', async () => {
  await using stage = await openRegressionStage();
  await Promise.all([startSeedParty(stage, 'x2'), startSeedParty(stage, 'y'), stage.startAggregator()]);
  const { log, text } = listen();
  const start = async (tested: ArrayLike<number>) => {
    const columns = new Map([
      ['age', Array.from(x1)],
      ['diagnosis', Array.from(tested)],
    ]);
    return stage.startFeature('x1', { source: await stage.writeTable('private.csv', columns) }, { log });
  };
  const rare = await start(x1.map((_, row) => (row < 3 ? 1 : 0)));
  const guarded = await refusedRun(stage, 'guarded', { guards: 'standard', keyBits: 2048 });
  expect(guarded).toMatch(/column 2 of x1: expected at least 10 rows that differ/);
  expect(text()).toMatch(/column \\"diagnosis\\": expected at least 10 rows that differ/);
  await rare.stop({ graceMs: 0 });
  const whole = await start(x1.map((_, row) => row));
  await writeFile(join(stage.directory, 'private.csv'), 'age,diagnosis\n1,2\n3,ill\n');
  const unread = await refusedRun(stage, 'unread');
  expect(unread).toMatch(/private\.csv, column 2: expected a number in every row that is used, got text/);
  await writeFile(join(stage.directory, 'private.csv'), 'age,diagnosis\n1,2\n3,"4\n');
  const broken = await refusedRun(stage, 'broken');
  expect(broken).toMatch(/private\.csv: expected a source that can be read, got an error/);
  await whole.stop({ graceMs: 0 });
  for (const told of [guarded, unread, broken]) expect(told).not.toMatch(/diagnosis|"age"/);
  expect(text()).toMatch(/column \\"diagnosis\\", row 2/);
});

test('labels of a logistic model that are no classes are refused before the set-up, those of rows held out too', async () => {
  await using stage = await openRegressionStage();
  const labels = x1.map((_, row) => (row === 95 ? -73 : row % 2));
  const { log, text: logged } = listen();
  await startSeedParty(stage, 'y', { log }, labels);
  await Promise.all([startSeedParty(stage, 'x1'), startSeedParty(stage, 'x2'), stage.startAggregator()]);
  const logistic = { model: 'logistic', holdoutEvery: 5 };
  const text = await refusedRun(stage, 'classes', logistic);
  expect(text).toMatch(/survey-y: labels: expected 0 or 1 in every row for a logistic model, got another value;/);
  // Which row it is says of all rows before it that they are 0 or 1, to whoever asks for a logistic model.
  expect(text).not.toMatch(/73|96/);
  expect(logged()).toMatch(/labels: row 96 of 100/);
});

test('a party runs no demonstration unless its operator says so, and no run twice', async () => {
  await using stage = await openRegressionStage();
  const { x2 } = await startSeed(stage);
  await stage.train({ ...SEED_REQUEST, run: 'once', iterations: 1 });
  expect(await seedDistance(stage, 'once', 1)).toBeLessThan(1e-6);
  const request = { ...SEED_REQUEST, aggregator: 'regression-aggregator', blockIterations: 2, run: 'once' };
  const functionSpecs = surveyWorkflow(request, JSON.stringify(request));
  await stage.client.submitWorkflowSpec({ spec: { colonyName: stage.colony.colonyName, functionSpecs } });
  expect((await stage.failuresOf('once')).join('\n')).toMatch(/expected a name that (x1|x2|y) has not seen/);

  await x2.stop({ graceMs: 0 });
  await startSeedParty(stage, 'x2', { acceptsDemonstrations: false });
  expect(await refusedRun(stage, 'loose')).toMatch(/guards: expected "standard" or "strict" for the rows of x2/);
});

test('who is not pinned is not accepted, and who has another key is found out', async () => {
  await using stage = await openRegressionStage();
  const { x1: first, y, aggregator } = await startSeed(stage);
  await first.stop({ graceMs: 0 });
  const lonely = await startSeedParty(stage, 'x1', { peers: new Map([['y', y.executorId]]) });
  expect(await refusedRun(stage, 'unpinned')).toMatch(/x2: expected one of the parties that this daemon's operator/);
  await lonely.stop({ graceMs: 0 });
  const peers = new Map([
    ['x2', generateIdentity().id],
    ['y', y.executorId],
  ]);
  const loose = await startSeedParty(stage, 'x1', { peers });
  expect(await refusedRun(stage, 'unlisted')).toMatch(/regression-aggregator: expected one of the parties that this/);
  await loose.stop({ graceMs: 0 });
  peers.set('regression-aggregator', aggregator.executorId);
  await startSeedParty(stage, 'x1', { peers });
  expect(await refusedRun(stage, 'impostor')).toMatch(/half of x2: expected the signature of/);
});

test('requests that contradict themselves, and arguments that are none, fail with what is wrong', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  const { colonyName } = stage.colony;
  const [survey] = surveyWorkflow({ ...SEED_REQUEST, run: 'bad', aggregator: 'regression-aggregator' }, '{"run":"bad"');
  if (survey === undefined) throw new Error('expected a survey');
  const conditions = { ...survey.conditions, colonyName };
  const submit = async (kwargs: Record<string, unknown>): Promise<string> => {
    await stage.client.submitFunctionSpec({ spec: { ...survey, nodeName: '', kwargs, conditions } });
    const failures = await stage.failuresOf('bad');
    return failures[0] ?? '';
  };
  expect(await submit(survey.kwargs)).toMatch(/request: expected JSON text/);
  const twice = { ...SEED_REQUEST, run: 'bad', features: ['x1', 'x1'] };
  expect(await submit({ request: JSON.stringify(twice) })).toMatch(/features: expected every party once/);
  expect(await submit({ request: 5 })).toMatch(/request/);
});
