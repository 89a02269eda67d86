import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import { at, columnOf, distance, readTable, readVectors } from '../../support/regression.ts';
import { cubicSigmoid } from '../../../executors/regression/rounds/cubic.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import { SEED_REQUEST, startSeed } from '../../support/regression-seed.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

const Snapshots = z.record(z.string(), z.array(z.number()));
const Run = z.object({ snapshots: Snapshots });
const Breast = z.object({ columns: z.array(z.string()), runs: z.record(z.string(), Run.or(z.unknown())) });
const Vertical = z.object({ snapshots: Snapshots });
const Coefficients = z.object({
  intercept: z.number().optional(),
  columns: z.array(z.object({ name: z.string(), theta: z.number(), mean: z.number(), deviation: z.number() })),
});
const Metrics = z.object({ rows: z.number(), accuracy: z.number(), areaUnderCurve: z.number(), logLoss: z.number() });

const REQUEST = { label: 'y', model: 'logistic', intercept: 'column', keyBits: 512, guards: 'demonstration' };
const CLINICS = ['clinic_a', 'clinic_b', 'clinic_c'];
const VERTICAL = join(import.meta.dirname, '../../../workflows/vertical-regression/data/vertical_breast');

test('Taylor form and bounded cubic form follow their oracles', async () => {
  const breast = Breast.parse(readVectors('logistic_breast.json'));
  const table = readTable('breast_cancer.csv');
  const isTraining = columnOf(table, 'id').map((id) => (id % 5 === 0 ? 0 : 1));
  const train = (name: string): Float64Array => columnOf(table, name).filter((_, row) => isTraining[row] === 1);
  await using stage = await openRegressionStage();
  const start = async (party: string, names: readonly string[]) =>
    stage.startFeature(party, {
      source: await stage.writeTable(`${party}.csv`, new Map(names.map((name) => [name, train(name)]))),
    });
  await Promise.all([
    start('x1', breast.columns.slice(0, 12)),
    start('x2', breast.columns.slice(12)),
    stage.startLabel('y', { source: await stage.writeTable('y.csv', new Map([['benign', train('benign')]])) }),
    stage.startAggregator(),
  ]);
  const request = { ...REQUEST, features: ['x1', 'x2'], lambda: 0.01, iterations: 2, blockIterations: 1 };
  await stage.train({ ...request, run: 'taylor', alpha: 0.1 });
  await stage.train({
    ...request,
    run: 'cubic',
    activation: 'cubic',
    scaling: 'bounded',
    alpha: 1,
    columnBoundBits: 0,
  });
  for (const [run, key] of [
    ['taylor', 'taylor1|alpha=0.1|T=100|lambda=0.01'],
    ['cubic', 'bounded|cubic8|alpha=1|T=25|lambda=0.01'],
  ] as const) {
    const { snapshots } = Run.parse(breast.runs[key]);
    const [left, right] = [await stage.thetasOf('x1', run), await stage.thetasOf('x2', run)];
    for (const after of [1, 2]) {
      const theta = [...at(left, after - 1), ...at(right, after - 1)];
      expect(distance(theta, snapshots[String(after)] ?? []), run).toBeLessThan(1e-6);
    }
  }
});

test('the bounded cubic form takes the labels of each mini-batch', async () => {
  const grid = readTable('synthetic_grid_100.csv');
  const blocks = ['x1', 'x2'].map((name) => [...columnOf(grid, name)]);
  const classes = [...columnOf(grid, 'y')].map((value) => (value > 0 ? 1 : 0));
  await using stage = await openRegressionStage();
  await startSeed(stage, classes);
  const request = { model: 'logistic', activation: 'cubic', alpha: 0.01, columnBoundBits: 4, batchRows: 50 } as const;
  await stage.train({ ...SEED_REQUEST, ...request, run: 'batches', iterations: 3, blockIterations: 2 });
  const steps = await Promise.all(['x1', 'x2'].map((name) => stage.thetasOf(name, 'batches')));
  let theta = [0, 0];
  for (const [step, from] of [0, 50, 0].entries()) {
    const residuals = Array.from({ length: 50 }, (_, place) => {
      const score = theta.reduce((sum, value, index) => sum + value * at(at(blocks, index), from + place), 0);
      return cubicSigmoid(score) - at(classes, from + place);
    });
    theta = theta.map((value, index) => {
      const gradient = residuals.reduce(
        (sum, residual, place) => sum + residual * at(at(blocks, index), from + place),
        0,
      );
      return value - (0.01 * gradient) / 50;
    });
    const found = steps.flatMap((party) => at(party, step));
    expect(distance(found, theta), String(step)).toBeLessThan(1e-6);
  }
});

