import { partiesOf } from '../parameters.ts';
import { appendAudit } from './audit.ts';
import type { PredictionRun } from './prediction-run.ts';

/**
 * Writes down that this party took part in a prediction, beside the trainings: before its part leaves, or when it has got the
 * predictions. A crash may write the same twice, and never leaves it out.
 *
 * @param tableDigest tells predictions for the same rows
 * @param rowsInAll that this party has predicted with the model; undefined of the label party
 */
export async function recordPrediction(
  { desk, request, model }: PredictionRun,
  rows: number,
  tableDigest: string,
  rowsInAll?: number,
): Promise<void> {
  const { parameters } = model.training;
  const [label, ...features] = partiesOf(parameters);
  await appendAudit(desk, {
    event: 'predicted',
    run: request.prediction,
    trained: model.run,
    parties: { label, features },
    model: parameters.model,
    rows,
    ...(rowsInAll === undefined ? {} : { rowsInAll }),
    predictionRows: parameters.predictionRows,
    training: model.digest,
    table: tableDigest,
  });
}
