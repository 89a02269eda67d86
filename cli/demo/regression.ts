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
  await stage.startExecutors([
    { executorType: 'x1', words: ['regression-feature', 'x1', '--source', source('x1')] },
    { executorType: 'x2', words: ['regression-feature', 'x2', '--source', source('x2')] },
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
  if (!context.flags.json) {
    context.io.stdout.write(`${await stage.run(['regression', 'report', 'seed'])}\n`);
    showWhoLearnedWhat(context);
  }
  say('the coefficients are those that the data was made with, up to its noise');
  return { parties };
}

function requireNear(name: string, theta: number): void {
  const truth = name === 'x1' || name === 'x2' ? TRUTH[name] : Number.NaN;
  if (Math.abs(theta - truth) < TOLERANCE) return;
  throw new Error(`demo: expected a coefficient of ${name} near ${truth}, got another one`);
}

function showWhoLearnedWhat(context: Context): void {
  const rows = [
    ['x1 and x2', 'their own coefficient', "the other's column, the labels, any residual"],
    ['y', 'the loss of every iteration', 'any feature, any coefficient, any prediction'],
    ['aggregator and server', 'who took part, when, ciphertexts', 'any number, any key'],
  ];
  context.print({
    json: rows,
    show: (terminal) => terminal.table([{ title: 'party' }, { title: 'learned' }, { title: 'never saw' }], rows),
  });
}
