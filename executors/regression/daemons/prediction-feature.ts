import * as z from 'zod';
import { maskedText } from '../additive/messages.ts';
import { partiesOf } from '../parameters.ts';
import { newRowsMessage, newRowsRound } from '../prediction/rounds.ts';
import { refusal } from '../refusal.ts';
import { scaleNewRows } from '../scaling.ts';
import { recordPrediction } from './audit-predictions.ts';
import { type CallTools, filesOf } from './desk.ts';
import { COEFFICIENTS_FILE } from './feature-results.ts';
import { jsonOf } from './model.ts';
import { type NewRowsContent, type NewRowsSource, readNewColumns } from './new-rows.ts';
import { countRows, predictedRows, requireBudget } from './prediction-budget.ts';
import {
  agreedOn,
  digestOfTexts,
  offer,
  openConfirmations,
  type PredictionMemory,
  type PredictionRun,
  recallPrediction,
  requireSameRows,
} from './prediction-run.ts';
import { signedOutput } from './signed-outputs.ts';
import type { PartyTable } from './table.ts';

/** Predictions for new rows as a feature party sees them. Each function may be called again and says the same. */

const Column = z.looseObject({ name: z.string(), theta: z.number(), mean: z.number(), deviation: z.number() });
const Coefficients = z.looseObject({ intercept: z.number().optional(), columns: z.array(Column).min(1) });
type Coefficients = z.output<typeof Coefficients>;

/** Where this party's new rows come from, and how they are identified. */
export interface NewColumns {
  readonly source: NewRowsSource;
  readonly table: PartyTable;
}

/** Says that this party takes part, unless it has predicted too many rows with this model. */
export function offerColumns(run: PredictionRun, from: NewColumns, { signal }: CallTools): Promise<string> {
  return offer(run, async () => {
    const content = await readNewRows(run, from, await ownCoefficients(run), signal);
    requireBudget(run.desk, run.model, run.request.prediction, content.rows ?? 0);
    return content;
  });
}

function readNewRows(
  { desk }: PredictionRun,
  { source, table }: NewColumns,
  { columns }: Coefficients,
  signal: AbortSignal,
): Promise<NewRowsContent> {
  const names = columns.map(({ name }) => name);
  return readNewColumns(desk.name, source, table, names, signal);
}

/** What this party learnt in the training. @throws TerminalError `BAD_STORE` */
async function ownCoefficients({ desk, model }: PredictionRun): Promise<Coefficients> {
  const result = Coefficients.safeParse(jsonOf(await filesOf(desk, model).read(COEFFICIENTS_FILE)));
  if (result.success) return result.data;
  throw refusal(
    'BAD_STORE',
    `${model.run}/${COEFFICIENTS_FILE}: expected the coefficients that the training left at ${desk.name}, got something else`,
  );
}

/**
 * This party's part of the predictions under its pads; the rows count from now on. Seeds are forgotten when it leaves: what is
 * said again are the same bytes.
 *
 * @param inputs confirmations of all parties: the label party, then the feature parties
 */
export async function predictNewRows(
  run: PredictionRun,
  from: NewColumns,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const memory = await recallPrediction(run);
  const given = digestOfTexts(inputs);
  if (memory.answer !== null && memory.answer.given !== given) {
    throw refusal(
      'REPLAYED',
      'prediction: expected the confirmations that this party has answered, got others; ask again',
    );
  }
  const known = memory.answer?.data;
  const numbers = known === undefined ? await answer(run, memory, from, inputs, tools) : Buffer.from(known, 'base64');
  const message = newRowsMessage(run.parameters, run.desk.name, numbers);
  return signedOutput(run.desk, await maskedText(message, tools.blobs, tools.signal));
}

/** Masks this party's part, counts its rows, and forgets what its pads come from; on the disk when it resolves. */
async function answer(
  run: PredictionRun,
  memory: PredictionMemory,
  from: NewColumns,
  inputs: readonly string[],
  tools: CallTools,
): Promise<Uint8Array> {
  const numbers = await maskNewRows(run, memory, from, inputs, tools);
  const { rows } = agreedOn(memory);
  countRows(run.desk, run.model, run.request.prediction, rows);
  await recordPrediction(run, rows, memory.rowsDigest, predictedRows(run.desk, run.model));
  const data = Buffer.from(numbers).toString('base64');
  await run.store.commit({ ...memory, half: null, seeds: {}, answer: { given: digestOfTexts(inputs), data } });
  tools.log.info({ run: run.request.prediction, model: run.model.run, rows }, 'predicted new rows');
  return numbers;
}

async function maskNewRows(
  run: PredictionRun,
  memory: PredictionMemory,
  from: NewColumns,
  inputs: readonly string[],
  { signal }: CallTools,
): Promise<Uint8Array> {
  const { desk, model, parameters } = run;
  const { seeds } = agreedOn(memory);
  const confirmations = openConfirmations(run, partiesOf(parameters), inputs);
  const coefficients = await ownCoefficients(run);
  const content = await readNewRows(run, from, coefficients, signal);
  requireSameRows(memory, content);
  const { intercept, columns } = coefficients;
  const prepared = scaleNewRows(model.training.parameters, columns, content.columns, intercept !== undefined);
  const own = columns.map(({ theta }) => theta);
  const theta = intercept === undefined ? own : [intercept, ...own];
  return newRowsRound({ parameters, name: desk.name }, seeds, theta, prepared, confirmations);
}
