import { letOthersWork } from '../../colony/event-loop.ts';
import { DataError } from '../../data/errors.ts';
import { totalColumns } from './parameters.ts';
import type { RunParameters } from './parameters.ts';

/** What parties do to their own columns before a run, and undo after it. */

/** How one column was scaled: x ↦ (x − mean) / deviation, then cut and divided where scores are bounded. */
export interface ColumnScale {
  readonly mean: number;
  /** Population standard deviation. */
  readonly deviation: number;
}

/** Scores are cut to ± this where they are bounded. */
const CUT = 3;

/** A feature party's columns, ready for the rounds. */
export interface PreparedColumns {
  /** A column of ones first where this party owns the intercept. */
  readonly columns: readonly Float64Array[];
  /** Whether ridge shrinks a column's coefficient. */
  readonly penalised: readonly boolean[];
  readonly scales: readonly ColumnScale[];
}

/**
 * Scales a party's own columns as the run's parameters say, and adds the intercept's column of ones where it is this
 * party's. Between columns others get the event loop.
 *
 * @param party the first feature party owns the intercept
 * @param columns raw numbers, one for each aligned row
 */
export async function prepareColumns(
  parameters: RunParameters,
  party: string,
  columns: readonly Float64Array[],
): Promise<PreparedColumns> {
  const scales: ColumnScale[] = [];
  const scaled: Float64Array[] = [];
  for (const column of columns) {
    const scale = scaleOf(parameters, column);
    await letOthersWork();
    scales.push(scale);
    scaled.push(scaleColumn(parameters, scale, column));
    await letOthersWork();
  }
  const ownsIntercept = parameters.intercept === 'column' && parameters.features[0]?.name === party;
  if (!ownsIntercept) return { columns: scaled, penalised: scaled.map(() => true), scales };
  const ones = new Float64Array(columns[0]?.length ?? 0).fill(1);
  return { columns: [ones, ...scaled], penalised: [false, ...scaled.map(() => true)], scales };
}

/**
 * Prepares a party's columns of new rows with the scales of its training rows.
 *
 * @param prepared what {@link prepareColumns} made of the training rows
 */
export function prepareNewRows(
  parameters: RunParameters,
  prepared: PreparedColumns,
  columns: readonly Float64Array[],
): readonly Float64Array[] {
  const hasOnes = prepared.columns.length > prepared.scales.length;
  return scaleNewRows(parameters, prepared.scales, columns, hasOnes);
}

/**
 * The same when only the scales are known.
 *
 * @param hasOnes whether a column of ones comes first
 */
export function scaleNewRows(
  parameters: RunParameters,
  scales: readonly ColumnScale[],
  columns: readonly Float64Array[],
  hasOnes: boolean,
): readonly Float64Array[] {
  const scaled = columns.map((column, index) => scaleColumn(parameters, scales[index] ?? UNSCALED, column));
  return hasOnes ? [new Float64Array(columns[0]?.length ?? 0).fill(1), ...scaled] : scaled;
}

function scaleOf({ scaling }: RunParameters, column: Float64Array): ColumnScale {
  if (scaling === 'none') return UNSCALED;
  const mean = meanOf(column);
  let squares = 0;
  for (const value of column) squares += (value - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / column.length) };
}

const UNSCALED: ColumnScale = { mean: 0, deviation: 1 };

function scaleColumn(parameters: RunParameters, { mean, deviation }: ColumnScale, column: Float64Array): Float64Array {
  if (parameters.scaling === 'none') return Float64Array.from(column);
  const scores = column.map((value) => (value - mean) / deviation);
  if (parameters.scaling === 'standard') return scores;
  const divisor = Math.sqrt(totalColumns(parameters));
  return scores.map((score) => Math.min(CUT, Math.max(-CUT, score)) / divisor);
}

/** The mean of a column, by two passes: the second takes out what rounding left. */
function meanOf(column: Float64Array): number {
  let sum = 0;
  for (const value of column) sum += value;
  const rough = sum / column.length;
  let rest = 0;
  for (const value of column) rest += value - rough;
  return rough + rest / column.length;
}

/** The label party's labels, ready for the rounds. */
export interface PreparedLabels {
  /** E0 in plain: mean − y for a linear model, 1/2 − y for a logistic one. */
  readonly base: Float64Array;
  /** What predictions are moved by: the mean of centred labels, else 0. */
  readonly mean: number;
}

/**
 * Centres the labels where the intercept is `centred`, and turns them into E0.
 *
 * @param labels one for each aligned row; 0 or 1 for a logistic model
 * @throws DataError `BAD_LABELS` for another label of a logistic model
 */
export function prepareLabels(parameters: RunParameters, labels: Float64Array): PreparedLabels {
  requireClasses(parameters, labels);
  if (parameters.model === 'logistic') return { base: labels.map((label) => 0.5 - label), mean: 0 };
  const mean = parameters.intercept === 'centred' ? meanOf(labels) : 0;
  return { base: labels.map((label) => mean - label), mean };
}

/**
 * Checks the labels of a logistic model, of training, held-out and new rows alike; a linear model takes any number.
 *
 * @param labels in the order that all parties share
 * @throws DataError `BAD_LABELS`, whose note for the operator names the position of the first that is neither 0 nor 1
 */
export function requireClasses({ model }: Pick<RunParameters, 'model'>, labels: Float64Array): void {
  if (model !== 'logistic') return;
  const place = labels.findIndex((label) => label !== 0 && label !== 1);
  if (place === -1) return;
  throw new DataError(
    'BAD_LABELS',
    'labels: expected 0 or 1 in every row for a logistic model, got another value; write the two classes as 0 and 1, or ' +
      'choose model "linear"; the log of this daemon tells its operator the row',
    `labels: row ${place + 1} of ${labels.length} (in the order of the ids, or of the source without ids) is neither 0 nor 1`,
  );
}

/**
 * Coefficients in the columns' own units: those of z-scores divided by the deviations. Bounded scores are cut and have no
 * such coefficients.
 *
 * @param theta without an intercept
 * @returns undefined for bounded scores
 */
export function coefficientsInUnits(
  parameters: RunParameters,
  scales: readonly ColumnScale[],
  theta: readonly number[],
): number[] | undefined {
  if (parameters.scaling === 'bounded') return undefined;
  return theta.map((value, index) => value / (scales[index]?.deviation ?? 1));
}
