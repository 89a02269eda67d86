import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { node, specsOf } from './nodes.ts';

/** Who takes part in a prediction; every name is the executor type of one daemon. */
export interface PredictionCast {
  /** The name of the prediction, which labels its processes as that of a training does. */
  readonly prediction: string;
  readonly label: string;
  readonly features: readonly string[];
}

/**
 * Joint predictions for new rows by a model that was trained before: one workflow. Everybody says how many rows it has, then shows
 * each other party that it means the same ones; then each feature party gives one masked number for each row to the label
 * party, which alone can add them up. No aggregator takes part.
 *
 * @param request JSON text of what is wanted
 */
export function predictionWorkflow(cast: PredictionCast, request: string): FunctionSpec[] {
  const { prediction, label, features } = cast;
  const kwargs = { request };
  const parties = [label, ...features];
  const offers = parties.map((party) => node(`offer-${party}`, 'regression_offer_rows', party, [], kwargs));
  const offered = offers.map(({ name }) => name);
  const confirms = parties.map((party) => node(`confirm-${party}`, 'regression_confirm_rows', party, offered, kwargs));
  const confirmed = confirms.map(({ name }) => name);
  const predictions = features.map((party) =>
    node(`predict-${party}`, 'regression_predict_rows', party, confirmed, kwargs),
  );
  const others = features.map((party) => `confirm-${party}`);
  // Predictions come after the confirmations of all, the label party's own included.
  const sources = [...others, ...predictions.map(({ name }) => name)];
  const report = node('report', 'regression_receive_predictions', label, sources, kwargs);
  return specsOf({ run: prediction }, [...offers, ...confirms, ...predictions, report]);
}
