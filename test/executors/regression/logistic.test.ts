import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { cubicSigmoid } from '../../../executors/regression/rounds/cubic.ts';
import { testKeyPair } from '../../support/keys.ts';
import {
  at,
  columnOf,
  distance,
  iterate,
  lossAt,
  predictionsFor,
  readTable,
  readVectors,
  startRun,
  thetaOf,
} from '../../support/regression.ts';

const Snapshots = z.record(z.string(), z.array(z.number()));
const Run = z.object({ snapshots: Snapshots });
const Breast = z.object({ columns: z.array(z.string()), runs: z.record(z.string(), Run.or(z.unknown())) });
const Vertical = z.object({
  columns: z.array(z.string()),
  sha256_of_newline_joined_ids: z.string(),
  snapshots: Snapshots,
  'linear_alpha0.05': Snapshots,
});

const breast = Breast.parse(readVectors('logistic_breast.json'));
const table = readTable('breast_cancer.csv');
const training = columnOf(table, 'id').map((id) => (id % 5 === 0 ? 0 : 1));
const keys = await testKeyPair(512);

function split(column: Float64Array, wanted: 0 | 1): Float64Array {
  return column.filter((_, row) => training[row] === wanted);
}

/** The thirty columns divided among three parties. */
function blocksOf(wanted: 0 | 1): Float64Array[][] {
  const columns = breast.columns.map((name) => split(columnOf(table, name), wanted));
  return [columns.slice(0, 8), columns.slice(8, 21), columns.slice(21)];
}

test.each(['single-key', 'threshold'] as const)('the Taylor form follows the oracle in mode %s', async (mode) => {
  const { snapshots } = Run.parse(breast.runs['taylor1|alpha=0.1|T=100|lambda=0.01']);
  const parties = await startRun({
    parameters: { model: 'logistic', intercept: 'column', alpha: 0.1, lambda: 0.01, iterations: 5, mode },
    keys,
    blocks: blocksOf(1),
    labels: split(columnOf(table, 'benign'), 1),
  });
  const thetas: number[][] = [];
  for (let iteration = 0; iteration < 5; iteration += 1) {
    await iterate(parties, iteration);
    thetas.push(thetaOf(parties));
  }
  for (const after of [1, 2, 5]) {
    expect(distance(at(thetas, after - 1), snapshots[String(after)] ?? [])).toBeLessThan(1e-9);
  }
  const logOdds = await predictionsFor(parties, 0, blocksOf(0));
  const labels = split(columnOf(table, 'benign'), 0);
  const right = logOdds.filter((value, row) => value >= 0 === (labels[row] === 1)).length;
  expect(right / labels.length).toBeGreaterThan(0.9);
});

test('the loss of the Taylor form is its log-loss', async () => {
  const labels = split(columnOf(table, 'benign'), 1);
  const parties = await startRun({
    parameters: { model: 'logistic', intercept: 'column', alpha: 0.1, iterations: 2 },
    keys,
    blocks: blocksOf(1),
    labels,
  });
  await iterate(parties, 0);
  expect(await lossAt(parties, 0)).toBeCloseTo(Math.log(2), 9);
  const theta = thetaOf(parties);
  await iterate(parties, 1);
  const columns = parties.prepared.flatMap((block) => block.columns);
  const losses = Array.from(labels, (label, row) => {
    const u = columns.reduce((sum, column, index) => sum + at(theta, index) * (column[row] ?? 0), 0);
    return Math.log(2) - ((2 * label - 1) * u) / 2 + u ** 2 / 8;
  });
  const expected = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  expect(await lossAt(parties, 1)).toBeCloseTo(expected, 8);
});

test('the cubic form with bounded scores follows the oracle', async () => {
  const { snapshots } = Run.parse(breast.runs['bounded|cubic8|alpha=1|T=25|lambda=0.01']);
  const parties = await startRun({
    parameters: {
      model: 'logistic',
      activation: 'cubic',
      intercept: 'column',
      scaling: 'bounded',
      columnBoundBits: 1,
      alpha: 1,
      lambda: 0.01,
      iterations: 2,
    },
    keys,
    blocks: blocksOf(1),
    labels: split(columnOf(table, 'benign'), 1),
  });
  for (let iteration = 0; iteration < 2; iteration += 1) {
    await iterate(parties, iteration);
    expect(distance(thetaOf(parties), snapshots[String(iteration + 1)] ?? [])).toBeLessThan(1e-9);
  }
});

test('the cubic form stays close to the logistic function where it is meant to be used', () => {
  const points = Array.from({ length: 161 }, (_, index) => index / 10 - 8);
  const errors = points.map((u) => Math.abs(cubicSigmoid(u) - 1 / (1 + Math.exp(-u))));
  expect(Math.max(...errors)).toBeLessThan(0.13);
});

/** A file of the vertical split: its rows by id. */
function readById(name: string): Map<string, Map<string, number>> {
  const folder = join(import.meta.dirname, '..', '..', '..', 'workflows', 'vertical-regression', 'data');
  const [header = '', ...lines] = readFileSync(join(folder, 'vertical_breast', `${name}.csv`), 'utf8')
    .trimEnd()
    .split('\n');
  const names = header.split(',');
  return new Map(
    lines.map((line) => {
      const [id = '', ...cells] = line.split(',');
      return [id, new Map(cells.map((cell, index) => [names[index + 1] ?? '', Number(cell)]))];
    }),
  );
}

test.each([
  ['logistic', 0.1, 'snapshots'],
  ['linear', 0.05, 'linear_alpha0.05'],
] as const)(
  'three clinics and a registry train a %s model on the patients that all know',
  async (model, alpha, name) => {
    const oracle = Vertical.parse(readVectors('vertical_breast.json'));
    const files = ['label', 'clinic_a', 'clinic_b', 'clinic_c'].map(readById);
    const ids = [...at(files, 0).keys()].filter((id) => files.every((file) => file.has(id))).toSorted();
    expect(createHash('sha256').update(ids.join('\n')).digest('hex')).toBe(oracle.sha256_of_newline_joined_ids);
    const columnsOf = (file: Map<string, Map<string, number>>): Float64Array[] => {
      const names = [...(file.get(at(ids, 0))?.keys() ?? [])];
      return names.map((column) => Float64Array.from(ids, (id) => file.get(id)?.get(column) ?? Number.NaN));
    };
    const parties = await startRun({
      parameters: { model, intercept: 'column', alpha, iterations: 2 },
      keys,
      blocks: files.slice(1).map(columnsOf),
      labels: at(columnsOf(at(files, 0)), 0),
    });
    for (let iteration = 0; iteration < 2; iteration += 1) {
      await iterate(parties, iteration);
      expect(distance(thetaOf(parties), oracle[name][String(iteration + 1)] ?? [])).toBeLessThan(1e-9);
    }
  },
);
