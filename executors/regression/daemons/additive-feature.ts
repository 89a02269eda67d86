import { featureShares, maskedForwardRound } from '../additive/forward.ts';
import { maskedText } from '../additive/messages.ts';
import type { AdditiveParty } from '../additive/parties.ts';
import { maskedLossRound, maskedPredictRound } from '../additive/scores.ts';
import { additiveStepRound } from '../additive/step.ts';
import type { Turn } from '../contexts.ts';
import { encodeMessage } from '../messages.ts';
import { FinishOutput, MaskedOutput, openCiphertexts } from '../outputs.ts';
import type { OpenOutput } from '../outputs.ts';
import { hasLoss } from '../parameters.ts';
import { requireTurn } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { forwardFingerprint } from '../rounds/forward.ts';
import type { StepResult } from '../rounds/step.ts';
import { prepareNewRows } from '../scaling.ts';
import { keysOfRun, pairSeedsOf, privateKeyOf } from './additive-keys.ts';
import { multiply } from './additive-products.ts';
import type { CallTools } from './desk.ts';
import { catchUp } from './feature-rounds.ts';
import { type FeatureRun, recall } from './feature-run.ts';
import { writeCoefficients } from './feature-results.ts';
import type { FeatureMemory } from './memory.ts';
import { expectFeatures, openStatements, statement } from './statements.ts';

/** The iterations of mode `additive` as a feature party sees them. Each function may be called again and says the same. */

async function partyOf(run: FeatureRun, memory: Pick<FeatureMemory, 'pairs'>): Promise<AdditiveParty> {
  const { desk, training, prepared } = run;
  const { parameters } = training;
  const { own } = await keysOfRun(run);
  if (own === null) {
    throw refusal('STALE_CONTEXT', `run ${parameters.run}: expected an own key, got none; submit the run anew`);
  }
  const privateKey = await privateKeyOf(run, own);
  return {
    parameters,
    publicKey: privateKey.publicKey,
    privateKey,
    name: desk.name,
    columns: prepared.columns,
    penalised: prepared.penalised,
    padSeed: Buffer.from(own.padSeed, 'hex'),
    pairSeeds: pairSeedsOf(parameters, desk.name, memory.pairs),
  };
}

/** Steps with the sum that was kept last, if that is not done yet, then predicts. */
export async function mask(run: FeatureRun, turn: Turn, inputs: readonly string[], tools: CallTools): Promise<string> {
  const memory = await arriveAt(run, turn.iteration, inputs, tools);
  const party = await partyOf(run, memory);
  const message = maskedForwardRound(party, memory.feature, turn);
  const { context } = message.header;
  const fingerprint = forwardFingerprint(party, memory.feature, turn);
  await run.store.commit(memory, [{ context, iteration: turn.iteration, fingerprint }]);
  const about = await reportStep(party, memory, tools);
  const forward = await maskedText(message, tools.blobs, tools.signal);
  const output = encodeMessage(MaskedOutput, { v: 1, kind: 'masked-predictions', ...about, forward });
  return statement(run, { about: 'forward', ...turn }, output);
}

function arriveAt(
  run: FeatureRun,
  iteration: number,
  inputs: readonly string[],
  tools: CallTools,
): Promise<FeatureMemory> {
  const { blobs, signal } = tools;
  const place = run.training.parameters.features.findIndex(({ name }) => name === run.desk.name);
  const step = (
    party: AdditiveParty,
    memory: FeatureMemory,
    turn: Turn,
    opened: readonly (OpenOutput | null)[],
  ): Promise<StepResult> => {
    const sum = opened[0]?.sums?.[place] ?? '';
    return additiveStepRound(party, memory.feature, turn, openCiphertexts(blobs, sum, signal), { signal });
  };
  return catchUp(run, iteration, inputs, (memory) => partyOf(run, memory), step, tools);
}

/** What this party says of its last step: whether it converged, and its part of the loss before it. */
async function reportStep(
  party: AdditiveParty,
  { feature, lastTurn }: FeatureMemory,
  { blobs, signal }: CallTools,
): Promise<Pick<MaskedOutput, 'progress' | 'loss'>> {
  if (lastTurn === null) return { progress: null, loss: null };
  if (!hasLoss(party.parameters)) return { progress: feature.progress, loss: null };
  const loss = maskedLossRound(party, feature, lastTurn);
  return { progress: feature.progress, loss: await maskedText(loss, blobs, signal) };
}

/** This party's share of the residuals on the other feature parties' rows. */
export async function multiplyAsFeature(
  run: FeatureRun,
  turn: Turn,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const memory = await recall(run);
  requireTurn(memory.feature, turn);
  await openStatements(run, inputs, [{ about: 'forward', party: run.desk.name, ...turn }], tools.signal);
  const party = await partyOf(run, memory);
  const { pairSeeds } = party;
  return multiply(run, turn, { shares: featureShares(party, turn), pairSeeds }, tools);
}

/** The last step; writes this party's coefficients for its own people. */
export async function finishMasked(
  run: FeatureRun,
  iteration: number,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const memory = await arriveAt(run, iteration, inputs, tools);
  const party = await partyOf(run, memory);
  writeCoefficients(run, memory.feature.theta);
  const about = await reportStep(party, memory, tools);
  const output = encodeMessage(FinishOutput, { v: 1, kind: 'finished', ...about, lossPartial: null });
  return statement(run, { about: 'finished', iteration }, output);
}

/** This party's part of the predictions for the rows that were held out, by the coefficients of where it is. */
export async function predictMasked(
  run: FeatureRun,
  request: number,
  inputs: readonly string[],
  { blobs, signal }: CallTools,
): Promise<string> {
  const memory = await recall(run);
  const party = await partyOf(run, memory);
  const columns = prepareNewRows(party.parameters, run.prepared, run.heldOut);
  const turn = { iteration: request, attempt: 0 };
  requireTurn(memory.feature, turn);
  await openStatements(run, inputs, expectFeatures(run, { about: 'finished', iteration: request }), signal);
  const { state, message } = maskedPredictRound(party, memory.feature, turn, columns);
  await run.store.commit({ ...memory, feature: state });
  return statement(run, { about: 'prediction', ...turn }, await maskedText(message, blobs, signal));
}
