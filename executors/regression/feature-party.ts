import { defineExecutor } from '../../colony/executor.ts';
import { type Desk, requireRole, Turns } from './daemons/desk.ts';
import { finish, forward, gradient, open, openPredictions, predict, resume } from './daemons/feature-rounds.ts';
import { FeatureRuns } from './daemons/feature-run.ts';
import { halfOf, join, seedsOf } from './daemons/feature-setup.ts';
import { ofIteration, ofRequest, ofTraining, ofTurn } from './daemons/functions.ts';
import { type PartyTable, readTable } from './daemons/table.ts';
import { encodeMessage } from './messages.ts';
import { refusal } from './refusal.ts';
import { Survey, type Training } from './training.ts';
import type { CallTools } from './daemons/desk.ts';

/**
 * A feature party's daemon: it holds columns, and gets its own coefficients.
 *
 * Leakage: it learns its own gradients, which depend on the others' rows through second moments only; nobody learns
 * anything of its columns beyond that (decisional composite residuosity, and pads from the other feature parties' seeds
 * against the holder of the key). Parties are semi-honest; `leakage.ts` states each mode's bounds in plain words.
 */
export function defineFeatureParty(desk: Desk, table: PartyTable) {
  const turns = new Turns();
  const runs = new FeatureRuns(desk, table);
  const runOf = (training: Training, tools: CallTools) => {
    requireRole(desk, training, 'feature');
    return runs.open(training, tools);
  };
  return defineExecutor({
    type: 'regression-feature',
    functions: {
      regression_survey_columns: ofRequest(
        'Says how many rows and columns this party has',
        turns,
        (request, _inputs, tools) => {
          if (!request.features.includes(desk.name)) {
            throw refusal(
              'WRONG_PARTY',
              `survey: expected ${desk.name} among the feature parties of the request, it is not`,
            );
          }
          return survey(desk, table, tools);
        },
      ),
      regression_half: ofTraining(
        'Says the public half of a key of this run',
        turns,
        async (training, _inputs, tools) => halfOf(await runOf(training, tools)),
      ),
      regression_seeds: ofTraining('Draws and seals the seed of the pads', turns, async (training, inputs, tools) =>
        seedsOf(await runOf(training, tools), inputs, tools),
      ),
      regression_join: ofTraining('Stores keys and seeds of a run', turns, async (training, inputs, tools) =>
        join(await runOf(training, tools), inputs, tools),
      ),
      regression_forward: ofTurn('Encrypts predictions of own columns', turns, async (training, turn, inputs, tools) =>
        forward(await runOf(training, tools), turn, inputs, tools),
      ),
      regression_gradient: ofTurn(
        'Computes an own masked gradient under encryption',
        turns,
        async (training, turn, inputs, tools) => gradient(await runOf(training, tools), turn, inputs, tools),
      ),
      regression_open: ofTurn(
        'Gives parts of the decryption of masked gradients',
        turns,
        async (training, turn, inputs, tools) => open(await runOf(training, tools), turn, inputs, tools),
      ),
      regression_resume: ofIteration(
        'Says again what was opened last',
        turns,
        async (training, iteration, _inputs, tools) => resume(await runOf(training, tools), iteration),
      ),
      regression_finish: ofIteration(
        'Does the last step and keeps own coefficients',
        turns,
        async (training, iteration, inputs, tools) => finish(await runOf(training, tools), iteration, inputs, tools),
      ),
      regression_predict: ofIteration(
        'Encrypts own part of predictions for rows held out',
        turns,
        async (training, request, _inputs, tools) => predict(await runOf(training, tools), request, tools),
      ),
      regression_open_predictions: ofIteration(
        'Gives parts of the decryption of predictions',
        turns,
        async (training, request, inputs, tools) =>
          openPredictions(await runOf(training, tools), request, inputs[0] ?? '', tools),
      ),
    },
  });
}

async function survey(desk: Desk, table: PartyTable, { signal }: CallTools): Promise<string> {
  const { rowCount, idsDigest, columns } = await readTable(table, signal);
  const facts = { party: desk.name, rows: rowCount, idsDigest, columns: columns.length };
  return encodeMessage(Survey, { v: 1, kind: 'survey', ...facts });
}
