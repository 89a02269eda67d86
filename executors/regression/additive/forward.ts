import { rowsOfIteration } from '../batches.ts';
import { contextOf } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { requireBounded, toMantissas } from '../mantissas.ts';
import { chunksOf } from '../pads.ts';
import { requireTurn } from '../parties.ts';
import type { FeatureState } from '../parties.ts';
import { predictionFactor, weightedSum } from '../rounds/forward.ts';
import { expectMaskedForward } from './expectations.ts';
import { addIntegers, integersOf, negateIntegers, truncateIntegers } from './integers.ts';
import { maskedHeader } from './messages.ts';
import type { MaskedMessage } from './messages.ts';
import { IntegerPads, ringOf } from './pads.ts';
import type { AdditiveParty } from './parties.ts';
import { additivePlan } from './precision.ts';

/** A feature party's predictions under its own pads, and its share of the residuals. */

/**
 * B2: û + Z modulo 2^ℓ, û = round(2^f·X_jθ_j), for the label party; no ciphertext is needed. The same state and turn give
 * the same bytes.
 *
 * @throws TerminalError `STALE_CONTEXT` when the state is at another iteration, `MAGNITUDE_EXCEEDED` when predictions
 *   leave the planned bounds
 */
export function maskedForwardRound(party: AdditiveParty, state: FeatureState, turn: Turn): MaskedMessage {
  requireTurn(state, turn);
  const { parameters } = party;
  const { from, to } = rowsOfIteration(parameters, turn.iteration);
  const predictions = weightedSum(party.columns, state.theta, predictionFactor(parameters), from, to);
  requireBounded(predictions, parameters.residualBoundBits, 'predictions', parameters.features.length + 1);
  const header = maskedHeader(parameters, expectMaskedForward(parameters, turn, party.name));
  return { header, chunks: maskChunks(party, turn, predictions) };
}

function* maskChunks(party: AdditiveParty, turn: Turn, predictions: Float64Array): Generator<Uint8Array> {
  const { shareScaleBits, shareBits, shareBytes } = additivePlan(party.parameters);
  const pads = ownPads(party, turn);
  for (const { chunk, from, rows } of chunksOf(predictions.length)) {
    const integers = integersOf(toMantissas(predictions.subarray(from, from + rows), shareScaleBits), shareBytes);
    addIntegers(integers, pads.chunk(chunk, rows), shareBytes);
    truncateIntegers(integers, shareBytes, shareBits);
    yield integers;
  }
}

/** Z of a turn. */
function ownPads({ parameters, name, padSeed }: AdditiveParty, turn: Turn): IntegerPads {
  const context = contextOf(parameters, { round: 'forward', ...turn, party: name });
  return new IntegerPads(padSeed, context, ringOf(additivePlan(parameters).shareBits));
}

/** This party's share of the residuals, −Z modulo 2^ℓ: it depends on no data. */
export function featureShares(party: AdditiveParty, turn: Turn): Uint8Array {
  const { shareBits, shareBytes } = additivePlan(party.parameters);
  const { from: first, to } = rowsOfIteration(party.parameters, turn.iteration);
  const shares = new Uint8Array((to - first) * shareBytes);
  const pads = ownPads(party, turn);
  for (const { chunk, from, rows } of chunksOf(to - first)) shares.set(pads.chunk(chunk, rows), from * shareBytes);
  negateIntegers(shares, shareBytes);
  truncateIntegers(shares, shareBytes, shareBits);
  return shares;
}
