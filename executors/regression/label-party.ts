import { defineExecutor } from '../../colony/executor.ts';
import { type CallTools, type Desk, requireRole, Turns } from './daemons/desk.ts';
import { ofIteration, ofRequest, ofTraining, ofTurn } from './daemons/functions.ts';
import { judge, openGradients, powers, recordLastLoss } from './daemons/label-rounds.ts';
import { joinAsHolder, labelHalf, LabelRuns, makeKey, resumeLabels } from './daemons/label-run.ts';
import { begin, proceed, resumeRun, start } from './daemons/sequence.ts';
import { type PartyTable, readTable } from './daemons/table.ts';
import { encodeMessage } from './messages.ts';
import { ReadyOutput } from './outputs.ts';
import { refusal } from './refusal.ts';
import { Survey, type Training } from './training.ts';

/**
 * The label party's daemon: it holds the labels, submits the workflows of its runs, and gets the loss curve and the
 * metrics.
 *
 * Leakage: in single-key mode it holds the key and decrypts masked gradients only, which are uniform modulo n; together
 * with one feature party it could learn residuals. In threshold mode it holds one share. `leakage.ts` states the bounds.
 */
export function defineLabelParty(desk: Desk, table: PartyTable) {
  const turns = new Turns();
  const runs = new LabelRuns(desk, table);
  const runOf = (training: Training, tools: CallTools) => {
    requireRole(desk, training, 'label');
    return runs.open(training, tools);
  };
  return defineExecutor({
    type: 'regression-label',
    functions: {
      regression_survey_labels: ofRequest(
        'Says how many rows this party has',
        turns,
        async (request, _inputs, { signal }) => {
          if (request.label !== desk.name) {
            throw refusal('WRONG_PARTY', `survey: expected ${desk.name} as the label party of the request, it is not`);
          }
          const { rowCount, idsDigest } = await readTable(table, signal);
          const facts = { party: desk.name, rows: rowCount, idsDigest, columns: 0 };
          return encodeMessage(Survey, { v: 1, kind: 'survey', ...facts });
        },
      ),
      regression_start: ofRequest(
        'Checks that the parties fit, and submits the set-up',
        turns,
        async (request, surveys, tools) => {
          const { output } = await start(desk, request, surveys, tools);
          return JSON.stringify(output);
        },
      ),
      regression_key: ofTraining('Draws the key of a run', turns, async (training, _inputs, tools) =>
        makeKey(await runOf(training, tools)),
      ),
      regression_half: ofTraining(
        'Says the public half of a key of this run',
        turns,
        async (training, _inputs, tools) => labelHalf(await runOf(training, tools)),
      ),
      regression_join: ofTraining('Stores a share of the key', turns, async (training, inputs, tools) =>
        joinAsHolder(await runOf(training, tools), inputs, tools),
      ),
      regression_begin: ofTraining(
        'Encrypts the labels, and submits the first block',
        turns,
        async (training, _inputs, tools) => JSON.stringify(await begin(await runOf(training, tools), tools)),
      ),
      regression_resume: ofIteration(
        'Says again what was opened last',
        turns,
        async (training, iteration, _inputs, tools) => resumeLabels(await runOf(training, tools), iteration),
      ),
      regression_powers: ofTurn('Encrypts powers of padded predictions', turns, async (training, turn, inputs, tools) =>
        powers(await runOf(training, tools), turn, inputs, tools),
      ),
      regression_open: ofTurn('Opens masked gradients', turns, async (training, turn, inputs, tools) =>
        openGradients(await runOf(training, tools), turn, inputs, tools),
      ),
      regression_continue: ofIteration('Submits the next block', turns, async (training, iteration, inputs, tools) =>
        JSON.stringify(await proceed(await runOf(training, tools), iteration, inputs, tools)),
      ),
      regression_restart: ofTurn(
        'Submits a block from where a run stands',
        turns,
        async (training, { attempt }, _inputs, tools) =>
          JSON.stringify(await resumeRun(await runOf(training, tools), attempt, tools)),
      ),
      regression_report: ofIteration(
        'Keeps loss and metrics of a run',
        turns,
        async (training, iteration, inputs, tools) => {
          const run = await runOf(training, tools);
          const finished = training.parameters.features.length;
          await recordLastLoss(run, inputs.slice(0, finished), tools);
          if (inputs.length > finished) await judge(run, iteration, inputs.slice(finished), tools);
          return encodeMessage(ReadyOutput, { v: 1, kind: 'ready', party: desk.name });
        },
      ),
    },
  });
}
