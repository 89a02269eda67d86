import * as z from 'zod';
import { defineFunction } from '../../../colony/executor.ts';
import { refusing } from '../../failures.ts';
import { readPredictionRequest } from '../prediction/request.ts';
import type { CallTools, Desk, Turns } from './desk.ts';
import { offerColumns, predictNewRows } from './prediction-feature.ts';
import type { NewColumns } from './prediction-feature.ts';
import { offerLabels, receivePredictions } from './prediction-label.ts';
import type { NewLabels } from './prediction-label.ts';
import { confirm, openPrediction, type PredictionRun } from './prediction-run.ts';

/** The functions of predictions for new rows, as the daemons have them. */

const Arguments = z.object({ request: z.string().max(2 ** 16) });

type Body = (run: PredictionRun, inputs: readonly string[], tools: CallTools) => Promise<string>;

/** What a feature party answers. */
export function featurePredictions(desk: Desk, turns: Turns, from: NewColumns) {
  const define = definer(desk, turns, 'feature');
  return {
    regression_offer_rows: define('Says how many new rows this party has', (run, _inputs, tools) =>
      offerColumns(run, from, tools),
    ),
    regression_confirm_rows: define('Shows the others that the same new rows are meant', confirm),
    regression_predict_rows: define('Masks own part of predictions for new rows', (run, inputs, tools) =>
      predictNewRows(run, from, inputs, tools),
    ),
  };
}

/** What the label party answers. */
export function labelPredictions(desk: Desk, turns: Turns, from: NewLabels) {
  const define = definer(desk, turns, 'label');
  return {
    regression_offer_rows: define('Says which new rows are meant', (run, _inputs, tools) =>
      offerLabels(run, from, tools),
    ),
    regression_confirm_rows: define('Shows the others that the same new rows are meant', confirm),
    regression_receive_predictions: define('Keeps predictions for new rows', (run, inputs, tools) =>
      receivePredictions(run, from, inputs, tools),
    ),
  };
}

/** Predictions with one model take turns, as they share its budget. */
function definer(desk: Desk, turns: Turns, role: 'label' | 'feature') {
  return (description: string, body: Body) =>
    defineFunction({
      description,
      kwargs: Arguments,
      inputs: z.array(z.string()),
      output: z.string(),
      run: ({ kwargs, inputs, ...call }) =>
        refusing(call.log, () => {
          const request = readPredictionRequest(kwargs.request);
          return turns.take(request.run, async () => body(await openPrediction(desk, request, role), inputs, call));
        }),
    });
}
