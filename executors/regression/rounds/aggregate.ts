import { addVectors } from '../../../crypto/paillier/index.ts';
import type { CiphertextVector } from '../../../crypto/paillier/index.ts';
import { batchIndexOf } from '../batches.ts';
import { contextOf } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import {
  expectAggregate,
  expectForward,
  expectLabels,
  expectLoss,
  expectLossSum,
  expectPrediction,
  expectPredictionSum,
} from '../expectations.ts';
import type { CiphertextMessage } from '../messages.ts';
import { isCubic } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import { giveBuffers, headerFor, inStep, oneAhead, requireHeader, takeBuffers, validChunks } from '../streams.ts';
import type { Expected, RunKey } from '../streams.ts';

/** What an aggregator computes: sums of what it cannot read. It holds no key and no secret. */

/** Options of rounds that compute for a while. */
export interface RoundOptions {
  readonly signal?: AbortSignal;
}

/**
 * A2: R_i = E0_i·Π_j c_{j,i}, chunk by chunk, so that memory stays that of one chunk for each party.
 *
 * @param labels E0 of the iteration's batch; undefined for the cubic form, which adds predictions only
 * @param forwards one message from each feature party, in their order
 * @throws TerminalError naming the message that is missing, comes twice, or is not what the parameters ask for
 */
export function aggregateRound(
  run: RunKey,
  turn: Turn,
  labels: CiphertextMessage | undefined,
  forwards: readonly CiphertextMessage[],
  options: RoundOptions = {},
): CiphertextMessage {
  const { parameters } = run;
  const expected = parameters.features.map(({ name }) => expectForward(parameters, turn, name));
  requireOneOfEach(run, expected, forwards);
  const inputs = forwards.map((message, index) => ({ message, expected: expected[index] }));
  if (!isCubic(parameters)) {
    if (!labels) throw refusal('WRONG_COUNT', 'aggregate: expected the labels of the batch, got none');
    inputs.unshift({ message: labels, expected: expectLabels(parameters, batchIndexOf(parameters, turn.iteration)) });
  }
  return sumOf(run, inputs, expectAggregate(parameters, turn), options);
}

/** The sum of all parties' parts of the loss. @throws TerminalError as {@link aggregateRound} */
export function lossSumRound(
  run: RunKey,
  turn: Turn,
  losses: readonly CiphertextMessage[],
  options: RoundOptions = {},
): CiphertextMessage {
  const expected = run.parameters.features.map(({ name }) => expectLoss(run.parameters, turn, name));
  requireOneOfEach(run, expected, losses);
  const inputs = losses.map((message, index) => ({ message, expected: expected[index] }));
  return sumOf(run, inputs, expectLossSum(run.parameters, turn), options);
}

/** The sum of all parties' predictions for new rows. @throws TerminalError as {@link aggregateRound} */
export function predictionSumRound(
  run: RunKey,
  turn: Turn,
  rows: number,
  predictions: readonly CiphertextMessage[],
  options: RoundOptions = {},
): CiphertextMessage {
  const expected = run.parameters.features.map(({ name }) => expectPrediction(run.parameters, turn, name, rows));
  requireOneOfEach(run, expected, predictions);
  const inputs = predictions.map((message, index) => ({ message, expected: expected[index] }));
  return sumOf(run, inputs, expectPredictionSum(run.parameters, turn, rows), options);
}

interface Input {
  readonly message: CiphertextMessage;
  readonly expected: Expected | undefined;
}

function sumOf(run: RunKey, inputs: readonly Input[], expected: Expected, options: RoundOptions): CiphertextMessage {
  for (const input of inputs) if (input.expected) requireHeader(run, input.expected, input.message.header);
  return { header: headerFor(run, expected), chunks: sumChunks(run, inputs, expected, options) };
}

async function* sumChunks(
  run: RunKey,
  inputs: readonly Input[],
  expected: Expected,
  { signal }: RoundOptions,
): AsyncGenerator<Uint8Array> {
  const context = contextOf(run.parameters, expected.place);
  const buffers = inputs.map(() => takeBuffers(run, expected.count));
  const streams = inputs.flatMap(({ message, expected: own }, index) =>
    own ? validChunks(run, own, message, { signal, buffers: buffers[index] ?? [] }) : [],
  );
  const add = async (chunks: readonly CiphertextVector[]): Promise<Uint8Array> =>
    (await addVectors(run.publicKey, chunks, { context, signal })).data;
  yield* oneAhead(inStep(streams), add);
  for (const some of buffers) giveBuffers(some);
}

/** @throws TerminalError `WRONG_COUNT` when a party's message is missing, `REPLAYED` when one comes twice */
export function requireOneOfEach(
  run: RunKey,
  expected: readonly Expected[],
  messages: readonly Pick<CiphertextMessage, 'header'>[],
): void {
  const contexts = messages.map(({ header }) => header.context);
  if (new Set(contexts).size !== contexts.length) {
    throw refusal('REPLAYED', 'inputs: expected one message from each party, got one twice');
  }
  if (messages.length !== expected.length) {
    throw refusal('WRONG_COUNT', `inputs: expected ${expected.length} messages, got ${messages.length}`);
  }
  for (const [index, message] of messages.entries()) {
    const wanted = expected[index];
    if (wanted) requireHeader(run, wanted, message.header);
  }
}
