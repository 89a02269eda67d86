import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Context } from '../framework/context.ts';
import { PACKAGE } from './heart.ts';
import type { Stage } from './stage.ts';

const FOLDER = join(PACKAGE, 'workflows', 'vertical-regression');
/** What the data was made with, before noise. */
const TRUTH = { x1: 31, x2: -5.5 } as const;
const TOLERANCE = 1;

const Party = z.looseObject({
  party: z.string(),
  coefficients: z.looseObject({ columns: z.array(z.looseObject({ name: z.string(), theta: z.number() })) }).optional(),
  losses: z.array(z.number()),
});
const Results = z.looseObject({ parties: z.array(Party) });

const Predicted = z.looseObject({
  parties: z.array(z.looseObject({ predictions: z.looseObject({ rows: z.array(z.array(z.string())) }).optional() })),
});
/** What a prediction of the data's own law may be off by: coefficients have the noise of 100 rows. */
const PREDICTION_TOLERANCE = 5;

/** Three parties train y = 31·x1 − 5.5·x2; each holds one column, and none shows it. */
export async function showRegression(
  stage: Stage,
  bits: number,
  say: (message: string) => void,
  context: Context,
): Promise<unknown> {
  say('starting the embedded server, the parties x1, x2 and y, and the aggregator, each as a process of its own');
  await stage.startServer();
  const source = (party: string): string => join(FOLDER, 'parties', `${party}.csv`);
  const newRows = (party: string): string => join(FOLDER, 'new-rows', `${party}.csv`);
  await stage.startExecutors([
    { executorType: 'x1', words: ['regression-feature', 'x1', '--source', source('x1'), '--new-rows', newRows('x1')] },
    { executorType: 'x2', words: ['regression-feature', 'x2', '--source', source('x2'), '--new-rows', newRows('x2')] },
    { executorType: 'y', words: ['regression-label', 'y', '--source', source('y')] },
    { executorType: 'regression-aggregator', words: ['regression-aggregator'] },
  ]);
  say(`training on 100 rows under a key of ${bits} bits: workflows/vertical-regression/seed.json`);
  const request = await stage.writeJson('seed.json', join(FOLDER, 'seed.json'), { keyBits: bits });
  await stage.run(['regression', 'submit', '--spec', request, '--wait']);
  const { parties } = Results.parse(JSON.parse(await stage.run(['regression', 'report', 'seed', '--json'])));
  const rows = parties.flatMap(({ party, coefficients }) =>
    (coefficients?.columns ?? []).map(({ name, theta }) => ({ party, name, theta })),
  );
  for (const { name, theta } of rows) requireNear(name, theta);
  if (!context.flags.json) context.io.stdout.write(`${await stage.run(['regression', 'report', 'seed'])}\n`);
  say('the coefficients are those that the data was made with, up to its noise');
  const predictions = await predictNewRows(stage, say, context);
  if (!context.flags.json) showWhoLearnedWhat(context);
  return { parties, predictions };
}

/** What became of rows that came later; compared with what the data was made with. */
async function predictNewRows(stage: Stage, say: (message: string) => void, context: Context): Promise<string[][]> {
  say('predicting five new rows jointly: workflows/vertical-regression/new-rows');
  await stage.run(['regression', 'predict', '--run', 'seed', '--name', 'later', '--wait']);
  const { parties } = Predicted.parse(JSON.parse(await stage.run(['regression', 'report', 'later', '--json'])));
  const rows = parties.flatMap(({ predictions }) => predictions?.rows ?? []);
  const [x1, x2] = [await columnOf('x1'), await columnOf('x2')];
  const truths = x1.map((value, row) => TRUTH.x1 * value + TRUTH.x2 * (x2[row] ?? Number.NaN));
  const isNear = (row: number): boolean => Math.abs(Number(rows[row]?.[1]) - (truths[row] ?? 0)) < PREDICTION_TOLERANCE;
  if (rows.length !== truths.length || !rows.every((_, row) => isNear(row))) {
    throw new Error(`demo: expected ${truths.length} predictions near those of the data's law, got others`);
  }
  if (!context.flags.json) {
    const shown = rows.map(([row = '', prediction], index) => [
      row,
      Number(prediction).toFixed(2),
      String(truths[index]),
    ]);
    const columns = [{ title: 'new row' }, { title: 'prediction, which y alone learns' }, { title: '31·x1 − 5.5·x2' }];
    context.print({ json: shown, show: (terminal) => terminal.table(columns, shown) });
  }
  return rows;
}

async function columnOf(party: string): Promise<number[]> {
  const text = await readFile(join(FOLDER, 'new-rows', `${party}.csv`), 'utf8');
  return text.trimEnd().split('\n').slice(1).map(Number);
}

function requireNear(name: string, theta: number): void {
  const truth = name === 'x1' || name === 'x2' ? TRUTH[name] : Number.NaN;
  if (Math.abs(theta - truth) < TOLERANCE) return;
  throw new Error(`demo: expected a coefficient of ${name} near ${truth}, got another one`);
}

function showWhoLearnedWhat(context: Context): void {
  const rows = [
    ['x1 and x2', 'their own coefficient', "the other's column, the labels, any residual"],
    ['y', 'the loss of every iteration, and predictions of new rows', 'any feature, any coefficient'],
    ['aggregator and server', 'who took part, when, ciphertexts', 'any number, any key'],
  ];
  context.print({
    json: rows,
    show: (terminal) => terminal.table([{ title: 'party' }, { title: 'learned' }, { title: 'never saw' }], rows),
  });
}
