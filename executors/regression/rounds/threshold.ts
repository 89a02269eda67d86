import {
  combineShares,
  keyId,
  partiallyDecrypt,
  type DecryptionShare,
  type PartialDecryption,
} from '../../../crypto/paillier/index.ts';
import { fromBigInts, toBigInts } from '../../../crypto/modular/bytes.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { contextOf, requireContext } from '../contexts.ts';
import type { Place, Turn } from '../contexts.ts';
import { expectGradient, expectLossSum, expectPredictionSum } from '../expectations.ts';
import type { CiphertextMessage, PartialMessage } from '../messages.ts';
import { partiesOf } from '../parameters.ts';
import type { FeatureParty, FeatureState, LabelParty, LabelState } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { validVector } from '../streams.ts';
import type { Expected, RunKey } from '../streams.ts';
import { requireOneOfEach } from './aggregate.ts';
import type { RoundOptions } from './aggregate.ts';
import { repeatedStep, stepWith } from './step.ts';
import type { StepResult } from './step.ts';
import { advance, countOpening, lossOf, predictionsOf } from './label.ts';

/**
 * Threshold mode: nobody holds the key. Every party, the label party too, holds one share of it and enforces the opening
 * budget for itself; all parts together open, and none missing.
 */

/** A party of a threshold run that takes part in openings. */
export interface ShareHolder extends RunKey {
  readonly name: string;
  readonly share: DecryptionShare;
}

/**
 * A4 in threshold mode: this holder's parts in opening every party's masked gradient.
 *
 * @param state what this holder has opened so far; every holder counts
 * @param gradients one message from each feature party, in their order
 * @returns one message for each feature party, in their order
 * @throws TerminalError as `openRound` of the label party
 */
export async function partialRound(
  holder: ShareHolder,
  state: LabelState,
  turn: Turn,
  gradients: readonly CiphertextMessage[],
  options: RoundOptions = {},
): Promise<{ state: LabelState; messages: PartialMessage[] }> {
  const { parameters } = holder;
  const expected = parameters.features.map(({ name }) => expectGradient(parameters, turn, name));
  requireOneOfEach(holder, expected, gradients);
  let next = advance(state, turn);
  const messages: PartialMessage[] = [];
  for (const [index, { name }] of parameters.features.entries()) {
    const [message, wanted] = [gradients[index], expected[index]];
    if (!message || !wanted) continue;
    const vector = await validVector(holder, wanted, message, options.signal);
    next = countOpening(parameters, next, name, vector);
    messages.push(
      await partialOf(holder, { round: 'partial', ...turn, party: holder.name }, name, vector.ciphertexts()),
    );
  }
  return { state: next, messages };
}

/**
 * A5 in threshold mode: combines all holders' parts of this party's gradient, and steps.
 *
 * @param partials one message from each party, the label party first; this party's own as well
 * @throws TerminalError `MISSING_SHARE` when a part is missing or comes twice; `WRONG_CIPHERTEXT` when parts do not belong to
 *   the same ciphertexts; or as `stepRound`
 */
export async function thresholdStepRound(
  party: FeatureParty,
  state: FeatureState,
  turn: Turn,
  partials: readonly PartialMessage[],
): Promise<StepResult> {
  const repeated = repeatedStep(party, state, turn);
  if (repeated) return repeated;
  const count = expectGradient(party.parameters, turn, party.name).count;
  const plaintexts = await combinePartials(party, { round: 'partial', ...turn }, party.name, count, partials);
  return stepWith(
    party,
    state,
    turn,
    plaintexts.map((plaintext) => mod(plaintext, party.publicKey.n)),
  );
}

/**
 * A feature party's part in opening the loss to the label party.
 *
 * @throws TerminalError as the checks of messages
 */
export async function lossPartialRound(
  holder: ShareHolder,
  turn: Turn,
  lossSum: CiphertextMessage,
  options: RoundOptions = {},
): Promise<PartialMessage> {
  return sumPartial(holder, 'loss-partial', turn, expectLossSum(holder.parameters, turn), lossSum, options);
}

/**
 * The loss, which only the label party learns: it adds its own part, which never leaves it.
 *
 * @param partials one message from each feature party, in their order
 * @throws TerminalError `MISSING_SHARE`, `WRONG_CIPHERTEXT`, or as the checks of messages
 */
export async function thresholdLossRound(
  party: LabelParty,
  holder: ShareHolder,
  turn: Turn,
  lossSum: CiphertextMessage,
  partials: readonly PartialMessage[],
): Promise<number> {
  const own = await lossPartialRound(holder, turn, lossSum);
  const place = { round: 'loss-partial', ...turn } as const;
  const [sum = 0n] = await combinePartials(party, place, party.parameters.label, 1, [own, ...partials]);
  return lossOf(party, turn, sum);
}

