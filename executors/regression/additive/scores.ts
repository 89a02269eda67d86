import { encodeFixedPoint } from '../../../crypto/paillier/index.ts';
import { bytesToBigInt, elementAt, bigIntToBytes } from '../../../crypto/modular/bytes.ts';
import { contextOf } from '../contexts.ts';
import type { Place, Turn } from '../contexts.ts';
import { toMantissas } from '../mantissas.ts';
import { chunksOf } from '../pads.ts';
import type { FeatureState } from '../parties.ts';
import { refusal } from '../refusal.ts';
import type { RoundOptions } from '../rounds/aggregate.ts';
import { lossOf, predictionsOf } from '../rounds/label.ts';
import { countRequest, ownPredictions } from '../rounds/scores.ts';
import type { NewRows } from '../rounds/scores.ts';
import { expectMaskedLoss, expectMaskedPrediction, padPlace } from './expectations.ts';
import { addIntegers, integersOf } from './integers.ts';
import { maskedHeader } from './messages.ts';
import type { ExpectedIntegers, MaskedMessage } from './messages.ts';
import { ringOf, ZeroSumPads } from './pads.ts';
import type { AdditiveLabelParty, AdditiveParty } from './parties.ts';
import { addMessages } from './shares.ts';

/**
 * What feature parties send for the label party's eyes, as integers under pads that sum to zero with the label party's own:
 * parts of the loss, and predictions for new rows. No residual is opened: Σr² = Σ_j v_j·(r + e) + e·e, e = E0, and every party knows v_j·r and
 * v_j·e in plain from its gradients.
 */

/**
 * This party's part of the loss before the step of `turn`.
 *
 * @param state after the step of that turn
 * @throws TerminalError `STALE_CONTEXT` when the state is at another iteration or the run has no loss
 */
export function maskedLossRound(party: AdditiveParty, state: FeatureState, turn: Turn): MaskedMessage {
  if (state.iteration !== turn.iteration + 1 || state.lossPart === null) {
    throw refusal(
      'STALE_CONTEXT',
      `loss: expected the step of iteration ${turn.iteration} to have been the last, it was not`,
    );
  }
  const expected = expectMaskedLoss(party.parameters, turn, party.name);
  const mantissa = encodeFixedPoint(state.lossPart, expected.scaleBits);
  const integer = bigIntToBytes(BigInt.asUintN(expected.bits, mantissa), ringOf(expected.bits).bytes);
  return zeroSumMessage(party, expected, 'loss', turn, () => integer);
}

/**
 * This party's part of predictions for new rows: the label party learns sums only. With one feature party the sum is its
 * part, so at least two are asked for, except in demonstrations.
 *
 * @param turn the number of the request in place of the iteration; requests count up
 * @param columns this party's prepared columns of the new rows, in the order of training
 * @throws TerminalError as `predictRound` of the other modes
 */
export function maskedPredictRound(
  party: AdditiveParty,
  state: FeatureState,
  turn: Turn,
  columns: NewRows,
): { state: FeatureState; message: MaskedMessage } {
  const predictions = ownPredictions(party.parameters, state.theta, columns);
  const next = countRequest(party, state, turn, predictions);
  return { state: next, message: maskPredictions(party, turn, predictions) };
}

/** What pads that sum to zero need of a party. */
type PaddingParty = Pick<AdditiveParty, 'parameters' | 'name' | 'pairSeeds'>;

/** One party's part of predictions under its pads of a turn. The same arguments give the same bytes. */
export function maskPredictions(party: PaddingParty, turn: Turn, predictions: Float64Array): MaskedMessage {
  const expected = expectMaskedPrediction(party.parameters, turn, party.name, predictions.length);
  const { bytes } = ringOf(expected.bits);
  return zeroSumMessage(party, expected, 'predict', turn, (from, rows) =>
    integersOf(toMantissas(predictions.subarray(from, from + rows), expected.scaleBits), bytes),
  );
}

function zeroSumMessage(
  party: PaddingParty,
  expected: ExpectedIntegers,
  round: 'loss' | 'predict',
  turn: Turn,
  integersAt: (from: number, rows: number) => Uint8Array,
): MaskedMessage {
  const { parameters, pairSeeds } = party;
  const ring = ringOf(expected.bits);
  const pads = new ZeroSumPads(pairSeeds, contextOf(parameters, padPlace(round, turn)), ring);
  function* chunks(): Generator<Uint8Array> {
    for (const { chunk, from, rows } of chunksOf(expected.count)) {
      const integers = integersAt(from, rows);
      addIntegers(integers, pads.chunk(chunk, rows), ring.bytes);
      yield integers;
    }
  }
  return { header: maskedHeader(parameters, expected), chunks: chunks() };
}

/**
 * The loss before the step of an iteration, from all parties' parts.
 *
 * @throws TerminalError as the checks of messages
 */
export async function additiveLossRound(
  party: AdditiveLabelParty,
  turn: Turn,
  parts: readonly MaskedMessage[],
  options: RoundOptions = {},
): Promise<number> {
  const { parameters } = party;
  const expected = parameters.features.map(({ name }) => expectMaskedLoss(parameters, turn, name));
  const [sum = 0n] = await addedIntegers(party, padPlace('loss', turn), expected, parts, options);
  return lossOf(party, turn, sum);
}

/**
 * Predictions for new rows, from all parties' parts: Σ_j u_j + mean.
 *
 * @throws TerminalError as the checks of messages
 */
export async function additivePredictionRound(
  party: Omit<AdditiveLabelParty, 'base'>,
  turn: Turn,
  rows: number,
  parts: readonly MaskedMessage[],
  options: RoundOptions = {},
): Promise<Float64Array> {
  const { parameters } = party;
  const expected = parameters.features.map(({ name }) => expectMaskedPrediction(parameters, turn, name, rows));
  return predictionsOf(party, await addedIntegers(party, padPlace('predict', turn), expected, parts, options));
}

/** The sums as signed numbers: the label party's own pads take out all others'. */
async function addedIntegers(
  { parameters, pairSeeds }: Omit<AdditiveLabelParty, 'base'>,
  place: Place,
  expected: readonly ExpectedIntegers[],
  parts: readonly MaskedMessage[],
  options: RoundOptions,
): Promise<bigint[]> {
  const { bits = 8, count = 0 } = expected[0] ?? {};
  const ring = ringOf(bits);
  const { bytes } = ring;
  const sums = new Uint8Array(count * bytes);
  const pads = new ZeroSumPads(pairSeeds, contextOf(parameters, place), ring);
  for (const { chunk, from, rows } of chunksOf(count)) sums.set(pads.chunk(chunk, rows), from * bytes);
  await addMessages(parameters, sums, expected, parts, options);
  return Array.from({ length: count }, (_, row) => BigInt.asIntN(bits, bytesToBigInt(elementAt(sums, row, bytes))));
}
