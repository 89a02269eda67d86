import type { RunParameters } from '../parameters.ts';

/** The file of predictions, for rows held out and for new rows alike. */
export const PREDICTIONS_FILE = 'predictions.csv';

/** Joint predictions of rows, as the party with the labels writes them down. */
export interface PredictedRows {
  /** Their ids, or what else they are called, in the order of `scores`; where one is missing, its position stands there. */
  readonly names: readonly string[];
  /** Undefined where they are not known. */
  readonly labels: ArrayLike<number> | undefined;
  /** Predictions of a linear model, log-odds of a logistic one. */
  readonly scores: Float64Array;
}

/** `row[,label],prediction` lines, or `row[,label],log_odds,probability` of a logistic model (RFC 4180, LF). */
export function predictionsCsv(model: RunParameters['model'], { names, labels, scores }: PredictedRows): string {
  const isLogistic = model === 'logistic';
  const title = [
    'row',
    ...(labels === undefined ? [] : ['label']),
    ...(isLogistic ? ['log_odds', 'probability'] : ['prediction']),
  ];
  const lines = Array.from(scores, (score, row) => [
    csvField(names[row] ?? String(row)),
    ...(labels === undefined ? [] : [labels[row]]),
    score,
    ...(isLogistic ? [1 / (1 + Math.exp(-score))] : []),
  ]);
  return `${[title, ...lines].map((cells) => cells.join(',')).join('\n')}\n`;
}

function csvField(text: string): string {
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
