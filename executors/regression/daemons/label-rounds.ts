import { contextOf, type Turn } from '../contexts.ts';
import { decodeMessage, encodeMessage, PartialMessage } from '../messages.ts';
import {
  AggregateOutput,
  FinishOutput,
  GradientOutput,
  openCiphertexts,
  OpenOutput,
  ReadyOutput,
  stopReason,
  stopText,
  VectorsOutput,
  vectorText,
} from '../outputs.ts';
import type { LabelParty } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { lossSumRound } from '../rounds/aggregate.ts';
import { powersRound } from '../rounds/cubic.ts';
import { countPowers, lossRound, openRound, predictionRound } from '../rounds/label.ts';
import { partialRound, thresholdLossRound, thresholdPredictionRound } from '../rounds/threshold.ts';
import { graphOf, heldOutRows } from '../training.ts';
import { type CallTools, filesOf } from './desk.ts';
import { holderOf, requireSameTraining } from './feature-run.ts';
import { forgetSecrets, labelPartyOf, type LabelRun, recallLabels } from './label-run.ts';
import { measureModel, METRICS_FILE } from './metrics.ts';
import type { LabelMemory } from './memory.ts';
import { hasOpened, openingBefore, standOf, withOpening } from './openings.ts';
import { PREDICTIONS_FILE, predictionsCsv } from './prediction-file.ts';
import { type ExpectedStatement, expectFeatures, openStatements, statement } from './statements.ts';

/** The iterations as the label party sees them. Each function may be called again and then says the same. */

/** The file of the loss before each iteration: `iteration,loss` lines. */
const LOSS_FILE = 'loss.csv';

/** Opens everybody's masked gradients, unless all have converged or one diverges. */
export async function openGradients(
  run: LabelRun,
  turn: Turn,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const expected = expectFeatures(run, { about: 'gradient', ...turn });
  const outputs = (await openStatements(run, inputs, expected, tools.signal)).map((text) =>
    decodeMessage(GradientOutput, text),
  );
  const known = await recallLabels(run);
  const say = (text: string): string => statement(run, { about: 'opening', ...turn }, text);
  if (known.stopped !== null) return say(stopText(known.stopped, standOf(known)));
  const memory = hasOpened(known, turn) ? known : await recordLoss(run, known, turn.iteration, outputs, tools);
  const reason = stopReason(outputs);
  if (reason !== undefined) {
    await run.store.commit({ ...memory, stopped: reason });
    return say(stopText(reason, turn.iteration));
  }
  const party = await labelPartyOf(run, memory, tools.signal);
  const gradients = outputs.map((output) => openCiphertexts(tools.blobs, output.gradient, tools.signal));
  const opened = await openOrPart(run, party, memory, turn, gradients, tools);
  const text = encodeMessage(OpenOutput, { v: 1, kind: 'opened', ...turn, ...opened.output });
  await run.store.commit({ ...memory, ...withOpening(memory, turn, text), openState: opened.state });
  return say(text);
}

async function openOrPart(
  run: LabelRun,
  party: LabelParty,
  memory: LabelMemory,
  turn: Turn,
  gradients: Parameters<typeof openRound>[3],
  { signal }: CallTools,
) {
  if (run.training.parameters.mode !== 'threshold') {
    const { state, messages } = await openRound(party, memory.openState, turn, gradients, { signal });
    return { state, output: { openings: messages, partials: [] } };
  }
  const holder = holderOf({ ...party, name: run.desk.name }, memory.share);
  const { state, messages } = await partialRound(holder, memory.openState, turn, gradients, { signal });
  return { state, output: { openings: [], partials: messages } };
}

/** What feature parties say of losses, in gradients and at the end. */
type LossReport = Pick<FinishOutput, 'loss' | 'lossPartial'>;

/**
 * Opens the loss that came with a round, and writes it down. In threshold mode it comes one iteration later.
 *
 * @param iteration that follows the one whose loss it is
 */
