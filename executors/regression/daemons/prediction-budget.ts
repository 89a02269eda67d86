import * as z from 'zod';
import { readPrivateFile } from '../../../colony/private-files.ts';
import { refusal } from '../refusal.ts';
import { type Desk, filesOf } from './desk.ts';
import { jsonOf, type Model } from './model.ts';

/**
 * How many rows a feature party has predicted with a model: from many predictions the label party can tell features (Luo et
 * al., arXiv 2010.10152), so there is a most in all. Counted before a prediction leaves, whether or not it arrives.
 */

const BUDGET_FILE = 'predictions.json';

const Ledger = z.strictObject({
  v: z.literal(1),
  /** Rows of each prediction, by its name. */
  rows: z.record(z.string(), z.int().min(1)),
});
type Ledger = z.output<typeof Ledger>;

/** Rows that this party has predicted with a model, those held out in its training included. @throws TerminalError `BAD_STORE` */
export function predictedRows(desk: Desk, model: Model): number {
  return totalOf(model, readLedger(desk, model));
}

function totalOf({ heldOutRows }: Model, { rows }: Ledger): number {
  return Object.values(rows).reduce((sum, count) => sum + count, heldOutRows);
}

/** @throws TerminalError `PREDICTION_BUDGET` where so many more rows would be too many, `BAD_STORE` */
export function requireBudget(desk: Desk, model: Model, prediction: string, rows: number): void {
  const ledger = readLedger(desk, model);
  if (ledger.rows[prediction] === rows) return;
  const most = model.training.parameters.predictionRows;
  const known = totalOf(model, ledger);
  if (known + rows <= most) return;
  throw refusal(
    'PREDICTION_BUDGET',
    `prediction: expected at most ${most} rows in all ("predictionRows" of the training), got ${rows} after ${known} that ${desk.name} has predicted; ask for fewer, or train a new model`,
  );
}

/**
 * Counts the rows of a prediction, once, on the disk when it returns.
 *
 * @throws TerminalError as {@link requireBudget}
 */
export function countRows(desk: Desk, model: Model, prediction: string, rows: number): void {
  requireBudget(desk, model, prediction, rows);
  const ledger = readLedger(desk, model);
  const next: Ledger = { v: 1, rows: { ...ledger.rows, [prediction]: rows } };
  filesOf(desk, model).publish(BUDGET_FILE, `${JSON.stringify(next, null, 2)}\n`);
}

function readLedger(desk: Desk, model: Model): Ledger {
  const text = readPrivateFile(filesOf(desk, model).pathOf(BUDGET_FILE));
  if (text === undefined) return { v: 1, rows: {} };
  const result = Ledger.safeParse(jsonOf(text));
  if (result.success) return result.data;
  throw refusal('BAD_STORE', `${model.run}/${BUDGET_FILE}: expected how many rows were predicted, got something else`);
}
