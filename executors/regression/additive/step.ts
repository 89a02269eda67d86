import { letOthersWork } from '../../../colony/event-loop.ts';
import { decryptVector, unpackValues } from '../../../crypto/paillier/index.ts';
import { decodeFixedPoint } from '../../../crypto/paillier/index.ts';
import { CHUNK_ROWS, rowsOfIteration } from '../batches.ts';
import type { Turn } from '../contexts.ts';
import { toMantissas } from '../mantissas.ts';
import type { CiphertextMessage } from '../messages.ts';
import { requireTurn } from '../parties.ts';
import type { FeatureState } from '../parties.ts';
import { refusal } from '../refusal.ts';
import type { RoundOptions } from '../rounds/aggregate.ts';
import { repeatedStep, stepOf } from '../rounds/step.ts';
import type { StepResult } from '../rounds/step.ts';
import { validVector } from '../streams.ts';
import { expectGradientSum, gradientScaleBits } from './expectations.ts';
import { featureShares } from './forward.ts';
import { dotIntegers } from './integers.ts';
import type { AdditiveParty } from './parties.ts';
import { additivePlan, otherHolders } from './precision.ts';

/** A feature party's step, from the sum of what the other holders computed. */

/**
 * B6: decrypts the sum, adds this party's own part, and steps: θ ← θ − α(g/n + λθ).
 *
 * @throws TerminalError `STALE_CONTEXT`, `DAMAGED_OPENING` when a slot holds what no honest holders could add up to, or as
 *   the checks of messages
 */
export async function additiveStepRound(
  party: AdditiveParty,
  state: FeatureState,
  turn: Turn,
  sum: CiphertextMessage,
  options: RoundOptions = {},
): Promise<StepResult> {
  const repeated = repeatedStep(party, state, turn);
  if (repeated) return repeated;
  requireTurn(state, turn);
  const { parameters } = party;
  const slots = await openSlots(party, turn, sum, options);
  const own = await ownProducts(party, turn);
  const { shareBits } = additivePlan(parameters);
  const scale = gradientScaleBits(parameters);
  const sums = Float64Array.from(slots, (slot, column) =>
    decodeFixedPoint(BigInt.asIntN(shareBits, slot + (own[column] ?? 0n)), scale),
  );
  return stepOf(party, state, turn, sums);
}

/** What each slot holds: the gradient but for this party's own part, and a random multiple of 2^ℓ. */
export async function openSlots(
  party: AdditiveParty,
  turn: Turn,
  sum: CiphertextMessage,
  { signal }: RoundOptions = {},
): Promise<bigint[]> {
  const { parameters, privateKey, columns, name } = party;
  const vector = await validVector(party, expectGradientSum(parameters, turn, name), sum, signal);
  const { packing } = additivePlan(parameters);
  const holders = BigInt(otherHolders(parameters, name).length);
  const plaintexts = await decryptVector(privateKey, vector, { signal });
  try {
    return plaintexts.flatMap((plaintext, block) => {
      const rest = columns.length - block * packing.slotsPerCiphertext;
      return unpackValues(packing, plaintext, Math.min(packing.slotsPerCiphertext, rest), holders);
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refusal(
      'DAMAGED_OPENING',
      'gradient: expected a sum within the planned bounds, got something else; it was changed on the way',
      error,
    );
  }
}

/** Σ_i x̂_ic·(−Z_i) of every column, in plain. */
async function ownProducts(party: AdditiveParty, turn: Turn): Promise<bigint[]> {
  const { parameters, columns } = party;
  const { shareBytes, columnScaleBits } = additivePlan(parameters);
  const { from: first, to } = rowsOfIteration(parameters, turn.iteration);
  const shares = featureShares(party, turn);
  const sums = columns.map(() => 0n);
  for (let from = first; from < to; from += CHUNK_ROWS) {
    const end = Math.min(to, from + CHUNK_ROWS);
    const some = shares.subarray((from - first) * shareBytes, (end - first) * shareBytes);
    for (const [index, column] of columns.entries()) {
      const mantissas = toMantissas(column.subarray(from, end), columnScaleBits);
      sums[index] = (sums[index] ?? 0n) + dotIntegers(mantissas, some, shareBytes);
      await letOthersWork();
    }
  }
  return sums;
}