async function recordLoss(
  run: LabelRun,
  memory: LabelMemory,
  iteration: number,
  reports: readonly LossReport[],
  tools: CallTools,
): Promise<LabelMemory> {
  const party = await labelPartyOf(run, memory, tools.signal);
  const partials = reports.flatMap(({ lossPartial }) => (lossPartial === null ? [] : [lossPartial]));
  const settled = await settlePendingLoss(run, party, memory, partials, tools);
  const losses = reports.flatMap(({ loss }) =>
    loss === null ? [] : [openCiphertexts(tools.blobs, loss, tools.signal)],
  );
  const last = losses.length === 0 ? null : openingBefore(memory, iteration);
  if (last === null) return settled;
  const turn = { iteration: last.iteration, attempt: last.attempt };
  const sum = lossSumRound(party, turn, losses, { signal: tools.signal });
  if (run.training.parameters.mode === 'threshold') {
    return { ...settled, pendingLoss: { ...turn, sum: await vectorText(tools.blobs, sum, tools.signal) } };
  }
  return appendLoss(run, settled, turn.iteration, await lossRound(party, turn, sum, { signal: tools.signal }));
}

async function settlePendingLoss(
  run: LabelRun,
  party: LabelParty,
  memory: LabelMemory,
  partials: readonly PartialMessage[],
  { blobs, signal, log }: CallTools,
): Promise<LabelMemory> {
  const { pendingLoss } = memory;
  if (pendingLoss === null || partials.length === 0) return memory;
  const { sum, ...turn } = pendingLoss;
  if (!partials.every((partial) => isLossPart(party, turn, partial))) {
    // When an iteration is repeated, some parties may already give their parts of the loss after it.
    log.warn({ iteration: turn.iteration }, 'this loss is left out: the parties have gone on');
    return memory;
  }
  const holder = holderOf({ ...party, name: run.desk.name }, memory.share);
  const loss = await thresholdLossRound(party, holder, turn, openCiphertexts(blobs, sum, signal), partials);
  return appendLoss(run, { ...memory, pendingLoss: null }, turn.iteration, loss);
}

function isLossPart({ parameters }: LabelParty, turn: Turn, { context }: PartialMessage): boolean {
  return parameters.features.some(
    ({ name }) => context === contextOf(parameters, { round: 'loss-partial', ...turn, party: name }),
  );
}

/** Writes a loss down. A repetition of an iteration finds it written. */
export async function appendLoss(
  run: LabelRun,
  memory: LabelMemory,
  iteration: number,
  loss: number,
): Promise<LabelMemory> {
  const files = filesOf(run.desk, run.training.parameters);
  const text = (await files.read(LOSS_FILE)).slice(0, memory.logBytes);
  const last = text.trimEnd().split('\n').at(-1) ?? '';
  if (Number(last.split(',')[0] || '-1') >= iteration) return memory;
  const line = `${text === '' ? 'iteration,loss\n' : ''}${iteration},${loss}\n`;
  return { ...memory, logBytes: await files.append(LOSS_FILE, memory.logBytes, line) };
}

/** The cubic form's powers of the padded predictions. */
export async function powers(
  run: LabelRun,
  turn: Turn,
  inputs: readonly string[],
  { blobs, signal }: CallTools,
): Promise<string> {
  const memory = await recallLabels(run);
  const party = await labelPartyOf(run, memory, signal);
  const expected = [{ about: 'aggregate', party: run.training.aggregator, ...turn }] as const;
  const [text = ''] = await openStatements(run, inputs, expected, signal);
  const { sum } = decodeMessage(AggregateOutput, text);
  await run.store.commit({ ...memory, openState: countPowers(party.parameters, memory.openState, turn, sum) });
  const messages = await powersRound(party, turn, openCiphertexts(blobs, sum, signal), { signal });
  const vectors: string[] = [];
  for (const message of messages) vectors.push(await vectorText(blobs, message, signal));
  return statement(run, { about: 'powers', ...turn }, encodeMessage(VectorsOutput, { v: 1, kind: 'vectors', vectors }));
}

/**
 * The end of a run: the last loss, and where rows were held out, how good the model is for them.
 *
 * @param inputs what the feature parties finished with, then the sum of predictions and the parts in opening it
 */
