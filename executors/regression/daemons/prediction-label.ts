import { openMasked } from '../additive/messages.ts';
import { encodeMessage } from '../messages.ts';
import { ReadyOutput } from '../outputs.ts';
import { receiveRound } from '../prediction/rounds.ts';
import { requireClasses } from '../scaling.ts';
import { recordPrediction } from './audit-predictions.ts';
import { type CallTools, filesOf } from './desk.ts';
import { measureModel, METRICS_FILE } from './metrics.ts';
import { type NewRowsContent, type NewRowsSource, readNewLabels } from './new-rows.ts';
import { PREDICTIONS_FILE, predictionsCsv } from './prediction-file.ts';
import {
  agreedOn,
  offer,
  openConfirmations,
  openTexts,
  type PredictionRun,
  recallPrediction,
  requireSameRows,
} from './prediction-run.ts';
import type { PartyTable } from './table.ts';

/** Predictions for new rows as the label party sees them, which alone gets them. Each function may be called again. */

/** Where the label party learns which rows are meant, and their labels where it has them. */
export interface NewLabels {
  readonly source: NewRowsSource;
  readonly table: PartyTable;
}

/** Says that this party takes part. @throws DataError `BAD_LABELS` for labels that metrics could not be made of */
export function offerLabels(run: PredictionRun, { source, table }: NewLabels, { signal }: CallTools): Promise<string> {
  return offer(run, async () => {
    const content = await readNewLabels(run.desk.name, source, table, signal);
    const [labels] = content.columns;
    if (labels !== undefined) requireClasses(run.parameters, labels);
    return content;
  });
}

/**
 * Takes the pads out, and writes the predictions down for this party's own people.
 *
 * @param inputs confirmations of the feature parties, then their masked parts, in their order
 */
export async function receivePredictions(
  run: PredictionRun,
  { source, table }: NewLabels,
  inputs: readonly string[],
  { blobs, signal, log }: CallTools,
): Promise<string> {
  const ready = encodeMessage(ReadyOutput, { v: 1, kind: 'ready', party: run.desk.name });
  const memory = await recallPrediction(run);
  if (memory.finished) return ready;
  const { desk, model, parameters, request } = run;
  const features = request.features;
  const { rows, seeds } = agreedOn(memory);
  const confirmations = openConfirmations(run, features, inputs);
  const texts = openTexts(run, 'prediction', features, inputs.slice(features.length));
  const parts = texts.map((text) => openMasked(text, blobs, signal));
  const content = await readNewLabels(desk.name, source, table, signal);
  requireSameRows(memory, content);
  const party = { parameters, name: desk.name, mean: model.centre ?? 0 };
  const scores = await receiveRound(party, seeds, rows, confirmations, parts, { signal });
  await recordPrediction(run, rows, memory.rowsDigest);
  publishPredictions(run, content, scores);
  await run.store.commit({ ...memory, half: null, seeds: {}, finished: true });
  log.info({ run: request.prediction, model: model.run, rows, file: PREDICTIONS_FILE }, 'got predictions for new rows');
  return ready;
}

/** Predictions, and metrics where labels are known. */
function publishPredictions(
  { desk, parameters, request, model }: PredictionRun,
  { ids, columns }: NewRowsContent,
  scores: Float64Array,
): void {
  const files = filesOf(desk, parameters);
  const [labels] = columns;
  if (labels !== undefined) {
    const metrics = measureModel(parameters.model, labels, scores);
    const about = { run: request.prediction, trained: model.run, rows: scores.length };
    files.publish(METRICS_FILE, `${JSON.stringify({ ...about, ...metrics }, null, 2)}\n`);
  }
  files.publish(PREDICTIONS_FILE, predictionsCsv(parameters.model, { names: ids ?? [], labels, scores }));
}
