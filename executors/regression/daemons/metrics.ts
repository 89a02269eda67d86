/** How good a model is on rows that were held out. */

/** The file with a model's metrics, in the label party's directory of the run. */
export const METRICS_FILE = 'metrics.json';

/** Of a linear model. */
export interface LinearMetrics {
  readonly model: 'linear';
  /** 1 − Σ(y − ŷ)² / Σ(y − ȳ)². */
  readonly rSquared: number;
  readonly meanSquaredError: number;
}

/** Of a logistic model. */
export interface LogisticMetrics {
  readonly model: 'logistic';
  /** Share of rows whose label is that of the sign of the log-odds. */
  readonly accuracy: number;
  /** Area under the receiver operating characteristic: ties count half (Mann and Whitney 1947). */
  readonly areaUnderCurve: number;
  readonly logLoss: number;
}

/**
 * Compares labels with predictions.
 *
 * @param scores predicted values of a linear model, log-odds of a logistic one
 */
export function measureModel(
  model: 'linear' | 'logistic',
  labels: Float64Array,
  scores: Float64Array,
): LinearMetrics | LogisticMetrics {
  if (model === 'linear') return { model, ...measureLinear(labels, scores) };
  return {
    model,
    accuracy: accuracyOf(labels, scores),
    areaUnderCurve: areaUnderCurve(labels, scores),
    logLoss: logLoss(labels, scores),
  };
}

function measureLinear(labels: Float64Array, scores: Float64Array): Omit<LinearMetrics, 'model'> {
  const mean = labels.reduce((sum, label) => sum + label, 0) / labels.length;
  let [errors, spread] = [0, 0];
  for (const [row, label] of labels.entries()) {
    errors += (label - (scores[row] ?? 0)) ** 2;
    spread += (label - mean) ** 2;
  }
  return { rSquared: 1 - errors / spread, meanSquaredError: errors / labels.length };
}

function accuracyOf(labels: Float64Array, scores: Float64Array): number {
  const right = labels.filter((label, row) => label === ((scores[row] ?? 0) >= 0 ? 1 : 0));
  return right.length / labels.length;
}

function areaUnderCurve(labels: Float64Array, scores: Float64Array): number {
  const order = Array.from(labels.keys()).sort((left, right) => (scores[left] ?? 0) - (scores[right] ?? 0));
  let [rankSum, positives] = [0, 0];
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && scores[order[end] ?? 0] === scores[order[start] ?? 0]) end += 1;
    const rank = (start + end + 1) / 2;
    for (const row of order.slice(start, end)) {
      if (labels[row] !== 1) continue;
      positives += 1;
      rankSum += rank;
    }
    start = end;
  }
  const negatives = order.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

function logLoss(labels: Float64Array, scores: Float64Array): number {
  let sum = 0;
  for (const [row, label] of labels.entries()) {
    const score = scores[row] ?? 0;
    // log(1 + e^−|s|) + max(s, 0) − y·s never overflows.
    sum += Math.log1p(Math.exp(-Math.abs(score))) + Math.max(score, 0) - label * score;
  }
  return sum / labels.length;
}