test('rows meet by the ids that all parties have, and rows held out judge the model', async () => {
  await using stage = await openRegressionStage();
  const idsFile = join(stage.directory, 'common.txt');
  await writeFile(idsFile, `${commonIds().join('\r\n')}\r\n`);
  const data = (name: string) => ({ source: join(VERTICAL, `${name}.csv`), idColumn: 'patient_id', idsFile });
  await Promise.all([
    ...CLINICS.map((name) => stage.startFeature(name, data(name))),
    stage.startLabel('y', data('label')),
    stage.startAggregator(),
  ]);
  const request = { ...REQUEST, features: CLINICS, alpha: 0.1, iterations: 2, blockIterations: 1 };
  await stage.train({ ...request, run: 'all' });
  const { snapshots } = Vertical.parse(readVectors('vertical_breast.json'));
  const parts = await Promise.all(CLINICS.map((name) => stage.thetasOf(name, 'all')));
  for (const after of [1, 2]) {
    expect(
      distance(
        parts.flatMap((part) => at(part, after - 1)),
        snapshots[String(after)] ?? [],
      ),
    ).toBeLessThan(1e-6);
  }

  await stage.train({ ...request, run: 'judged', holdoutEvery: 4 });
  const metrics = Metrics.parse(JSON.parse(await stage.fileOf('y', 'judged', 'metrics.json')));
  const expected = await judge(stage, 'judged', 4);
  expect(metrics.rows).toBe(102);
  expect(metrics.accuracy).toBeCloseTo(expected.accuracy, 9);
  expect(metrics.areaUnderCurve).toBeCloseTo(expected.areaUnderCurve, 9);
  expect(metrics.logLoss).toBeCloseTo(expected.logLoss, 6);

  const [title, ...lines] = (await stage.fileOf('y', 'judged', 'predictions.csv')).trimEnd().split('\n');
  expect(title).toBe('row,label,log_odds,probability');
  expect(lines.map((line) => line.split(',')[0])).toEqual(expected.ids);
  const predictions = lines.map((line) => Number(line.split(',')[2]));
  expect(distance(predictions, expected.scores)).toBeLessThan(1e-6);
  const probabilities = lines.map((line) => Number(line.split(',')[3]));
  expect(probabilities).toEqual(predictions.map((score) => 1 / (1 + Math.exp(-score))));
});

function rowsOf(name: string): Map<string, Record<string, string>> {
  const [header = '', ...lines] = readFileSync(join(VERTICAL, `${name}.csv`), 'utf8')
    .trimEnd()
    .split('\n');
  const names = header.split(',');
  return new Map(
    lines.map((line) => {
      const cells = line.split(',');
      return [cells[0] ?? '', Object.fromEntries(names.map((column, index) => [column, cells[index] ?? '']))];
    }),
  );
}

function commonIds(): string[] {
  const [label, ...others] = ['label', ...CLINICS].map((name) => rowsOf(name));
  return [...(label?.keys() ?? [])].filter((id) => others.every((rows) => rows.has(id)));
}

/** The metrics that all parties' coefficients together give, in the clear. */
async function judge(stage: RegressionStage, run: string, holdoutEvery: number) {
  const ids = commonIds()
    .toSorted()
    .filter((_, row) => row % holdoutEvery === 0);
  const labels = rowsOf('label');
  const scores = ids.map(() => 0);
  for (const clinic of CLINICS) {
    const { intercept = 0, columns } = Coefficients.parse(
      JSON.parse(await stage.fileOf(clinic, run, 'coefficients.json')),
    );
    const rows = rowsOf(clinic);
    for (const [index, id] of ids.entries()) {
      const own = columns.map(
        ({ name, theta, mean: middle, deviation }) => (theta * (Number(rows.get(id)?.[name]) - middle)) / deviation,
      );
      scores[index] = at(scores, index) + intercept + own.reduce((sum, value) => sum + value, 0);
    }
  }
  const truth = ids.map((id) => Number(labels.get(id)?.['benign']));
  const pairs = truth.flatMap((positive, left) =>
    truth.flatMap((negative, right) =>
      positive === 1 && negative === 0 ? [at(scores, left) > at(scores, right) ? 1 : 0] : [],
    ),
  );
  return {
    ids,
    scores,
    accuracy: mean(truth.map((label, row) => (label === (at(scores, row) >= 0 ? 1 : 0) ? 1 : 0))),
    areaUnderCurve: mean(pairs),
    logLoss: mean(truth.map((label, row) => Math.log1p(Math.exp(label === 1 ? -at(scores, row) : at(scores, row))))),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
