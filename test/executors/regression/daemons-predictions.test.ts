import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import { at, columnOf, distance, readTable, readVectors } from '../../support/regression.ts';
import { DIABETES_LABELS, DIABETES_ORACLE, divideAmong } from '../../support/regression-oracles.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import { SEED_REQUEST } from '../../support/regression-seed.ts';
import { predict, predictedBySeed, predictionsOf, refusedPrediction } from '../../support/regression-predictions.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

const diabetes = readTable('diabetes.csv');
const NAMES = DIABETES_ORACLE.columns;
const NEW_ROWS = 7;

/** New rows that are none of the table: numbers between those of two of its rows. */
function newRows(column: Float64Array): number[] {
  return Array.from({ length: NEW_ROWS }, (_, row) => 0.3 * (column[row] ?? 0) + 0.7 * (column[3 * row + 50] ?? 0));
}

function scoreOf(column: Float64Array, value: number): number {
  const mean = column.reduce((sum, other) => sum + other, 0) / column.length;
  const variance = column.reduce((sum, other) => sum + (other - mean) ** 2, 0) / column.length;
  return (value - mean) / Math.sqrt(variance);
}

async function startDiabetes(stage: RegressionStage, parties: number): Promise<string[]> {
  const names = Array.from({ length: parties }, (_, index) => `x${index + 1}`);
  const blocks = divideAmong(NAMES, parties);
  await Promise.all([
    ...names.map(async (name, index) => {
      const block = at(blocks, index);
      const source = await stage.writeTable(
        `${name}.csv`,
        new Map(block.map((column) => [column, columnOf(diabetes, column)])),
      );
      // Columns are found by their names, wherever they stand, and others are left alone.
      const columns = block
        .toReversed()
        .map((column): [string, number[]] => [column, newRows(columnOf(diabetes, column))]);
      const fresh = new Map([...columns, ['other', Array.from({ length: NEW_ROWS }, (_, row) => row)]]);
      return stage.startFeature(name, {
        source,
        columns: block,
        newRows: await stage.writeTable(`${name}-new.csv`, fresh),
      });
    }),
    stage
      .writeTable('y.csv', new Map([['progression', DIABETES_LABELS]]))
      .then((source) => stage.startLabel('y', { source })),
    stage.startAggregator(),
  ]);
  return names;
}

const REQUEST = {
  label: 'y',
  model: 'linear',
  intercept: 'centred',
  alpha: 0.1,
  keyBits: 768,
  guards: 'demonstration',
  iterations: 2,
};

test.each([
  ['single-key', 3],
  ['threshold', 2],
  ['additive', 2],
] as const)(
  'after a training in mode %s new rows are predicted as the oracle does in the clear',
  async (mode, parties) => {
    await using stage = await openRegressionStage();
    const features = await startDiabetes(stage, parties);
    await stage.train({ ...REQUEST, run: 'trained', mode, features });
    await predict(stage, 'trained', 'fresh');
    const theta = DIABETES_ORACLE['gd_alpha0.1']['2']?.theta ?? [];
    const columns = NAMES.map((name) => columnOf(diabetes, name));
    const expected = Array.from({ length: NEW_ROWS }, (_, row) =>
      columns.reduce(
        (sum, column, index) => sum + at(theta, index) * scoreOf(column, at(newRows(column), row)),
        DIABETES_ORACLE.target_mean,
      ),
    );
    const [title, ...lines] = await predictionsOf(stage, 'y', 'fresh');
    expect(title).toEqual(['row', 'prediction']);
    expect(lines.map(([row]) => row)).toEqual(['0', '1', '2', '3', '4', '5', '6']);
    const predictions = lines.map(([, prediction]) => Number(prediction));
    expect(distance(predictions, expected)).toBeLessThan(1e-6);
  },
);

const Breast = z.object({
  columns: z.array(z.string()),
  runs: z.record(z.string(), z.object({ snapshots: z.record(z.string(), z.array(z.number())) }).or(z.unknown())),
});
const Snapshots = z.object({ snapshots: z.record(z.string(), z.array(z.number())) });
const Metrics = z.object({ run: z.string(), trained: z.string(), rows: z.number(), accuracy: z.number() });

