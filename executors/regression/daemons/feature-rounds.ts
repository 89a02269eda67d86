import { batchIndexOf } from '../batches.ts';
import type { Turn } from '../contexts.ts';
import { decodeMessage, encodeMessage, PartialMessage } from '../messages.ts';
import {
  FinishOutput,
  GradientOutput,
  type OpenOutput,
  AggregateOutput,
  openCiphertexts,
  ResumeOutput,
  VectorsOutput,
  vectorText,
} from '../outputs.ts';
import { hasLoss, isCubic } from '../parameters.ts';
import { type FeatureParty, requireTurn } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { cubicGradientRound } from '../rounds/cubic.ts';
import { forwardFingerprint, forwardRound } from '../rounds/forward.ts';
import { gradientRound } from '../rounds/gradient.ts';
import { lossPartRound, predictRound } from '../rounds/scores.ts';
import { stepRound, type StepResult } from '../rounds/step.ts';
import { thresholdStepRound } from '../rounds/threshold.ts';
import { prepareNewRows } from '../scaling.ts';
import { forgetKeys } from './additive-keys.ts';
import { recordRun } from './audit.ts';
import type { CallTools } from './desk.ts';
import { filesOf } from './desk.ts';
import { type FeatureRun, partyOf, recall, requireSameTraining } from './feature-run.ts';
import { writeCoefficients } from './feature-results.ts';
import type { FeatureMemory } from './memory.ts';
import { writeModel } from './model.ts';
import { rememberIds } from './party-ids.ts';
import { readyText } from './feature-setup.ts';
import { digestOfLabels, labelsAfter, requireLabels } from './labels-pin.ts';
import { expectFeatures, openStatements, statement } from './statements.ts';
import { openTurn } from './turn-inputs.ts';

/** The iterations as a feature party sees them. Each function may be called again and then says the same. */

/** Steps with what was opened last, if that is not done yet, then predicts. */
export async function forward(
  run: FeatureRun,
  turn: Turn,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const memory = await catchUp(run, turn.iteration, inputs, (known) => partyOf(run, known, tools.signal), step, tools);
  const party = await partyOf(run, memory, tools.signal);
  const message = forwardRound(party, memory.feature, turn, { signal: tools.signal });
  const context = message.header.context;
  const fingerprint = forwardFingerprint(party, memory.feature, turn);
  await run.store.commit(memory, [{ context, iteration: turn.iteration, fingerprint }]);
  return statement(run, { about: 'forward', ...turn }, await vectorText(tools.blobs, message, tools.signal));
}

/** Takes the step of a turn, from what was opened. */
export type TakeStep<Party extends FeatureParty> = (
  party: Party,
  memory: FeatureMemory,
  turn: Turn,
  opened: readonly (OpenOutput | null)[],
) => Promise<StepResult>;

/**
 * Brings a party to an iteration: it may be one step behind, whose opening is among the inputs.
 *
 * @throws TerminalError `STALE_CONTEXT` when it is elsewhere, or as `openStatement` and `labelsAfter`
 */
export async function catchUp<Party extends FeatureParty>(
  run: FeatureRun,
  iteration: number,
  inputs: readonly string[],
  open: (memory: FeatureMemory) => Promise<Party>,
  takeStep: TakeStep<Party>,
  { signal, log }: CallTools,
): Promise<FeatureMemory> {
  const known = await recall(run);
  const { opened, resumed } = await openTurn(run, iteration, inputs, signal);
  const hasLabels = resumed !== undefined && run.training.parameters.mode !== 'additive';
  const memory = hasLabels ? { ...known, labels: labelsAfter(run, known, resumed, log) } : known;
  if (memory.feature.iteration === iteration) return memory;
  const last = opened[0]?.iteration;
  if (last === undefined || last !== memory.feature.iteration || last + 1 !== iteration) {
    throw refusal(
      'STALE_CONTEXT',
      `forward: expected iteration ${memory.feature.iteration}, where this party is, got ${iteration}; resume the run`,
    );
  }
  const party = await open(memory);
  const done = await takeStep(party, memory, { iteration: last, attempt: opened[0]?.attempt ?? 0 }, opened);
  const logBytes = await logStep(run, party, memory, done);
  const next = {
    ...memory,
    feature: done.state,
    lastTurn: { iteration: last, attempt: opened[0]?.attempt ?? 0 },
    logBytes,
  };
  await run.store.commit(next);
  return next;
}

async function step(
  party: FeatureParty,
  memory: FeatureMemory,
  turn: Turn,
  opened: readonly (OpenOutput | null)[],
): Promise<StepResult> {
  if (party.parameters.mode === 'threshold') {
    const partials = opened.flatMap(
      (output) => output?.partials.filter((partial) => partial.party === party.name) ?? [],
    );
    return thresholdStepRound(party, memory.feature, turn, partials);
  }
  const opening = opened[0]?.openings.find((candidate) => candidate.party === party.name);
  if (opening === undefined) {
    throw refusal(
      'WRONG_PARTY',
      `step: expected an opening for ${party.name}, got none; the label party must open every gradient`,
    );
  }
  return stepRound(party, memory.feature, turn, opening);
}

/** `<name> <theta>[<sum>]` for every column, as the seed of this protocol wrote it. */
async function logStep(run: FeatureRun, party: FeatureParty, memory: FeatureMemory, done: StepResult): Promise<number> {
  const names = party.columns.length > run.names.length ? ['intercept', ...run.names] : run.names;
  const lines = names.map((name, index) => `${name} ${done.state.theta[index]}[${done.gradientSums[index]}]\r\n`);
  return filesOf(run.desk, party.parameters).append('thetas.log', memory.logBytes, lines.join(''));
}

