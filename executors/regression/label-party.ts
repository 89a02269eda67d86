import { defineExecutor } from '../../colony/executor.ts';
import { keepSums, multiplyAsLabel, reportMasked, resumeSums } from './daemons/additive-label.ts';
import { keepAsLabel } from './daemons/additive-setup.ts';
import { type CallTools, type Desk, requireAcceptable, requireFreshName, requireRole, Turns } from './daemons/desk.ts';
import { functionsOf, ofRequest } from './daemons/functions.ts';
import { openGradients, powers, report } from './daemons/label-rounds.ts';
import { joinAsHolder, labelHalf, LabelRuns, makeKey, resumeLabels, sayLabels } from './daemons/label-run.ts';
import { begin, proceed, restart, start } from './daemons/sequence.ts';
import { NO_NEW_ROWS, type NewRowsSource } from './daemons/new-rows.ts';
import { labelPredictions } from './daemons/prediction-functions.ts';
import { statementBy } from './daemons/statements.ts';
import { type PartyTable, readTableForRun } from './daemons/table.ts';
import { encodeMessage } from './messages.ts';
import { refusal } from './refusal.ts';
import { requireClasses } from './scaling.ts';
import { requestDigest, Survey, type TrainingRequest } from './training.ts';

/**
 * The label party's daemon: it holds the labels, submits the workflows of its runs, and gets the loss curve and the
 * metrics.
 *
 * Leakage: in single-key mode it holds the key and decrypts masked gradients only, which are uniform modulo n; together
 * with one feature party it could learn residuals. In threshold mode it holds one share. `leakage.ts` states the bounds.
 */
export function defineLabelParty(desk: Desk, table: PartyTable, newRows: NewRowsSource = NO_NEW_ROWS) {
  const turns = new Turns();
  const runs = new LabelRuns(desk, table);
  const { ofTraining, ofIteration, ofTurn, ofRound } = functionsOf(turns, (training, tools) => {
    requireRole(desk, training, 'label');
    return runs.open(training, tools);
  });
  return defineExecutor({
    type: 'regression-label',
    functions: {
      regression_survey_labels: ofRequest('Says how many rows this party has', turns, (request, _inputs, tools) =>
        survey(desk, table, request, tools),
      ),
      regression_start: ofRequest(
        'Checks that the parties fit, and submits the set-up',
        turns,
        (request, surveys, tools) => start(desk, request, surveys, tools),
      ),
      regression_key: ofTraining('Draws the key of a run', makeKey),
      regression_half: ofTraining('Says the public half of a key of this run', labelHalf),
      regression_join: ofTraining('Stores a share of the key', joinAsHolder),
      regression_labels: ofTraining('Encrypts the labels', sayLabels),
      regression_begin: ofTraining('Submits the first block', begin),
      regression_resume: ofIteration('Says again what was opened last', resumeLabels),
      regression_powers: ofRound('Encrypts powers of padded predictions', powers),
      regression_open: ofRound('Opens masked gradients', openGradients),
      regression_continue: ofTurn('Submits the next block', proceed),
      regression_restart: ofTurn('Submits a block from where a run stands', restart),
      regression_report: ofIteration('Keeps loss and metrics of a run', report),
      regression_keep_rows: ofTraining("Keeps the feature parties' encrypted rows", keepAsLabel),
      regression_resume_sums: ofIteration('Says again which sums were kept last', resumeSums),
      regression_multiply: ofRound("Multiplies an own share with all parties' rows", multiplyAsLabel),
      regression_keep_sums: ofRound('Keeps the sums of encrypted gradients', keepSums),
      ...labelPredictions(desk, turns, { source: newRows, table }),
      regression_report_masked: ofIteration('Keeps loss and metrics of a run', reportMasked),
    },
  });
}

async function survey(desk: Desk, table: PartyTable, request: TrainingRequest, { signal }: CallTools): Promise<string> {
  if (request.label !== desk.name) {
    throw refusal('WRONG_PARTY', `survey: expected ${desk.name} as the label party of the request, it is not`);
  }
  requireAcceptable(desk, request);
  desk.peers.requireListed([...request.features, request.aggregator]);
  requireFreshName(desk, request);
  const { rowCount, idsDigest, columns } = await readTableForRun(table, signal);
  if (columns[0] !== undefined) requireClasses(request, columns[0]);
  const facts = { party: desk.name, rows: rowCount, idsDigest, columns: 0 };
  const said = encodeMessage(Survey, { v: 1, kind: 'survey', ...facts });
  return statementBy(desk, requestDigest(request), { about: 'survey' }, said);
}
