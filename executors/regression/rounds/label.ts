import { createHash } from 'node:crypto';
import { decryptVector, encryptVector, encryptVectorAsOwner, keyId } from '../../../crypto/paillier/index.ts';
import type { CiphertextVector } from '../../../crypto/paillier/index.ts';
import { byteLength, fromBigInts } from '../../../crypto/modular/bytes.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { batchCount, batchRange, gradientCiphertexts, rowsOfIteration } from '../batches.ts';
import { contextOf } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { expectGradient, expectLabels, expectLossSum, expectPredictionSum } from '../expectations.ts';
import { toMantissas } from '../mantissas.ts';
import type { CiphertextMessage, OpeningMessage } from '../messages.ts';
import { maskingOf } from '../parameters.ts';
import type { RunParameters } from '../parameters.ts';
import { chunksOf } from '../pads.ts';
import { requirePrivateKey } from '../parties.ts';
import type { LabelParty, LabelState } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { headerFor, validChunks, validVector } from '../streams.ts';
import { requireOneOfEach } from './aggregate.ts';
import type { RoundOptions } from './aggregate.ts';

/** What the label party computes. In single-key mode it holds the private key. */

/**
 * S2: E0 of one batch, [[−ŷ_i]] or [[1/2 − ŷ_i]], chunk by chunk.
 *
 * @param batch from 0; full batches have number 0 only
 */
export function labelsRound(party: LabelParty, batch: number, options: RoundOptions = {}): CiphertextMessage {
  if (!Number.isInteger(batch) || batch < 0 || batch >= batchCount(party.parameters)) {
    throw refusal('STALE_CONTEXT', `labels: expected a batch below ${batchCount(party.parameters)}, got ${batch}`);
  }
  const expected = expectLabels(party.parameters, batch);
  return { header: headerFor(party, expected), chunks: labelChunks(party, batch, options) };
}

async function* labelChunks(party: LabelParty, batch: number, options: RoundOptions): AsyncGenerator<Uint8Array> {
  const { scaleBits } = party.parameters;
  const { from: first, to } = batchRange(party.parameters, batch);
  for (const { from, rows } of chunksOf(to - first)) {
    const values = party.base.subarray(first + from, first + from + rows);
    const mantissas = Array.from(toMantissas(values, scaleBits), BigInt);
    const chunk = party.privateKey
      ? await encryptVectorAsOwner(party.privateKey, mantissas, { scaleBits, ...options })
      : await encryptVector(party.publicKey, mantissas, { scaleBits, ...maskingOf(party.parameters), ...options });
    yield chunk.data;
  }
}

/**
 * A4 in single-key mode: decrypts every party's masked gradient. What it sees is uniform modulo n.
 *
 * Enforces the opening budget: as many ciphertexts for each party and iteration as its columns need, one opening for each
 * iteration and `retries` more in all.
 *
 * @param gradients one message from each feature party, in their order
 * @returns one opening for each party, in their order
 * @throws TerminalError `STALE_CONTEXT` for an iteration that is over, `REPLAYED` when other ciphertexts come under a context
 *   that was answered, `OPENING_BUDGET` when a party asks too often, or as the checks of messages
 */
export async function openRound(
  party: LabelParty,
  state: LabelState,
  turn: Turn,
  gradients: readonly CiphertextMessage[],
  options: RoundOptions = {},
): Promise<{ state: LabelState; messages: OpeningMessage[] }> {
  const { parameters } = party;
  const expected = parameters.features.map(({ name }) => expectGradient(parameters, turn, name));
  requireOneOfEach(party, expected, gradients);
  let next = advance(state, turn);
  const messages: OpeningMessage[] = [];
  for (const [index, { name }] of parameters.features.entries()) {
    const [message, wanted] = [gradients[index], expected[index]];
    if (!message || !wanted) continue;
    const vector = await validVector(party, wanted, message, options.signal);
    next = countOpening(parameters, next, name, vector);
    messages.push(await openOne(party, turn, name, vector, options));
  }
  return { state: next, messages };
}

/** Records an opening, or refuses it: also used by share holders, whose parts open as much. */
export function countOpening(
  parameters: RunParameters,
  state: LabelState,
  name: string,
  vector: CiphertextVector,
): LabelState {
  return countAnswer(
    parameters,
    state,
    { label: `gradient of ${name}`, counter: name, context: vector.context },
    vector.data,
  );
}

/** The counter of powers: no party can have this name. */
const POWERS = 'powers/';

/**
 * Records that powers of a padded sum are asked for, or refuses it: whether a sum lies within the planned bounds is told by
 * a refusal, so that more questions than iterations would tell about any ciphertext.
 *
 * @param sum the text of the aggregate, which names its ciphertexts
 * @throws TerminalError `STALE_CONTEXT`, `REPLAYED` or `OPENING_BUDGET`
 */
export function countPowers(parameters: RunParameters, state: LabelState, turn: Turn, sum: string): LabelState {
  const context = contextOf(parameters, { round: 'power-1', ...turn, party: parameters.label });
  return countAnswer(parameters, advance(state, turn), { label: 'powers', counter: POWERS, context }, Buffer.from(sum));
}

/** The counters of sums that share holders open to the label party: no party can have these names. */
const SUMS = { losses: 'losses/', predictions: 'predictions/' } as const;

