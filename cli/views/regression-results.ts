import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { developmentDirectory } from '../../colony/development-colony.ts';
import { UserError } from '../../colony/errors.ts';
import { parseJson } from '../../colony/json-text.ts';
import { Model, MODEL_FILE } from '../../executors/regression/daemons/model.ts';
import type { Training } from '../../executors/regression/training.ts';
import { type Predictions, readPredictions } from './regression-predictions.ts';

const Coefficients = z.looseObject({
  intercept: z.number().optional(),
  columns: z.array(z.looseObject({ name: z.string(), theta: z.number(), perUnit: z.number().optional() })),
});
const Metrics = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));

/** What one party has got from a run. */
export interface PartyResults {
  readonly party: string;
  readonly directory: string;
  /** Whether it is a training that has ended; undefined of predictions, too. */
  readonly hasEnded: true | undefined;
  readonly coefficients: z.output<typeof Coefficients> | undefined;
  /** Before each iteration; only the party with the labels has them. */
  readonly losses: readonly number[];
  /** The iterations that the losses belong to: where a run was resumed, one may be missing. */
  readonly lossIterations: readonly number[];
  readonly metrics: z.output<typeof Metrics> | undefined;
  /** For rows held out, or of a prediction for new rows; only the party with the labels has them. */
  readonly predictions: Predictions | undefined;
}

/**
 * Reads what the parties of this machine have got.
 *
 * @throws UserError when none has the run
 */
export async function findResults(
  run: string,
  party: string | undefined,
  directory: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<PartyResults[]> {
  if (!/^[\w.-]{1,64}$/u.test(run))
    throw new UserError(`run: expected the name of a run, got ${run.length} other characters`);
  const root = join(developmentDirectory(env), 'regression');
  const parties = directory === undefined ? (party === undefined ? await namesIn(root) : [party]) : [directory];
  const results: PartyResults[] = [];
  for (const name of parties) {
    const home = directory ?? join(root, name);
    if ((await namesIn(home)).includes(run)) results.push(await readResults(basename(home), join(home, run)));
  }
  if (results.length > 0) return results;
  throw new UserError(
    `run ${run}: expected a party of this machine that took part, got none below ${directory ?? root}; give --directory where its daemon was started with it`,
  );
}

async function readResults(party: string, directory: string): Promise<PartyResults> {
  const coefficients = await readOptional(join(directory, 'coefficients.json'), Coefficients);
  const metrics = await readOptional(join(directory, 'metrics.json'), Metrics);
  const curve = await readFile(join(directory, 'loss.csv'), 'utf8').catch(() => '');
  const lines = curve.trimEnd().split('\n').slice(1);
  const [lossIterations, losses] = [0, 1].map((field) => lines.map((line) => Number(line.split(',')[field])));
  const predictions = await readPredictions(directory);
  const hasEnded = (await namesIn(directory)).includes(MODEL_FILE) || undefined;
  const curves = { losses: losses ?? [], lossIterations: lossIterations ?? [] };
  return { party, directory, hasEnded, coefficients, ...curves, metrics, predictions };
}

/** What was trained under a name, as a party of this machine keeps it; undefined where none does. @throws UserError */
export async function findModel(
  run: string,
  directory: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Training | undefined> {
  const results = await findResults(run, undefined, directory, env).catch(() => []);
  for (const { directory: home } of results) {
    const model = await readOptional(join(home, MODEL_FILE), Model);
    if (model !== undefined) return model.training;
  }
  return undefined;
}

async function readOptional<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const result = schema.safeParse(parseJson(text, path));
  if (result.success) return result.data;
  throw new UserError(`${path}: expected what a daemon writes there, got something else`);
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
