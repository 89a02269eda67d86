import { planPacking } from '../../crypto/paillier/index.ts';
import type { PackingPlan } from '../../crypto/paillier/index.ts';
import { refusal } from './refusal.ts';
import { columnsOf, hasLoss, isCubic } from './parameters.ts';
import type { RunParameters } from './parameters.ts';

/** Rows of a streamed chunk: 2 MB of ciphertexts of 2048-bit keys. */
export const CHUNK_ROWS = 4096;

/** Chunks that gradients are computed from at a time: products of powers are cheaper for many terms. */
export const CHUNKS_AT_A_TIME = 4;

/** The cubic form opens predictions under a pad that is 2^80 times longer than this bound on |u|, an exponent of two. */
export const CUBIC_PREDICTION_BITS = 8;

/** Bits by which the pad of the cubic form is longer than what it hides. */
const STATISTICAL_BITS = 80;

/** Length of the pad under which the cubic form opens predictions. */
export function cubicPadBits({ scaleBits }: RunParameters): number {
  return scaleBits + CUBIC_PREDICTION_BITS + STATISTICAL_BITS;
}

/** A range of aligned rows: `from` is the first, `to` follows the last. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** How many fixed batches the rows are divided into. */
export function batchCount({ rows, batchRows }: RunParameters): number {
  return batchRows === 0 ? 1 : Math.max(1, Math.floor(rows / batchRows));
}

/** Which batch an iteration works on: the batches in turn. */
export function batchIndexOf(parameters: RunParameters, iteration: number): number {
  return iteration % batchCount(parameters);
}

/**
 * Whether an iteration only measures: where the loss of mini-batches is asked for, the first pass over the batches takes no
 * step, so that all gradients of that pass are those at θ = 0.
 */
export function isMeasuring(parameters: RunParameters, iteration: number): boolean {
  const batches = batchCount(parameters);
  return batches > 1 && hasLoss(parameters) && iteration < batches;
}

/** The rows of a batch; every batch has at least `batchRows`. */
export function batchRange(parameters: RunParameters, batch: number): RowRange {
  const batches = batchCount(parameters);
  const edge = (index: number): number => Math.floor((index * parameters.rows) / batches);
  return { from: edge(batch), to: edge(batch + 1) };
}

/** The rows that an iteration works on. */
export function rowsOfIteration(parameters: RunParameters, iteration: number): RowRange {
  return batchRange(parameters, batchIndexOf(parameters, iteration));
}

/** Fractional bits of an opened gradient: those of a column and of a residual; the cubic form multiplies four numbers. */
export function gradientScale(parameters: RunParameters): number {
  return (isCubic(parameters) ? 4 : 2) * parameters.scaleBits;
}

/** No gradient reaches this: largest batch × largest |x| × largest |residual|, at the gradient's scale. */
export function gradientBound(parameters: RunParameters): bigint {
  const residualBits = isCubic(parameters) ? 2 * CUBIC_PREDICTION_BITS : parameters.residualBoundBits;
  const largest = Math.ceil(parameters.rows / batchCount(parameters));
  const rowBits = Math.ceil(Math.log2(largest));
  return 1n << BigInt(rowBits + parameters.columnBoundBits + residualBits + gradientScale(parameters));
}

/**
 * How the gradients of a block share ciphertexts: slots of ⌈log2(n·max|x|·max|r|)⌉ + 2f + 2 bits. Everybody derives the
 * same from the parameters.
 *
 * @throws TerminalError `OVERFLOW_POSSIBLE` when not even one gradient fits a plaintext
 */
export function gradientPacking(parameters: RunParameters): PackingPlan {
  try {
    return planPacking({ keyBits: parameters.keyBits, magnitude: gradientBound(parameters), summands: 1 });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refusal('OVERFLOW_POSSIBLE', `plan: ${error.message}; or lower scaleBits or the bounds`, error);
  }
}

/** How many ciphertexts hold the gradient of a party's block. */
export function gradientCiphertexts(parameters: RunParameters, party: string): number {
  return Math.ceil(columnsOf(parameters, party) / gradientPacking(parameters).slotsPerCiphertext);
}