/**
 * Records that a share holder gives its part in opening a sum to the label party, or refuses it. What is repeated is encrypted
 * anew, so that other ciphertexts in the same place can be honest: how many there are is bounded, one for each iteration or, of
 * predictions, one in all, and `retries` more.
 *
 * @param texts of what is summed, which name its ciphertexts
 * @throws TerminalError `OPENING_BUDGET`
 */
export function countSum(
  { iterations, retries }: RunParameters,
  state: LabelState,
  what: keyof typeof SUMS,
  texts: readonly string[],
): LabelState {
  const counter = SUMS[what];
  const digest = createHash('sha256').update(JSON.stringify(texts)).digest('hex');
  const context = `${counter}${digest}`;
  if (state.answered[context] !== undefined) return state;
  const budget = retries + (what === 'losses' ? iterations : 1);
  return record(state, { label: `sum of ${what}`, counter, context }, digest, budget);
}

interface Question {
  readonly label: string;
  readonly counter: string;
  readonly context: string;
}

function countAnswer(
  { iterations, retries }: RunParameters,
  state: LabelState,
  question: Question,
  data: Uint8Array,
): LabelState {
  const digest = createHash('sha256').update(data).digest('hex');
  const known = state.answered[question.context];
  if (known === digest) return state;
  if (known !== undefined) {
    throw refusal(
      'REPLAYED',
      `${question.label}: expected the ciphertexts that were opened under this context, got others; begin a new attempt`,
    );
  }
  return record(state, question, digest, iterations + retries);
}

function record(state: LabelState, { label, counter, context }: Question, digest: string, budget: number): LabelState {
  const openings = (state.opened[counter] ?? 0) + 1;
  if (openings > budget) {
    throw refusal(
      'OPENING_BUDGET',
      `${label}: expected at most ${budget} openings in this run ("retries" among them), got one more`,
    );
  }
  return {
    iteration: state.iteration,
    opened: { ...state.opened, [counter]: openings },
    answered: { ...state.answered, [context]: digest },
  };
}

/** Moves on to a turn. @throws TerminalError `STALE_CONTEXT` for an iteration before the one that is open */
export function advance(state: LabelState, turn: Turn): LabelState {
  if (turn.iteration < state.iteration) {
    throw refusal(
      'STALE_CONTEXT',
      `open: expected iteration ${state.iteration} or a later one, got ${turn.iteration}; it is over`,
    );
  }
  return turn.iteration === state.iteration ? state : { ...state, iteration: turn.iteration, answered: {} };
}

async function openOne(
  party: LabelParty,
  turn: Turn,
  name: string,
  vector: CiphertextVector,
  options: RoundOptions,
): Promise<OpeningMessage> {
  const { parameters, publicKey } = party;
  const plaintexts = await decryptVector(requirePrivateKey(party), vector, options);
  const residues = plaintexts.map((plaintext) => mod(plaintext, publicKey.n));
  return {
    v: 1,
    kind: 'opening',
    context: contextOf(parameters, { round: 'opening', ...turn, party: parameters.label }),
    key: keyId(publicKey),
    party: name,
    count: gradientCiphertexts(parameters, name),
    residues: fromBigInts(residues, byteLength(publicKey.n)),
  };
}

/**
 * The loss before the step of an iteration: mean squared residual of a linear model, the Taylor form's log-loss of a
 * logistic one. With e = E0 in plain and v the scaled predictions, the parties sent Q = Σ v(v + 2e), so
 * Σ r² = Q + e·e, and log-loss = log 2 + 2Q/n.
 *
 * @throws TerminalError as the checks of messages
 */
export async function lossRound(
  party: LabelParty,
  turn: Turn,
  lossSum: CiphertextMessage,
  options: RoundOptions = {},
): Promise<number> {
  const vector = await validVector(party, expectLossSum(party.parameters, turn), lossSum, options.signal);
  const [sum = 0n] = await decryptVector(requirePrivateKey(party), vector, options);
  return lossOf(party, turn, sum);
}

/** The loss from the decrypted sum, over the rows of the iteration's batch. @see {@link lossRound} */
export function lossOf(
  { parameters, base }: Pick<LabelParty, 'parameters' | 'base'>,
  { iteration }: Pick<Turn, 'iteration'>,
  sum: bigint,
): number {
  const quadratic = Number(sum) / 2 ** (2 * parameters.scaleBits);
  const { from, to } = rowsOfIteration(parameters, iteration);
  if (parameters.model === 'logistic') return Math.log(2) + (2 * quadratic) / (to - from);
  let squares = 0;
  for (const value of base.subarray(from, to)) squares += value * value;
  return (quadratic + squares) / (to - from);
}

/**
 * Predictions for new rows, which only the label party learns: Σ_j u_j + mean.
 *
 * @throws TerminalError as the checks of messages
 */
export async function predictionRound(
  party: LabelParty,
  turn: Turn,
  rows: number,
  predictions: CiphertextMessage,
  options: RoundOptions = {},
): Promise<Float64Array> {
  const expected = expectPredictionSum(party.parameters, turn, rows);
  const sums: bigint[] = [];
  for await (const chunk of validChunks(party, expected, predictions, options)) {
    sums.push(...(await decryptVector(requirePrivateKey(party), chunk, options)));
  }
  return predictionsOf(party, sums);
}

/** Predictions from their decrypted sums: for a logistic model the log-odds. */
export function predictionsOf(
  { parameters, mean }: Pick<LabelParty, 'parameters' | 'mean'>,
  sums: readonly bigint[],
): Float64Array {
  return Float64Array.from(sums, (sum) => Number(sum) / 2 ** parameters.scaleBits + mean);
}