test('new rows of a logistic model, cut where training cut, meet by id, and give log-odds, probabilities, and where labels are known, metrics', async () => {
  const breast = Breast.parse(readVectors('logistic_breast.json'));
  const table = readTable('breast_cancer.csv');
  const ids = Array.from(columnOf(table, 'id'));
  const isTraining = ids.map((id) => id % 5 !== 0);
  const pick = (name: string, rows: readonly boolean[]): number[] =>
    Array.from(columnOf(table, name)).filter((_, row) => rows[row]);
  const later = ids.map((_, row) => isTraining[row] === false && row < 60);
  await using stage = await openRegressionStage();
  const wanted = ids.filter((_, row) => later[row]);
  const newIdsFile = join(stage.directory, 'new-ids.txt');
  // Each party may have the ids in an order of its own, and rows that others lack.
  await writeFile(newIdsFile, wanted.toReversed().join('\n'));
  const tableOf = (name: string, columns: readonly string[], rows: readonly boolean[]): Promise<string> =>
    stage.writeTable(name, new Map(['id', ...columns].map((column) => [column, pick(column, rows)])));
  const dataOf = async (party: string, columns: readonly string[]) => ({
    source: await tableOf(`${party}.csv`, columns, isTraining),
    newRows: await tableOf(
      `${party}-new.csv`,
      columns,
      isTraining.map((value) => !value),
    ),
    idColumn: 'id',
    newIdsFile,
  });
  await Promise.all([
    stage.startFeature('x1', await dataOf('x1', breast.columns.slice(0, 12))),
    stage.startFeature('x2', await dataOf('x2', breast.columns.slice(12))),
    stage.startLabel('y', await dataOf('y', ['benign'])),
    stage.startAggregator(),
  ]);
  const request = { label: 'y', features: ['x1', 'x2'], model: 'logistic', intercept: 'column', lambda: 0.01 };
  await stage.train({ ...request, run: 'taylor', alpha: 0.1, iterations: 2, keyBits: 512, guards: 'demonstration' });
  await predict(stage, 'taylor', 'ward');
  const theta = Snapshots.parse(breast.runs['taylor1|alpha=0.1|T=100|lambda=0.01']).snapshots['2'] ?? [];
  const odds = wanted.map((_, row) =>
    breast.columns.reduce(
      (sum, name, index) => {
        const column = Float64Array.from(pick(name, isTraining));
        return sum + at(theta, index + 1) * scoreOf(column, at(pick(name, later), row));
      },
      at(theta, 0),
    ),
  );
  const [title, ...lines] = await predictionsOf(stage, 'y', 'ward');
  expect(title).toEqual(['row', 'label', 'log_odds', 'probability']);
  expect(lines.map(([id]) => Number(id))).toEqual(wanted);
  const numbers = lines.map((cells) => cells.map(Number));
  expect(numbers.map((cells) => cells[1])).toEqual(pick('benign', later));
  expect(
    distance(
      numbers.map((cells) => at(cells, 2)),
      odds,
    ),
  ).toBeLessThan(1e-6);
  expect(
    distance(
      numbers.map((cells) => at(cells, 3)),
      odds.map((value) => 1 / (1 + Math.exp(-value))),
    ),
  ).toBeLessThan(1e-6);
  const cut = { activation: 'cubic', scaling: 'bounded', alpha: 1, columnBoundBits: 0 };
  await stage.train({ ...request, ...cut, run: 'cubic', iterations: 2, keyBits: 512, guards: 'demonstration' });
  await predict(stage, 'cubic', 'ward-again');
  const bounded = Snapshots.parse(breast.runs['bounded|cubic8|alpha=1|T=25|lambda=0.01']).snapshots['2'] ?? [];
  const scores = breast.columns.map((name) => {
    const column = Float64Array.from(pick(name, isTraining));
    return pick(name, later).map((value) => scoreOf(column, value));
  });
  expect(scores.flat().some((score) => Math.abs(score) > 3)).toBe(true);
  const cutOdds = wanted.map((_, row) =>
    scores.reduce(
      (sum, column, index) => {
        const score = Math.min(3, Math.max(-3, at(column, row)));
        return sum + (at(bounded, index + 1) * score) / Math.sqrt(scores.length);
      },
      at(bounded, 0),
    ),
  );
  const [, ...boundedLines] = await predictionsOf(stage, 'y', 'ward-again');
  expect(
    distance(
      boundedLines.map((cells) => Number(cells[2])),
      cutOdds,
    ),
  ).toBeLessThan(1e-6);
  const metrics = Metrics.parse(JSON.parse(await stage.fileOf('y', 'ward', 'metrics.json')));
  expect(metrics).toMatchObject({ run: 'ward', trained: 'taylor', rows: wanted.length });
  await writeFile(join(stage.directory, 'y-new.csv'), `id,benign\n${wanted.map((id) => `${id},73`).join('\n')}\n`);
  const refused = await refusedPrediction(stage, 'taylor', 'classes');
  expect(refused).toMatch(/offer-y: labels: expected 0 or 1 in every row for a logistic model, got another value;/);
  expect(refused).not.toContain('73');
});

test('of many rows, parts travel as blobs; a label party that knows ids only names its rows by them', async () => {
  const rows = 20_000;
  await using stage = await openRegressionStage();
  const ids = Array.from({ length: rows }, (_, row) => row);
  const values = ids.map((id) => Math.sin(id));
  const start = async (party: 'x1' | 'x2') => {
    const column = columnOf(readTable('synthetic_grid_100.csv'), party);
    const named = (numbers: ArrayLike<number>): Map<string, ArrayLike<number>> =>
      new Map([
        ['id', ids.slice(0, numbers.length)],
        [party, numbers],
      ]);
    const source = await stage.writeTable(`${party}.csv`, named(column));
    return stage.startFeature(party, {
      source,
      newRows: await stage.writeTable(`${party}-new.csv`, named(values)),
      idColumn: 'id',
    });
  };
  const labels = new Map<string, ArrayLike<number>>([
    ['id', ids.slice(0, 100)],
    ['y', columnOf(readTable('synthetic_grid_100.csv'), 'y')],
  ]);
  await Promise.all([
    start('x1'),
    start('x2'),
    stage.startLabel('y', {
      source: await stage.writeTable('y.csv', labels),
      newRows: await stage.writeTable('y-new.csv', new Map([['id', ids.toReversed()]])),
      idColumn: 'id',
    }),
    stage.startAggregator(),
  ]);
  await stage.train({ ...SEED_REQUEST, run: 'trained', iterations: 1, predictionRows: 30_000 });
  await predict(stage, 'trained', 'many');
  const [title, ...lines] = await predictionsOf(stage, 'y', 'many');
  expect(title).toEqual(['row', 'prediction']);
  expect(lines.map(([id]) => Number(id))).toEqual(ids);
  const expected = await predictedBySeed(stage, 'trained', { x1: values, x2: values });
  expect(
    distance(
      lines.map(([, value]) => Number(value)),
      expected,
    ),
  ).toBeLessThan(1e-6);
  const outputs = (await stage.processes('many', 'success')).map(({ output }) => String(output[0]));
  expect(outputs.filter((text) => text.includes('sha256:'))).toHaveLength(2);
});