/** This party's masked gradient, with what it says of the step before. */
export async function gradient(
  run: FeatureRun,
  turn: Turn,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const memory = await recall(run);
  const party = await partyOf(run, memory, tools.signal);
  const { state, message } = await computeGradient(run, party, memory, turn, inputs, tools);
  const next = { ...memory, feature: state };
  await run.store.commit(next);
  const about = await reportStep(party, next, tools);
  const text = await vectorText(tools.blobs, message, tools.signal);
  const output = encodeMessage(GradientOutput, { v: 1, kind: 'gradient', ...about, gradient: text });
  return statement(run, { about: 'gradient', ...turn }, output);
}

async function computeGradient(
  run: FeatureRun,
  party: FeatureParty,
  memory: FeatureMemory,
  turn: Turn,
  inputs: readonly string[],
  { blobs, signal }: CallTools,
) {
  const { parameters, aggregator } = run.training;
  if (!isCubic(parameters)) {
    const expected = [{ about: 'aggregate', party: aggregator, ...turn }] as const;
    const [text = ''] = await openStatements(run, inputs, expected, signal);
    const { labels, sum } = decodeMessage(AggregateOutput, text);
    requireLabels(run, memory, turn.iteration, labels);
    return gradientRound(party, memory.feature, turn, openCiphertexts(blobs, sum, signal), { signal });
  }
  const { label } = parameters;
  const expected = [{ about: 'resumed', party: label } as const, { about: 'powers', party: label, ...turn } as const];
  const [resumed = '', powers = ''] = await openStatements(run, inputs, expected, signal);
  const labels = decodeMessage(ResumeOutput, resumed).labels[batchIndexOf(parameters, turn.iteration)] ?? '';
  requireLabels(run, memory, turn.iteration, digestOfLabels(labels));
  const { vectors } = decodeMessage(VectorsOutput, powers);
  return cubicGradientRound(
    party,
    memory.feature,
    turn,
    openCiphertexts(blobs, labels, signal),
    vectors.map((text) => openCiphertexts(blobs, text, signal)),
    { signal },
  );
}

/** What this party says of its last step: whether it converged, and its part of the loss before it. */
async function reportStep(party: FeatureParty, memory: FeatureMemory, { blobs, signal }: CallTools) {
  const { feature, lastTurn } = memory;
  const lossPartial = memory.lossPartial === null ? null : decodeMessage(PartialMessage, memory.lossPartial);
  if (lastTurn === null) return { progress: null, loss: null, lossPartial };
  const progress = feature.progress;
  if (!hasLoss(party.parameters)) return { progress, loss: null, lossPartial };
  const loss = await lossPartRound(party, feature, lastTurn, { signal });
  return { progress, loss: await vectorText(blobs, loss, signal), lossPartial };
}

/** The last step; writes this party's coefficients for its own people. */
export async function finish(
  run: FeatureRun,
  iteration: number,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const memory = await catchUp(run, iteration, inputs, (known) => partyOf(run, known, tools.signal), step, tools);
  const party = await partyOf(run, memory, tools.signal);
  writeCoefficients(run, memory.feature.theta);
  const about = await reportStep(party, memory, tools);
  const output = encodeMessage(FinishOutput, { v: 1, kind: 'finished', ...about });
  return statement(run, { about: 'finished', iteration }, output);
}

/** This party's part of the predictions for the rows that were held out, by the coefficients of where it is. */
export async function predict(
  run: FeatureRun,
  request: number,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const memory = await recall(run);
  const party = await partyOf(run, memory, tools.signal);
  const columns = prepareNewRows(party.parameters, run.prepared, run.heldOut);
  const turn = { iteration: request, attempt: 0 };
  requireTurn(memory.feature, turn);
  await openStatements(run, inputs, expectFeatures(run, { about: 'finished', iteration: request }), tools.signal);
  const { state, message } = predictRound(party, memory.feature, turn, columns, { signal: tools.signal });
  await run.store.commit({ ...memory, feature: state });
  return statement(run, { about: 'prediction', ...turn }, await vectorText(tools.blobs, message, tools.signal));
}

/**
 * The end of a run at this party, once the label party has reported it: keeps that it was, and forgets keys, seeds and masks.
 * Results stay.
 */
export async function forget(
  run: FeatureRun,
  iteration: number,
  inputs: readonly string[],
  { signal }: CallTools,
): Promise<string> {
  const party = run.training.parameters.label;
  const memory = await run.store.load();
  if (memory !== undefined) {
    // Parameters alone do not tell trainings apart, and the label party repeats its report for any.
    requireSameTraining(run.training, memory.training);
    rememberIds(run, memory.ids);
  }
  await openStatements(run, inputs, [{ about: 'report', party, iteration }], signal);
  if (run.training.parameters.mode === 'additive') await forgetKeys(run);
  if (memory !== undefined && !memory.finished) {
    await recordRun(run, 'ended', run.tableDigest, { done: memory.feature.iteration });
    const { progress, predictions } = memory.feature;
    const stopped = progress?.diverged === true ? 'diverged' : null;
    writeModel(run, { parties: memory.ids, stopped, heldOutRows: predictions.rows });
    const secrets = { half: null, share: null, group: null, pairs: {}, lossPartial: null };
    const feature = { ...memory.feature, pending: null };
    await run.store.commit({ ...memory, ...secrets, feature, lastOpened: null, openedBefore: null, finished: true });
  }
  return readyText(run);
}