/** A feature party's part in opening predictions to the label party. @throws TerminalError as the checks of messages */
export async function predictionPartialRound(
  holder: ShareHolder,
  turn: Turn,
  rows: number,
  predictions: CiphertextMessage,
  options: RoundOptions = {},
): Promise<PartialMessage> {
  const expected = expectPredictionSum(holder.parameters, turn, rows);
  return sumPartial(holder, 'prediction-partial', turn, expected, predictions, options);
}

/**
 * Predictions for new rows, which only the label party learns.
 *
 * @param partials one message from each feature party, in their order
 * @throws TerminalError `MISSING_SHARE`, `WRONG_CIPHERTEXT`, or as the checks of messages
 */
export async function thresholdPredictionRound(
  party: LabelParty,
  holder: ShareHolder,
  turn: Turn,
  predictions: CiphertextMessage,
  partials: readonly PartialMessage[],
): Promise<Float64Array> {
  const rows = predictions.header.count;
  const own = await predictionPartialRound(holder, turn, rows, predictions);
  const place = { round: 'prediction-partial', ...turn } as const;
  return predictionsOf(party, await combinePartials(party, place, party.parameters.label, rows, [own, ...partials]));
}

async function sumPartial(
  holder: ShareHolder,
  round: 'loss-partial' | 'prediction-partial',
  turn: Turn,
  expected: Expected,
  message: CiphertextMessage,
  { signal }: RoundOptions,
): Promise<PartialMessage> {
  const vector = await validVector(holder, expected, message, signal);
  const place = { round, ...turn, party: holder.name };
  return partialOf(holder, place, holder.parameters.label, vector.ciphertexts());
}

async function partialOf(
  { parameters, publicKey, share }: ShareHolder,
  place: Place,
  party: string,
  ciphertexts: readonly bigint[],
): Promise<PartialMessage> {
  const { parties, threshold, index, values } = await partiallyDecrypt(publicKey, share, ciphertexts);
  return {
    v: 1,
    kind: 'partial',
    context: contextOf(parameters, place),
    key: keyId(publicKey),
    party,
    parties,
    threshold,
    index,
    count: values.length,
    data: fromBigInts(values, elementBytesOf(parameters.keyBits)),
  };
}

async function combinePartials(
  run: RunKey,
  place: Omit<Place, 'party'>,
  party: string,
  count: number,
  messages: readonly PartialMessage[],
): Promise<bigint[]> {
  const holders = partiesOf(run.parameters);
  if (messages.length !== holders.length) throw missingShare(holders.length, messages.length);
  const partials = messages.map((message, position) => {
    const holder = holders[position] ?? '';
    requireContext(run.parameters, { ...place, party: holder }, message.context);
    return readPartial(run, message, { party, count, index: position + 1, parties: holders.length });
  });
  try {
    return await combineShares(run.publicKey, partials);
  } catch (error) {
    if (error instanceof RangeError) throw refusal('WRONG_CIPHERTEXT', error.message, error);
    throw error;
  }
}

interface PartialExpectation {
  readonly party: string;
  readonly count: number;
  readonly index: number;
  readonly parties: number;
}

function readPartial(
  { parameters, publicKey }: RunKey,
  message: PartialMessage,
  expected: PartialExpectation,
): PartialDecryption {
  const label = `part ${expected.index} for ${expected.party}`;
  if (message.key !== keyId(publicKey))
    throw refusal('WRONG_KEY', `${label}: expected the key of the run, got another`);
  if (message.party !== expected.party) {
    throw refusal('WRONG_PARTY', `${label}: expected parts for ${expected.party}, got some for ${message.party}`);
  }
  const { parties, threshold, index } = message;
  if (index !== expected.index || parties !== expected.parties || threshold !== expected.parties) {
    throw refusal(
      'MISSING_SHARE',
      `${label}: expected share ${expected.index} of ${expected.parties}, all needed, got ${index} of ${parties}; every ` +
        'party must use the share dealt to it',
    );
  }
  const width = elementBytesOf(parameters.keyBits);
  if (message.count !== expected.count || message.data.length !== expected.count * width) {
    throw refusal('WRONG_COUNT', `${label}: expected ${expected.count} numbers of ${width} bytes, got another length`);
  }
  return { keyId: message.key, parties, threshold, index, values: toBigInts(message.data, width) };
}

function missingShare(expected: number, got: number): Error {
  return refusal(
    'MISSING_SHARE',
    `open: expected the parts of all ${expected} share holders, got ${got}; nothing can be opened until every party answers`,
  );
}

function elementBytesOf(keyBits: number): number {
  return 2 * Math.ceil(keyBits / 8);
}
