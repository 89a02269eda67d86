import { planPacking } from '../../../crypto/paillier/index.ts';
import type { PackingPlan } from '../../../crypto/paillier/index.ts';
import { batchCount } from '../batches.ts';
import { columnsOf } from '../parameters.ts';
import type { RunParameters } from '../parameters.ts';
import { refusal } from '../refusal.ts';

/** What follows from a run's parameters in mode `additive`: fractional bits, the ring of shares, and slots. */
export interface AdditivePlan {
  /** Fractional bits of columns. */
  readonly columnScaleBits: number;
  /** Fractional bits of predictions, labels and shares. */
  readonly shareScaleBits: number;
  /** ℓ: shares are integers modulo 2^ℓ, and so are gradients. */
  readonly shareBits: number;
  /** ⌈ℓ / 8⌉: bytes of a share as it travels, big-endian. */
  readonly shareBytes: number;
  /** Bits of the random multiple of 2^ℓ that every holder adds to a slot. */
  readonly carryBits: number;
  /** How a party's columns share ciphertexts. */
  readonly packing: PackingPlan;
}

/** A random multiple is longer than the carries that it hides by so many bits. */
const HIDING_BITS = 41;
/** log2(2·6/√12): rounding spreads evenly over one unit, six deviations count, and both errors have half of the budget. */
const SPREAD_BITS = 1.8;
/** Doubles hold whole numbers below 2^52 with room for half a unit. */
const EXACT_BITS = 51;
/** Below, the rounding of single numbers would show. */
const LEAST_SCALE_BITS = 8;

const plans = new WeakMap<RunParameters, AdditivePlan>();

/**
 * Derives the numbers of bits of a run, the same for all parties.
 *
 * With columns rounded to 2^−f and predictions to 2^−h, the mean gradient of n rows is wrong by Σδx·r/n + Σx·δu/n. Every
 * rounding is at most half a unit, so it is surely at most 2^(R−f−1) + (N+1)·2^(C−h−1); since roundings of different
 * rows do not depend on each other, it stays below 2^−precisionBits within six standard deviations, and f and h need
 * ½·log2 n bits fewer than one row would. As long as α does not exceed 1/λ_max, T steps move coefficients by at most
 * α·T·2^−precisionBits from those of exact numbers.
 *
 * Gradients are below n·√mean(x²)·2^R (Cauchy and Schwarz); ℓ holds them at their scale, with a sign and one bit to
 * spare. A slot holds what N holders add: a sum of n products, and 2^ℓ times a random number of 41 bits more than the
 * carries of that sum.
 *
 * @throws TerminalError `OVERFLOW_POSSIBLE` when numbers do not fit doubles, or not even one gradient a plaintext
 */
export function additivePlan(parameters: RunParameters): AdditivePlan {
  const known = plans.get(parameters);
  if (known) return known;
  const plan = derivePlan(parameters);
  plans.set(parameters, plan);
  return plan;
}

function derivePlan(parameters: RunParameters): AdditivePlan {
  const { precisionBits, residualBoundBits, columnBoundBits, features } = parameters;
  const { most, least } = batchSizes(parameters);
  const meanBits = columnMeanBits(parameters);
  const averaged = Math.log2(least) / 2;
  const needed = precisionBits + SPREAD_BITS - averaged;
  const columnScaleBits = scaleBits(needed + residualBoundBits);
  const shareScaleBits = scaleBits(needed + meanBits + Math.log2(features.length + 1) / 2);
  requireExact('columns', columnScaleBits + columnBoundBits);
  requireExact('predictions', shareScaleBits + residualBoundBits);
  const rowBits = Math.ceil(Math.log2(most));
  const shareBits = rowBits + meanBits + residualBoundBits + columnScaleBits + shareScaleBits + 2;
  const sumBits = rowBits + columnBoundBits + columnScaleBits;
  const carryBits = sumBits + HIDING_BITS;
  // One holder's part of a slot: 2^ℓ·R < 2^(ℓ + carryBits), and a sum of n products of a column and a share.
  const magnitude = (1n << BigInt(shareBits + carryBits)) + (1n << BigInt(shareBits + sumBits));
  const packing = packingFor(parameters, magnitude);
  return {
    columnScaleBits,
    shareScaleBits,
    shareBits,
    shareBytes: Math.ceil(shareBits / 8),
    carryBits,
    packing,
  };
}

function scaleBits(needed: number): number {
  return Math.max(LEAST_SCALE_BITS, Math.ceil(needed));
}

/** Rows of the largest and the smallest batch. */
function batchSizes(parameters: RunParameters): { most: number; least: number } {
  const batches = batchCount(parameters);
  return { most: Math.ceil(parameters.rows / batches), least: Math.max(1, Math.floor(parameters.rows / batches)) };
}

/** No column has a larger root mean square than 2^this: that of scores is 1 over all rows. */
function columnMeanBits(parameters: RunParameters): number {
  return parameters.scaling !== 'none' && batchCount(parameters) === 1 ? 0 : parameters.columnBoundBits;
}

function requireExact(what: string, bits: number): void {
  if (bits <= EXACT_BITS) return;
  throw refusal(
    'OVERFLOW_POSSIBLE',
    `plan: expected ${what} of at most ${EXACT_BITS} bits, got ${bits}; lower precisionBits or the bounds`,
  );
}

function packingFor({ keyBits, features }: RunParameters, magnitude: bigint): PackingPlan {
  try {
    return planPacking({ keyBits, magnitude, summands: features.length });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refusal('OVERFLOW_POSSIBLE', `plan: ${error.message}; or lower precisionBits or the bounds`, error);
  }
}

/** How many ciphertexts hold one row of a party's block, and the gradient of the block. */
export function blockCiphertexts(parameters: RunParameters, party: string): number {
  return Math.ceil(columnsOf(parameters, party) / additivePlan(parameters).packing.slotsPerCiphertext);
}

/** Who holds a share of the residuals, but for the owner of a block: the label party and the other feature parties. */
export function otherHolders({ label, features }: RunParameters, owner: string): readonly string[] {
  return [label, ...features.map(({ name }) => name).filter((name) => name !== owner)];
}
