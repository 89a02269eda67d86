import { batchRange, gradientCiphertexts, gradientScale, rowsOfIteration } from './batches.ts';
import type { RowRange } from './batches.ts';
import { NOBODY } from './contexts.ts';
import type { Turn } from './contexts.ts';
import { isCubic } from './parameters.ts';
import type { RunParameters } from './parameters.ts';
import type { Expected } from './streams.ts';

/** What each message of a run must say of itself: the same for whoever writes it and whoever reads it. */

/** E0, the encrypted part of the residual that the label party knows, for the rows of a batch. */
export function expectLabels(parameters: RunParameters, batch: number): Expected {
  return {
    place: { round: 'labels', iteration: batch, attempt: 0, party: parameters.label },
    scaleBits: parameters.scaleBits,
    count: length(batchRange(parameters, batch)),
    summands: 1,
  };
}

/** A party's padded predictions. */
export function expectForward(parameters: RunParameters, turn: Turn, party: string): Expected {
  return {
    place: { round: 'forward', ...turn, party },
    scaleBits: parameters.scaleBits,
    count: length(rowsOfIteration(parameters, turn.iteration)),
    summands: 1,
  };
}

/** The padded residuals; for the cubic form the padded predictions, without E0. */
export function expectAggregate(parameters: RunParameters, turn: Turn): Expected {
  return {
    place: { round: 'aggregate', ...turn, party: NOBODY },
    scaleBits: parameters.scaleBits,
    count: length(rowsOfIteration(parameters, turn.iteration)),
    summands: parameters.features.length + (isCubic(parameters) ? 0 : 1),
  };
}

/** The powers of padded predictions that the cubic form takes. */
export const CUBIC_POWERS = [1, 2, 3] as const;
/** @see {@link CUBIC_POWERS} */
export type CubicPower = (typeof CUBIC_POWERS)[number];

/** A power of the padded predictions, encrypted again by the label party. */
export function expectPower(parameters: RunParameters, turn: Turn, power: CubicPower): Expected {
  return {
    place: { round: `power-${power}`, ...turn, party: parameters.label },
    scaleBits: power * parameters.scaleBits,
    count: length(rowsOfIteration(parameters, turn.iteration)),
    summands: 1,
  };
}

/** A party's masked gradient: residues that are uniform to everybody else. */
export function expectGradient(parameters: RunParameters, turn: Turn, party: string): Expected {
  return {
    place: { round: 'gradient', ...turn, party },
    scaleBits: gradientScale(parameters),
    count: gradientCiphertexts(parameters, party),
    summands: 1,
  };
}

/** A party's part of the loss. */
export function expectLoss(parameters: RunParameters, turn: Turn, party: string): Expected {
  return { place: { round: 'loss', ...turn, party }, scaleBits: 2 * parameters.scaleBits, count: 1, summands: 1 };
}

/** The encrypted loss, for the label party. */
export function expectLossSum(parameters: RunParameters, turn: Turn): Expected {
  return {
    place: { round: 'loss-sum', ...turn, party: NOBODY },
    scaleBits: 2 * parameters.scaleBits,
    count: 1,
    summands: parameters.features.length,
  };
}

/** A party's padded predictions for new rows. */
export function expectPrediction(parameters: RunParameters, turn: Turn, party: string, rows: number): Expected {
  const { scaleBits } = parameters;
  return { place: { round: 'predict', ...turn, party }, scaleBits, count: rows, summands: 1 };
}

/** The encrypted predictions for new rows, for the label party. */
export function expectPredictionSum(parameters: RunParameters, turn: Turn, rows: number): Expected {
  const { scaleBits, features } = parameters;
  const place = { round: 'prediction', ...turn, party: NOBODY } as const;
  return { place, scaleBits, count: rows, summands: features.length };
}

function length({ from, to }: RowRange): number {
  return to - from;
}