export async function report(
  run: LabelRun,
  iteration: number,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const reported = reportedText(run, iteration);
  if (await hasReported(run)) return reported;
  const parties = run.training.parameters.features.length;
  const texts = await openStatements(run, inputs, expectAtEnd(run, iteration), tools.signal);
  const reports = texts.slice(0, parties).map((text) => decodeMessage(FinishOutput, text));
  const memory = await recordLoss(run, await recallLabels(run), iteration, reports, tools);
  const lossParts = graphOf(run.training).opensLoss ? parties : 0;
  const partials = texts.slice(parties, parties + lossParts).map((text) => decodeMessage(PartialMessage, text));
  const party = await labelPartyOf(run, memory, tools.signal);
  await run.store.commit(await settlePendingLoss(run, party, memory, partials, tools));
  const predictions = texts.slice(parties + lossParts);
  if (predictions.length > 0) await judge(run, iteration, predictions, tools);
  await forgetSecrets(run);
  return reported;
}

/** Whether this very training has ended here: parameters alone do not tell trainings apart. @throws TerminalError `WRONG_RUN` */
export async function hasReported({ store, training }: LabelRun): Promise<boolean> {
  const memory = await store.load();
  if (memory?.finished !== true) return false;
  requireSameTraining(training, memory.training);
  return true;
}

/** The word of the label party that a run has ended: the others forget its secrets then. */
export function reportedText(run: LabelRun, iteration: number): string {
  const output = encodeMessage(ReadyOutput, { v: 1, kind: 'ready', party: run.desk.name });
  return statement(run, { about: 'report', iteration }, output);
}

function expectAtEnd(run: LabelRun, iteration: number): readonly ExpectedStatement[] {
  const { aggregator, holdoutEvery, parameters } = run.training;
  const lossParts = graphOf(run.training).opensLoss ? expectFeatures(run, { about: 'loss-part', iteration }) : [];
  const parts = parameters.mode === 'threshold' ? expectFeatures(run, { about: 'prediction-part', iteration }) : [];
  const predictions = [{ about: 'prediction-sum', party: aggregator, iteration } as const, ...parts];
  return [
    ...expectFeatures(run, { about: 'finished', iteration }),
    ...lossParts,
    ...(holdoutEvery > 0 ? predictions : []),
  ];
}

async function judge(
  run: LabelRun,
  request: number,
  inputs: readonly string[],
  { blobs, signal }: CallTools,
): Promise<void> {
  const { parameters, totalRows, holdoutEvery } = run.training;
  const memory = await recallLabels(run);
  const party = await labelPartyOf(run, memory, signal);
  const [sum = '', ...partialTexts] = inputs;
  const turn = { iteration: request, attempt: 0 };
  const predictions = openCiphertexts(blobs, sum, signal);
  const rows = heldOutRows(totalRows, holdoutEvery);
  const scores =
    parameters.mode === 'threshold'
      ? await thresholdPredictionRound(
          party,
          holderOf({ ...party, name: run.desk.name }, memory.share),
          turn,
          predictions,
          partialTexts.map((text) => decodeMessage(PartialMessage, text)),
        )
      : await predictionRound(party, turn, rows, predictions, { signal });
  publishMetrics(run, scores);
}

/** Writes down the predictions for the rows held out, and how good they are. @throws TerminalError `WRONG_COUNT` */
export function publishMetrics(run: LabelRun, scores: Float64Array): void {
  const { parameters, totalRows, holdoutEvery } = run.training;
  const rows = heldOutRows(totalRows, holdoutEvery);
  if (scores.length !== rows) throw refusal('WRONG_COUNT', `predictions: expected ${rows}, got ${scores.length}`);
  const metrics = measureModel(parameters.model, run.labels.heldOut, scores);
  const files = filesOf(run.desk, parameters);
  const predicted = { names: run.heldOutNames, labels: run.labels.heldOut, scores };
  files.publish(PREDICTIONS_FILE, predictionsCsv(parameters.model, predicted));
  files.publish(METRICS_FILE, `${JSON.stringify({ run: parameters.run, rows, ...metrics }, null, 2)}\n`);
}
