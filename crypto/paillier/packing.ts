import * as z from 'zod';
import { bitLength } from '../modular/bytes.ts';
import { absolute } from '../modular/number-theory.ts';

const MAXIMUM_SUMMANDS = 2 ** 40;
const MAXIMUM_WEIGHT_BITS = 4096;

/**
 * How many values share one ciphertext: a plaintext is Σ valueᵢ·2^(slotBits·i), signed. It is its own wire form, so two
 * parties compare plans by their JSON text.
 */
export const PackingPlanSchema = z
  .strictObject({
    slotBits: z.int().min(2).max(6144),
    slotsPerCiphertext: z.int().min(1).max(8192),
    magnitude: z.string().regex(/^(0|[1-9][0-9]{0,4999})$/, 'expected a decimal integer'),
    summands: z.int().min(1).max(MAXIMUM_SUMMANDS),
    weightBits: z.int().min(0).max(MAXIMUM_WEIGHT_BITS),
  })
  .refine(
    (plan) => plan.slotBits === slotBitsFor(plan),
    'expected slots as wide as magnitude, summands and weights ask',
  )
  .readonly();

/**
 * How many values share one ciphertext, and what makes overflow impossible:
 * - `slotBits`, `slotsPerCiphertext`: the layout
 * - `magnitude`: largest |value| of one summand, decimal
 * - `summands`: how many vectors may be added
 * - `weightBits`: public factors may take this many bits in total
 */
export type PackingPlan = z.output<typeof PackingPlanSchema>;

/** What a packing must hold. */
export interface PackingBounds {
  /** Length of the modulus. */
  readonly keyBits: number;
  /** Largest |value| of one summand. */
  readonly magnitude: bigint;
  /** How many vectors will be added at most. */
  readonly summands: number;
  /** Bits of the public factors that the vector will be scaled by. @default 0 */
  readonly weightBits?: number;
}

/**
 * Plans how many values share one ciphertext such that no sum can run into its neighbour: a slot holds
 * magnitude·summands·2^weightBits and a sign.
 *
 * @throws RangeError when the bounds are impossible or not even one value fits
 * @example planPacking({ keyBits: 2048, magnitude: 2n ** 64n - 1n, summands: 512 }).slotsPerCiphertext // 27
 */
export function planPacking(bounds: PackingBounds): PackingPlan {
  const { keyBits, magnitude, summands, weightBits = 0 } = bounds;
  if (magnitude < 0n) throw new RangeError('magnitude: expected a bound of at least 0, got a negative one');
  checkCount('summands', summands, 1, MAXIMUM_SUMMANDS);
  checkCount('weightBits', weightBits, 0, MAXIMUM_WEIGHT_BITS);
  const shape = { magnitude: magnitude.toString(), summands, weightBits };
  const slotBits = slotBitsFor(shape);
  // |Σ| < 2^(slotBits·slots − 1) ≤ 2^(keyBits − 2) ≤ n/2.
  const slotsPerCiphertext = Math.floor((keyBits - 1) / slotBits);
  if (slotsPerCiphertext < 1) {
    throw new RangeError(
      `packing: expected values of fewer than ${keyBits - 1} bits with their guard bits, got ${slotBits}; use a longer key`,
    );
  }
  return { slotBits, slotsPerCiphertext, ...shape };
}

/** The plan in words, for people who choose bounds. */
export function explainPacking(plan: PackingPlan): string {
  const magnitudeBits = bitLength(BigInt(plan.magnitude));
  const guardBits = plan.slotBits - magnitudeBits - 1;
  return (
    `${plan.slotsPerCiphertext} values per ciphertext in slots of ${plan.slotBits} bits: ${magnitudeBits} bits for the ` +
    `magnitude of one value, 1 for its sign, ${guardBits} so that ${plan.summands} summands` +
    `${plan.weightBits > 0 ? ` with weights of ${plan.weightBits} bits` : ''} cannot overflow`
  );
}

/** What `summands × weights` may reach before a slot could overflow. */
export function capacityOf(plan: PackingPlan): bigint {
  return BigInt(plan.summands) << BigInt(plan.weightBits);
}

/**
 * Packs values, the first in the lowest slot.
 *
 * @param values at most `slotsPerCiphertext`
 * @throws RangeError naming the value whose magnitude exceeds the plan's
 */
export function packValues(plan: PackingPlan, values: readonly bigint[], firstIndex = 0): bigint {
  const magnitude = BigInt(plan.magnitude);
  let packed = 0n;
  for (let slot = values.length - 1; slot >= 0; slot -= 1) {
    const value = values[slot] ?? 0n;
    if (absolute(value) > magnitude) {
      throw new RangeError(
        `value ${firstIndex + slot}: expected a magnitude of at most the plan's ${bitLength(magnitude)}-bit bound, got a larger one; plan with a larger magnitude`,
      );
    }
    packed = (packed << BigInt(plan.slotBits)) + value;
  }
  return packed;
}

/**
 * Takes packed values apart.
 *
 * @param summands how many values (times weights) each slot is the sum of
 * @throws RangeError when a slot exceeds what that many summands can reach, or something lies above the last slot
 */
export function unpackValues(plan: PackingPlan, packed: bigint, count: number, summands: bigint): bigint[] {
  const bound = BigInt(plan.magnitude) * summands;
  const values: bigint[] = [];
  let rest = packed;
  for (let slot = 0; slot < count; slot += 1) {
    const value = BigInt.asIntN(plan.slotBits, rest);
    if (absolute(value) > bound) throw damaged();
    values.push(value);
    rest = (rest - value) >> BigInt(plan.slotBits);
  }
  if (rest !== 0n) throw damaged();
  return values;
}

function damaged(): RangeError {
  return new RangeError(
    'packed value: expected a sum within the planned bound, got a larger one; a party exceeded its bound or the ciphertext was changed',
  );
}

function slotBitsFor(plan: { magnitude: string; summands: number; weightBits: number }): number {
  return bitLength(BigInt(plan.magnitude) * BigInt(plan.summands)) + plan.weightBits + 1;
}

function checkCount(name: string, value: number, minimum: number, maximum: number): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
  throw new RangeError(`${name}: expected an integer from ${minimum} to ${maximum}, got ${value}`);
}
