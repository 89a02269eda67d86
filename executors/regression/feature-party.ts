import { defineExecutor } from '../../colony/executor.ts';
import { finishMasked, mask, multiplyAsFeature, predictMasked } from './daemons/additive-feature.ts';
import { keepAsFeature, rows } from './daemons/additive-setup.ts';
import { type CallTools, type Desk, requireAcceptable, requireFreshName, requireRole, Turns } from './daemons/desk.ts';
import { open, openLastLoss, openPredictions, resume, stand } from './daemons/feature-openings.ts';
import { finish, forget, forward, gradient, predict } from './daemons/feature-rounds.ts';
import { FeatureRuns } from './daemons/feature-run.ts';
import { halfOf, join, seedsOf } from './daemons/feature-setup.ts';
import { functionsOf, ofRequest } from './daemons/functions.ts';
import { NO_NEW_ROWS, type NewRowsSource } from './daemons/new-rows.ts';
import { featurePredictions } from './daemons/prediction-functions.ts';
import { statementBy } from './daemons/statements.ts';
import { type PartyTable, readTableForRun } from './daemons/table.ts';
import { encodeMessage } from './messages.ts';
import { refusal } from './refusal.ts';
import { requestDigest, Survey, type TrainingRequest } from './training.ts';

/**
 * A feature party's daemon: it holds columns, and gets its own coefficients.
 *
 * Leakage: it learns its own gradients, which depend on the others' rows through second moments only; nobody learns
 * anything of its columns beyond that (decisional composite residuosity, and pads from the other feature parties' seeds
 * against the holder of the key). Parties are semi-honest; `leakage.ts` states each mode's bounds in plain words.
 */
export function defineFeatureParty(desk: Desk, table: PartyTable, newRows: NewRowsSource = NO_NEW_ROWS) {
  const turns = new Turns();
  const runs = new FeatureRuns(desk, table);
  const { ofTraining, ofIteration, ofTurn, ofRound } = functionsOf(turns, (training, tools) => {
    requireRole(desk, training, 'feature');
    return runs.open(training, tools);
  });
  return defineExecutor({
    type: 'regression-feature',
    functions: {
      regression_survey_columns: ofRequest(
        'Says how many rows and columns this party has',
        turns,
        (request, _inputs, tools) => survey(desk, table, request, tools),
      ),
      regression_half: ofTraining('Says the public half of a key of this run', halfOf),
      regression_seeds: ofTraining('Draws and seals the seed of the pads', seedsOf),
      regression_join: ofTraining('Stores keys and seeds of a run', join),
      regression_forward: ofRound('Encrypts predictions of own columns', forward),
      regression_gradient: ofRound('Computes an own masked gradient under encryption', gradient),
      regression_open: ofRound('Gives parts of the decryption of masked gradients', open),
      regression_resume: ofIteration('Says again what was opened last', resume),
      regression_stand: ofTurn('Says where this party stands', stand),
      regression_finish: ofIteration('Does the last step and keeps own coefficients', finish),
      regression_predict: ofIteration('Encrypts own part of predictions for rows held out', predict),
      regression_open_loss: ofIteration('Gives a part of the decryption of the last loss', openLastLoss),
      regression_open_predictions: ofIteration('Gives parts of the decryption of predictions', openPredictions),
      regression_forget: ofIteration('Forgets the secrets of a run that has ended', forget),
      regression_rows: ofTraining('Encrypts own rows under an own key', rows),
      regression_keep_rows: ofTraining("Keeps keys, and the other parties' encrypted rows", keepAsFeature),
      regression_mask: ofRound('Masks predictions of own columns', mask),
      regression_multiply: ofRound("Multiplies an own share with the other parties' rows", multiplyAsFeature),
      regression_finish_masked: ofIteration('Does the last step and keeps own coefficients', finishMasked),
      ...featurePredictions(desk, turns, { source: newRows, table }),
      regression_predict_masked: ofIteration('Masks own part of predictions for rows held out', predictMasked),
    },
  });
}

async function survey(desk: Desk, table: PartyTable, request: TrainingRequest, { signal }: CallTools): Promise<string> {
  if (!request.features.includes(desk.name)) {
    throw refusal('WRONG_PARTY', `survey: expected ${desk.name} among the feature parties of the request, it is not`);
  }
  requireAcceptable(desk, request);
  const others = [request.label, ...request.features, request.aggregator].filter((name) => name !== desk.name);
  desk.peers.requireListed(others);
  requireFreshName(desk, request);
  const { rowCount, idsDigest, columns } = await readTableForRun(table, signal);
  const facts = { party: desk.name, rows: rowCount, idsDigest, columns: columns.length };
  const said = encodeMessage(Survey, { v: 1, kind: 'survey', ...facts });
  return statementBy(desk, requestDigest(request), { about: 'survey' }, said);
}
