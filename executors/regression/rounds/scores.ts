import { createHash } from 'node:crypto';
import { encodeFixedPoint, encryptResidues } from '../../../crypto/paillier/index.ts';
import { bigIntToBytes, byteLength } from '../../../crypto/modular/bytes.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { contextOf, NOBODY } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { expectLoss, expectPrediction } from '../expectations.ts';
import { requireBounded } from '../mantissas.ts';
import { messageOf } from '../messages.ts';
import type { CiphertextMessage } from '../messages.ts';
import type { RunParameters } from '../parameters.ts';
import { padsOf } from '../parties.ts';
import type { FeatureParty, FeatureState } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { headerFor } from '../streams.ts';
import type { RoundOptions } from './aggregate.ts';
import { encryptPadded, weightedSum } from './forward.ts';

/** What feature parties send for the label party's eyes: parts of the loss, and predictions for new rows. */

/**
 * This party's part of the loss before the step of `turn`, with a zero-sum pad: the label party learns the sum only.
 *
 * @param state after the step of that turn
 * @throws TerminalError `STALE_CONTEXT` when the state is at another iteration or the run has no loss
 */
export async function lossPartRound(
  party: FeatureParty,
  state: FeatureState,
  turn: Turn,
  options: RoundOptions = {},
): Promise<CiphertextMessage> {
  const { parameters, publicKey, name } = party;
  if (state.iteration !== turn.iteration + 1 || state.lossPart === null) {
    throw refusal(
      'STALE_CONTEXT',
      `loss: expected the step of iteration ${turn.iteration} to have been the last, it was not`,
    );
  }
  const expected = expectLoss(parameters, turn, name);
  const [pad = 0n] =
    padsOf(party, contextOf(parameters, { round: 'loss', ...turn, party: NOBODY }))?.zeroSum(0, 1) ?? [];
  const mantissa = encodeFixedPoint(state.lossPart, expected.scaleBits);
  const residue = bigIntToBytes(mod(mantissa + pad, publicKey.n), byteLength(publicKey.n));
  const vector = await encryptResidues(publicKey, residue, { scaleBits: expected.scaleBits, ...options });
  return messageOf(vector.with({ context: contextOf(parameters, expected.place) }));
}

/** Prepared columns of rows to predict. */
export type NewRows = readonly Float64Array[];

/**
 * This party's part of predictions for new rows, with zero-sum pads: the label party learns sums only. With one feature
 * party the sum is its part, so at least two are asked for, except in demonstrations.
 *
 * @param turn the number of the request in place of the iteration; requests count up
 * @param columns this party's prepared columns of the new rows, in the order of training
 * @throws TerminalError `ONE_PARTY`, `PREDICTION_BUDGET`, `REPLAYED` for a request that was answered with other rows,
 *   `STALE_CONTEXT` for an older one
 */
export function predictRound(
  party: FeatureParty,
  state: FeatureState,
  turn: Turn,
  columns: NewRows,
  options: RoundOptions = {},
): { state: FeatureState; message: CiphertextMessage } {
  const { parameters, name } = party;
  const predictions = ownPredictions(parameters, state.theta, columns);
  const next = countRequest(party, state, turn, predictions);
  const header = headerFor(party, expectPrediction(parameters, turn, name, predictions.length));
  const pads = padsOf(party, contextOf(parameters, { round: 'predict', ...turn, party: NOBODY }));
  return { state: next, message: { header, chunks: encryptPadded(party, predictions, pads, () => [], options) } };
}

/**
 * One party's part of predictions, in plain.
 *
 * @param columns prepared, in the order of `theta`
 * @throws TerminalError `NOT_FINITE`, `MAGNITUDE_EXCEEDED`
 */
export function ownPredictions(parameters: RunParameters, theta: readonly number[], columns: NewRows): Float64Array {
  const predictions = weightedSum(columns, theta, 1, 0, columns[0]?.length ?? 0);
  requireBounded(predictions, parameters.residualBoundBits, 'predictions', parameters.features.length + 1);
  return predictions;
}

/** Counts the rows of a request, or refuses it. @throws TerminalError as {@link predictRound} */
export function countRequest(
  { parameters }: Pick<FeatureParty, 'parameters'>,
  state: FeatureState,
  turn: Turn,
  predictions: Float64Array,
): FeatureState {
  if (parameters.features.length < 2 && parameters.guards !== 'demonstration') {
    throw refusal('ONE_PARTY', 'predict: expected two feature parties or more, got one, whose part would be the sum');
  }
  const { request, fingerprint, rows } = state.predictions;
  const wanted = createHash('sha256').update(`${turn.attempt}/`).update(predictions).digest('hex');
  if (turn.iteration < request) {
    throw refusal('STALE_CONTEXT', `predict: expected request ${request} or a later one, got ${turn.iteration}`);
  }
  if (turn.iteration === request) {
    if (fingerprint === wanted) return state;
    throw refusal('REPLAYED', `predict: request ${request} was answered for other rows; use the next number`);
  }
  const total = rows + predictions.length;
  if (total > parameters.predictionRows) {
    throw refusal(
      'PREDICTION_BUDGET',
      `predict: expected at most ${parameters.predictionRows} rows in all ("predictionRows"), got ${total}`,
    );
  }
  return { ...state, predictions: { request: turn.iteration, fingerprint: wanted, rows: total } };
}
