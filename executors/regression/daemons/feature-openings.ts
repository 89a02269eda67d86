import type { Turn } from '../contexts.ts';
import { decodeMessage, encodeMessage, PartialMessage } from '../messages.ts';
import {
  FinishOutput,
  GradientOutput,
  openCiphertexts,
  OpenOutput,
  ResumeOutput,
  StandOutput,
  stopReason,
  stopText,
} from '../outputs.ts';
import { refusal } from '../refusal.ts';
import { lossSumRound, predictionSumRound } from '../rounds/aggregate.ts';
import { countSum } from '../rounds/label.ts';
import { lossPartialRound, partialRound, predictionPartialRound } from '../rounds/threshold.ts';
import type { CallTools } from './desk.ts';
import { type FeatureRun, holderOf, partyOf, recall } from './feature-run.ts';
import type { FeatureMemory } from './memory.ts';
import { openingBefore, standOf, withOpening } from './openings.ts';
import { expectFeatures, openStatements, statement } from './statements.ts';

/** In threshold mode: a feature party's parts in openings. Each function may be called again and then says the same. */

/** This party's parts in opening all gradients, and the loss of the step before. */
export async function open(run: FeatureRun, turn: Turn, inputs: readonly string[], tools: CallTools): Promise<string> {
  const { blobs, signal } = tools;
  const known = await recall(run);
  const texts = await openStatements(run, inputs, expectFeatures(run, { about: 'gradient', ...turn }), signal);
  const outputs = texts.map((text) => decodeMessage(GradientOutput, text));
  const reason = stopReason(outputs);
  if (reason !== undefined) {
    await run.store.commit(await openLossPart(run, known, outputs, tools));
    return statement(run, { about: 'opening', ...turn }, stopText(reason, turn.iteration));
  }
  const holder = holderOf(await partyOf(run, known, signal), known.share);
  const gradients = outputs.map((output) => openCiphertexts(blobs, output.gradient, signal));
  const { state, messages } = await partialRound(holder, known.openState, turn, gradients, { signal });
  const text = encodeMessage(OpenOutput, { v: 1, kind: 'opened', ...turn, openings: [], partials: messages });
  const opened = { ...known, ...withOpening(known, turn, text), openState: state };
  await run.store.commit(await openLossPart(run, opened, outputs, tools));
  return statement(run, { about: 'opening', ...turn }, text);
}

/**
 * Remembers this party's part in opening the sum of the losses that were reported, and counts it; null when there are none.
 *
 * @throws TerminalError `OPENING_BUDGET`, or as `lossPartialRound`
 */
async function openLossPart(
  run: FeatureRun,
  memory: FeatureMemory,
  reports: readonly Pick<FinishOutput, 'loss'>[],
  { blobs, signal }: CallTools,
): Promise<FeatureMemory> {
  const { lastTurn } = memory;
  const texts = reports.flatMap(({ loss }) => (loss === null ? [] : [loss]));
  if (texts.length === 0 || lastTurn === null) return { ...memory, lossPartial: null };
  const openState = countSum(run.training.parameters, memory.openState, 'losses', texts);
  const party = await partyOf(run, memory, signal);
  const losses = texts.map((text) => openCiphertexts(blobs, text, signal));
  const sum = lossSumRound(party, lastTurn, losses);
  const partial = await lossPartialRound(holderOf(party, memory.share), lastTurn, sum, { signal });
  return { ...memory, openState, lossPartial: encodeMessage(PartialMessage, partial) };
}

/** Where this party stands: the first iteration that it has not opened, 0 before the set-up. @param turn of the question */
export async function stand(run: FeatureRun, turn: Turn): Promise<string> {
  const memory = await run.store.load();
  const iteration = memory === undefined ? 0 : standOf(memory);
  const output = encodeMessage(StandOutput, { v: 1, kind: 'stand', party: run.desk.name, iteration });
  return statement(run, { about: 'stand', ...turn }, output);
}

/** Says again what was opened last, for the block that begins. */
export async function resume(run: FeatureRun, iteration: number): Promise<string> {
  const memory = await recall(run);
  const opened = openingBefore(memory, iteration);
  const labels = { labels: [], labelsVersion: 0 };
  const output = encodeMessage(ResumeOutput, { v: 1, kind: 'resumed', key: memory.key ?? '', ...labels, opened });
  return statement(run, { about: 'resumed', iteration }, output);
}

/** This party's part in opening the last loss to the label party. @param inputs what the feature parties finished with */
export async function openLastLoss(
  run: FeatureRun,
  iteration: number,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const expected = expectFeatures(run, { about: 'finished', iteration });
  const texts = await openStatements(run, inputs, expected, tools.signal);
  const reports = texts.map((text) => decodeMessage(FinishOutput, text));
  const known = await recall(run);
  const { openState, lossPartial } = await openLossPart(run, known, reports, tools);
  await run.store.commit({ ...known, openState });
  if (lossPartial !== null) return statement(run, { about: 'loss-part', iteration }, lossPartial);
  throw refusal('STALE_CONTEXT', 'loss: expected the losses of the last iteration, got none; resume the run');
}

/**
 * This party's part in opening predictions to the label party.
 *
 * @param inputs the feature parties' predictions: what is opened is their sum, which this party adds up itself
 */
export async function openPredictions(
  run: FeatureRun,
  request: number,
  inputs: readonly string[],
  { blobs, signal }: CallTools,
): Promise<string> {
  const memory = await recall(run);
  const holder = holderOf(await partyOf(run, memory, signal), memory.share);
  const rows = run.heldOut[0]?.length ?? 0;
  const turn = { iteration: request, attempt: 0 };
  const texts = await openStatements(run, inputs, expectFeatures(run, { about: 'prediction', ...turn }), signal);
  const openState = countSum(run.training.parameters, memory.openState, 'predictions', texts);
  const predictions = texts.map((text) => openCiphertexts(blobs, text, signal));
  const sum = predictionSumRound(holder, turn, rows, predictions, { signal });
  const partial = await predictionPartialRound(holder, turn, rows, sum, { signal });
  await run.store.commit({ ...memory, openState });
  return statement(run, { about: 'prediction-part', ...turn }, encodeMessage(PartialMessage, partial));
}
