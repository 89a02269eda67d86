import { openMasked } from '../additive/messages.ts';
import type { AdditiveLabelParty } from '../additive/parties.ts';
import { additiveLossRound, additivePredictionRound } from '../additive/scores.ts';
import { labelSharesRound } from '../additive/shares.ts';
import type { Turn } from '../contexts.ts';
import { decodeMessage, encodeMessage } from '../messages.ts';
import {
  FinishOutput,
  MaskedOutput,
  OpenOutput,
  ResumeOutput,
  stopReason,
  stopText,
  VectorsOutput,
} from '../outputs.ts';
import { heldOutRows } from '../training.ts';
import { keysOfRun, pairSeedsOf } from './additive-keys.ts';
import { multiply } from './additive-products.ts';
import type { CallTools } from './desk.ts';
import { appendLoss, hasReported, publishMetrics, reportedText } from './label-rounds.ts';
import { forgetSecrets, type LabelRun, recallLabels } from './label-run.ts';
import type { LabelMemory } from './memory.ts';
import { hasOpened, openingBefore, standOf, withOpening } from './openings.ts';
import { expectFeatures, openStatements, statement } from './statements.ts';

/** The iterations of mode `additive` as the label party sees them. Each function may be called again and says the same. */

/** Its share of the residuals on everybody's rows, unless all have converged or one diverges. */
export async function multiplyAsLabel(
  run: LabelRun,
  turn: Turn,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const expected = expectFeatures(run, { about: 'forward', ...turn });
  const texts = await openStatements(run, inputs, expected, tools.signal);
  const outputs = texts.map((text) => decodeMessage(MaskedOutput, text));
  const reason = stopReason(outputs);
  const known = await recallLabels(run);
  const sayStop = (text: string): string => statement(run, { about: 'product', ...turn }, text);
  if (known.stopped !== null) return sayStop(stopText(known.stopped, standOf(known)));
  const memory = hasOpened(known, turn) ? known : await recordLoss(run, known, turn.iteration, outputs, tools);
  if (reason !== undefined) {
    await run.store.commit({ ...memory, stopped: reason });
    return sayStop(stopText(reason, turn.iteration));
  }
  const { blobs, signal } = tools;
  const forwards = outputs.map(({ forward }) => openMasked(forward, blobs, signal));
  const party = partyOf(run, memory);
  const { state, shares } = await labelSharesRound(party, memory.openState, turn, forwards, { signal });
  await run.store.commit({ ...memory, openState: state });
  return multiply(run, turn, { shares, pairSeeds: party.pairSeeds }, tools);
}

function partyOf({ desk, training, base, mean }: LabelRun, { pairs }: Pick<LabelMemory, 'pairs'>): AdditiveLabelParty {
  const { parameters } = training;
  return { parameters, base, mean, pairSeeds: pairSeedsOf(parameters, desk.name, pairs) };
}

/** Opens the loss that came with predictions, and writes it down. @param iteration that follows the one whose loss it is */
async function recordLoss(
  run: LabelRun,
  memory: LabelMemory,
  iteration: number,
  reports: readonly Pick<FinishOutput, 'loss'>[],
  { blobs, signal }: CallTools,
): Promise<LabelMemory> {
  const parts = reports.flatMap(({ loss }) => (loss === null ? [] : [openMasked(loss, blobs, signal)]));
  const last = parts.length === 0 ? null : openingBefore(memory, iteration);
  if (last === null) return memory;
  const turn = { iteration: last.iteration, attempt: last.attempt };
  const loss = await additiveLossRound(partyOf(run, memory), turn, parts, { signal });
  return appendLoss(run, memory, turn.iteration, loss);
}

/** Keeps the sums of all gradients before anybody steps with them: a run that breaks goes on from here. */
export async function keepSums(
  run: LabelRun,
  turn: Turn,
  inputs: readonly string[],
  { signal }: CallTools,
): Promise<string> {
  const memory = await recallLabels(run);
  const expected = [{ about: 'gradient-sum', party: run.training.aggregator, ...turn }] as const;
  const [sums = ''] = await openStatements(run, inputs, expected, signal);
  const { vectors } = decodeMessage(VectorsOutput, sums);
  const text = encodeMessage(OpenOutput, {
    v: 1,
    kind: 'opened',
    ...turn,
    openings: [],
    partials: [],
    sums: vectors,
  });
  await run.store.commit({ ...memory, ...withOpening(memory, turn, text) });
  return statement(run, { about: 'opening', ...turn }, text);
}

/** Says again what was kept last, and everybody's keys, for the block that begins. */
export async function resumeSums(run: LabelRun, iteration: number): Promise<string> {
  const memory = await recallLabels(run);
  const { keys } = await keysOfRun(run);
  const output = encodeMessage(ResumeOutput, {
    v: 1,
    kind: 'resumed',
    key: '',
    labels: [],
    labelsVersion: 0,
    keys: run.training.parameters.features.flatMap(({ name }) => keys[name] ?? []),
    opened: openingBefore(memory, iteration),
  });
  return statement(run, { about: 'resumed', iteration }, output);
}

/**
 * The end of a run: the last loss, and where rows were held out, how good the model is for them.
 *
 * @param inputs what the feature parties finished with, then their parts of predictions
 */
export async function reportMasked(
  run: LabelRun,
  iteration: number,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const reported = reportedText(run, iteration);
  if (await hasReported(run)) return reported;
  const { parameters, totalRows, holdoutEvery } = run.training;
  const finished = parameters.features.length;
  const expected = [
    ...expectFeatures(run, { about: 'finished', iteration }),
    ...(holdoutEvery > 0 ? expectFeatures(run, { about: 'prediction', iteration }) : []),
  ];
  const texts = await openStatements(run, inputs, expected, tools.signal);
  const reports = texts.slice(0, finished).map((text) => decodeMessage(FinishOutput, text));
  const memory = await recordLoss(run, await recallLabels(run), iteration, reports, tools);
  await run.store.commit(memory);
  const { blobs, signal } = tools;
  const parts = texts.slice(finished).map((text) => openMasked(text, blobs, signal));
  if (parts.length > 0) {
    const rows = heldOutRows(totalRows, holdoutEvery);
    const turn = { iteration, attempt: 0 };
    publishMetrics(run, await additivePredictionRound(partyOf(run, memory), turn, rows, parts, { signal }));
  }
  await forgetSecrets(run);
  return reported;
}
