import { rowsOfIteration } from '../batches.ts';
import { NOBODY } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import type { RunParameters } from '../parameters.ts';
import type { Expected } from '../streams.ts';
import type { ExpectedIntegers } from './messages.ts';
import { additivePlan, blockCiphertexts, otherHolders } from './precision.ts';

/** What each message of a run in mode `additive` must say of itself. */

/** Bits of the ring in which predictions for new rows are added: no number that doubles hold comes near. */
const PREDICTION_BITS = 128;
/** The same for parts of the loss, which are products of two numbers. */
const LOSS_BITS = 256;

/** A party's rows, encrypted once: one ciphertext for each row and block of columns, block after block. */
export function expectRows(parameters: RunParameters, party: string): Expected {
  return {
    place: { round: 'rows', iteration: 0, attempt: 0, party },
    scaleBits: additivePlan(parameters).columnScaleBits,
    count: parameters.rows * blockCiphertexts(parameters, party),
    summands: 1,
  };
}

/** A party's predictions under its own pads. */
export function expectMaskedForward(parameters: RunParameters, turn: Turn, party: string): ExpectedIntegers {
  const { shareScaleBits, shareBits } = additivePlan(parameters);
  const { from, to } = rowsOfIteration(parameters, turn.iteration);
  return { place: { round: 'forward', ...turn, party }, scaleBits: shareScaleBits, bits: shareBits, count: to - from };
}

/** What a holder's share adds to the gradient of an owner's block. */
export function expectProduct(parameters: RunParameters, turn: Turn, holder: string, owner: string): Expected {
  return {
    place: { round: 'product', ...turn, party: `${holder}:${owner}` },
    scaleBits: gradientScaleBits(parameters),
    count: blockCiphertexts(parameters, owner),
    summands: 1,
  };
}

/** The sum of the other holders' products: the gradient of an owner's block but for the owner's own part. */
export function expectGradientSum(parameters: RunParameters, turn: Turn, owner: string): Expected {
  return {
    place: { round: 'gradient', ...turn, party: owner },
    scaleBits: gradientScaleBits(parameters),
    count: blockCiphertexts(parameters, owner),
    summands: otherHolders(parameters, owner).length,
  };
}

/** Fractional bits of a gradient. */
export function gradientScaleBits(parameters: RunParameters): number {
  const { columnScaleBits, shareScaleBits } = additivePlan(parameters);
  return columnScaleBits + shareScaleBits;
}

/** A party's part of the loss, under pads that sum to zero. */
export function expectMaskedLoss(parameters: RunParameters, turn: Turn, party: string): ExpectedIntegers {
  return { place: { round: 'loss', ...turn, party }, scaleBits: 2 * parameters.scaleBits, bits: LOSS_BITS, count: 1 };
}

/** A party's part of predictions for new rows, under pads that sum to zero. */
export function expectMaskedPrediction(
  parameters: RunParameters,
  turn: Turn,
  party: string,
  rows: number,
): ExpectedIntegers {
  const place = { round: 'predict', ...turn, party } as const;
  return { place, scaleBits: parameters.scaleBits, bits: PREDICTION_BITS, count: rows };
}

/** The place that pads of a round belong to, whichever party adds them. */
export function padPlace(round: 'loss' | 'predict', turn: Turn) {
  return { round, ...turn, party: NOBODY } as const;
}
