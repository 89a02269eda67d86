import { createHash } from 'node:crypto';
import { letOthersWork } from '../../../colony/event-loop.ts';
import { rowsOfIteration } from '../batches.ts';
import { contextOf } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { toMantissas } from '../mantissas.ts';
import { chunksOf } from '../pads.ts';
import type { LabelState } from '../parties.ts';
import { refusal } from '../refusal.ts';
import type { RoundOptions } from '../rounds/aggregate.ts';
import { advance } from '../rounds/label.ts';
import { expectMaskedForward } from './expectations.ts';
import { addIntegers, integersOf, truncateIntegers } from './integers.ts';
import { maskedChunks } from './messages.ts';
import type { ExpectedIntegers, MaskedMessage } from './messages.ts';
import type { AdditiveLabelParty } from './parties.ts';
import { additivePlan } from './precision.ts';
import type { RunParameters } from '../parameters.ts';

/** The label party's share of the residuals. */

/**
 * B3: ρ = Σ_j (û_j + Z_j) − ŷ modulo 2^ℓ, one number for each row of the iteration: uniform, as long as one Z_j is
 * unknown.
 *
 * @param forwards one message from each feature party, in their order
 * @returns the state that remembers what was answered: store it before products leave
 * @throws TerminalError `STALE_CONTEXT` for an iteration that is over, `REPLAYED` when other numbers come under a context
 *   that was answered, or as the checks of messages
 */
export async function labelSharesRound(
  party: AdditiveLabelParty,
  state: LabelState,
  turn: Turn,
  forwards: readonly MaskedMessage[],
  options: RoundOptions = {},
): Promise<{ state: LabelState; shares: Uint8Array }> {
  const { parameters } = party;
  const next = advance(state, turn);
  const { shareBits, shareBytes, shareScaleBits } = additivePlan(parameters);
  const { from: first, to } = rowsOfIteration(parameters, turn.iteration);
  const shares = new Uint8Array((to - first) * shareBytes);
  for (const { from, rows } of chunksOf(to - first)) {
    const labels = toMantissas(party.base.subarray(first + from, first + from + rows), shareScaleBits);
    shares.set(integersOf(labels, shareBytes), from * shareBytes);
    await letOthersWork();
  }
  const expected = parameters.features.map(({ name }) => expectMaskedForward(parameters, turn, name));
  await addMessages(parameters, shares, expected, forwards, options);
  truncateIntegers(shares, shareBytes, shareBits);
  return { state: recordShares(party, next, turn, shares), shares };
}

/**
 * target += every message, which must be one of each expected kind.
 *
 * @throws TerminalError `WRONG_COUNT` when one is missing, `REPLAYED` when one comes twice, or as the checks of messages
 */
export async function addMessages(
  parameters: RunParameters,
  target: Uint8Array,
  expected: readonly ExpectedIntegers[],
  messages: readonly MaskedMessage[],
  { signal }: RoundOptions,
): Promise<void> {
  const contexts = messages.map(({ header }) => header.context);
  if (new Set(contexts).size !== contexts.length) {
    throw refusal('REPLAYED', 'shares: expected one message from each party, got one twice');
  }
  if (messages.length !== expected.length) {
    throw refusal('WRONG_COUNT', `shares: expected ${expected.length} messages, got ${messages.length}`);
  }
  for (const [index, message] of messages.entries()) {
    const wanted = expected[index];
    if (!wanted) continue;
    const width = target.length / wanted.count;
    let start = 0;
    for await (const chunk of maskedChunks(parameters, wanted, message, signal)) {
      addIntegers(target.subarray(start, start + chunk.length), chunk, width);
      start += chunk.length;
    }
  }
}

/** Remembers which shares were used in a turn, so that no others are under the same context. */
function recordShares(
  { parameters }: AdditiveLabelParty,
  state: LabelState,
  turn: Turn,
  shares: Uint8Array,
): LabelState {
  const context = contextOf(parameters, { round: 'product', ...turn, party: parameters.label });
  const digest = createHash('sha256').update(shares).digest('hex');
  const known = state.answered[context];
  if (known === digest) return state;
  if (known !== undefined) {
    throw refusal(
      'REPLAYED',
      'shares: expected the predictions that were answered in this turn, got others; begin a new attempt',
    );
  }
  return { ...state, answered: { ...state.answered, [context]: digest } };
}
