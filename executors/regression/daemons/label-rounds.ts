import type { Turn } from '../contexts.ts';
import { decodeMessage, encodeMessage, PartialMessage } from '../messages.ts';
import {
  FinishOutput,
  findStop,
  GradientOutput,
  openCiphertexts,
  OpenOutput,
  ReadyOutput,
  type Stopped,
  stopText,
  VectorsOutput,
  vectorText,
} from '../outputs.ts';
import type { LabelParty } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { lossSumRound } from '../rounds/aggregate.ts';
import { powersRound } from '../rounds/cubic.ts';
import { lossRound, openRound, predictionRound } from '../rounds/label.ts';
import { partialRound, thresholdLossRound, thresholdPredictionRound } from '../rounds/threshold.ts';
import { heldOutRows } from '../training.ts';
import { type CallTools, filesOf } from './desk.ts';
import { holderOf } from './feature-run.ts';
import { labelPartyOf, type LabelRun, recallLabels } from './label-run.ts';
import { measureModel, METRICS_FILE } from './metrics.ts';
import type { LabelMemory } from './memory.ts';

/** The iterations as the label party sees them. Each function may be called again and then says the same. */

/** The file of the loss before each iteration: `iteration,loss` lines. */
export const LOSS_FILE = 'loss.csv';

/** Opens everybody's masked gradients, unless all have converged or one diverges. */
export async function openGradients(
  run: LabelRun,
  turn: Turn,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const stop = findStop(inputs);
  if (stop !== undefined) return stop;
  const outputs = inputs.map((text) => decodeMessage(GradientOutput, text));
  const reason = stopReason(outputs);
  const memory = await recordLoss(run, await recallLabels(run), outputs, tools);
  if (reason !== undefined) {
    await run.store.commit({ ...memory, stopped: reason });
    return stopText(reason, turn.iteration);
  }
  const party = await labelPartyOf(run, memory, tools.signal);
  const gradients = outputs.map((output) => openCiphertexts(tools.blobs, output.gradient, tools.signal));
  const opened = await openOrPart(run, party, memory, turn, gradients, tools);
  const text = encodeMessage(OpenOutput, { v: 1, kind: 'opened', ...turn, ...opened.output });
  await run.store.commit({ ...memory, openState: opened.state, lastOpened: text });
  return text;
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

function stopReason(outputs: readonly GradientOutput[]): Stopped['reason'] | undefined {
  const progress = outputs.map((output) => output.progress);
  if (progress.some((said) => said?.diverged === true)) return 'diverged';
  return progress.length > 0 && progress.every((said) => said?.converged === true) ? 'converged' : undefined;
}

/** What feature parties say of losses, in gradients and at the end. */
type LossReport = Pick<FinishOutput, 'loss' | 'lossPartial'>;

/** Opens the loss that came with a round, and writes it down. In threshold mode it comes one iteration later. */
async function recordLoss(
  run: LabelRun,
  memory: LabelMemory,
  reports: readonly LossReport[],
  tools: CallTools,
): Promise<LabelMemory> {
  const party = await labelPartyOf(run, memory, tools.signal);
  const settled = await settlePendingLoss(run, party, memory, reports, tools);
  const losses = reports.flatMap(({ loss }) =>
    loss === null ? [] : [openCiphertexts(tools.blobs, loss, tools.signal)],
  );
  const last = memory.lastOpened === null ? null : decodeMessage(OpenOutput, memory.lastOpened);
  if (losses.length === 0 || last === null) return settled;
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
  reports: readonly LossReport[],
  { blobs, signal }: CallTools,
): Promise<LabelMemory> {
  const { pendingLoss } = memory;
  const partials = reports.flatMap(({ lossPartial }) => (lossPartial === null ? [] : [lossPartial]));
  if (pendingLoss === null || partials.length === 0) return memory;
  const { sum, ...turn } = pendingLoss;
  const holder = holderOf({ ...party, name: run.desk.name }, memory.share);
  const loss = await thresholdLossRound(party, holder, turn, openCiphertexts(blobs, sum, signal), partials);
  return appendLoss(run, { ...memory, pendingLoss: null }, turn.iteration, loss);
}

/** A repetition of an iteration finds its loss written down. */
async function appendLoss(run: LabelRun, memory: LabelMemory, iteration: number, loss: number): Promise<LabelMemory> {
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
  const stop = findStop(inputs);
  if (stop !== undefined) return stop;
  const party = await labelPartyOf(run, await recallLabels(run), signal);
  const messages = await powersRound(party, turn, openCiphertexts(blobs, inputs[0] ?? '', signal), { signal });
  const vectors: string[] = [];
  for (const message of messages) vectors.push(await vectorText(blobs, message, signal));
  return encodeMessage(VectorsOutput, { v: 1, kind: 'vectors', vectors });
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
  const finished = run.training.parameters.features.length;
  const reports = inputs.slice(0, finished).map((text) => decodeMessage(FinishOutput, text));
  await run.store.commit(await recordLoss(run, await recallLabels(run), reports, tools));
  if (inputs.length > finished) await judge(run, iteration, inputs.slice(finished), tools);
  return encodeMessage(ReadyOutput, { v: 1, kind: 'ready', party: run.desk.name });
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
  if (scores.length !== rows) throw refusal('WRONG_COUNT', `predictions: expected ${rows}, got ${scores.length}`);
  const metrics = measureModel(parameters.model, run.labels.heldOut, scores);
  filesOf(run.desk, parameters).publish(
    METRICS_FILE,
    `${JSON.stringify({ run: parameters.run, rows, ...metrics }, null, 2)}\n`,
  );
}
