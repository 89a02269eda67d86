import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { dotColumns, encryptResidues, encryptVector, keyId } from '../../../crypto/paillier/index.ts';
import type { CiphertextVector } from '../../../crypto/paillier/index.ts';
import { byteLength, elementAt, writeBigInt } from '../../../crypto/modular/bytes.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { batchIndexOf, CHUNK_ROWS, gradientCiphertexts, rowsOfIteration } from '../batches.ts';
import { contextOf, NOBODY, requireContext } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { expectAggregate, expectForward, expectGradient } from '../expectations.ts';
import { addProducts, drawMasks, maskGradient, readResidues, unmaskGradient } from '../gradients.ts';
import { requireBounded, toMantissas } from '../mantissas.ts';
import type { CiphertextMessage, OpeningMessage, ProgressMessage } from '../messages.ts';
import { chunksOf, Pads } from '../pads.ts';
import type { ChunkRange, PadSeeds } from '../pads.ts';
import { refusal } from '../refusal.ts';
import { headerFor, oneAhead, validChunks } from '../streams.ts';
import type { RunKey } from '../streams.ts';
import type { RoundOptions } from './aggregate.ts';

/** What a feature party computes: its own predictions, its own gradient, its own coefficients. */

/** A feature party's view of a run; its columns and seeds are secret. */
export interface FeatureParty extends RunKey {
  readonly name: string;
  /** Prepared columns, one number for each aligned row. */
  readonly columns: readonly Float64Array[];
  /** Whether ridge shrinks a column's coefficient: not that of an intercept. */
  readonly penalised: readonly boolean[];
  /** In single-key mode: what pads come from. */
  readonly seeds?: PadSeeds;
}

/** A gradient that waits for its opening. */
export interface PendingGradient {
  readonly context: string;
  /** SHA-256 of the aggregate that it was computed from. */
  readonly source: string;
  /** M_j, hexadecimal; secret. */
  readonly masks: readonly string[];
  /** The masked ciphertexts, base64: a repetition sends the same bytes. */
  readonly data: string;
}

/** What a feature party remembers between rounds; plain JSON, secret. */
export interface FeatureState {
  readonly iteration: number;
  readonly theta: readonly number[];
  /** Norm of the last gradient of batch 0, and how often in a row it grew. */
  readonly growth: { readonly norm: number; readonly times: number };
  /** The gradient at θ = 0, which the loss needs. */
  readonly firstGradient: readonly number[] | null;
  /** The last gradient sums. */
  readonly gradient: readonly number[] | null;
  readonly pending: PendingGradient | null;
}

/** How often in a row a gradient grows until the run counts as diverging. */
const GROWTHS = 5;

/** The state before the first iteration: θ = 0. */
export function initialFeatureState(columns: number): FeatureState {
  const theta = Array.from({ length: columns }, () => 0);
  const growth = { norm: 0, times: 0 };
  return { iteration: 0, theta, growth, firstGradient: null, gradient: null, pending: null };
}

/**
 * A1: this party's predictions û = round(2^f·X_jθ_j), padded in single-key mode, encrypted chunk by chunk. The same state
 * and turn give the same plaintexts.
 *
 * @throws TerminalError `STALE_CONTEXT` when the state is at another iteration, `MAGNITUDE_EXCEEDED` when predictions
 *   leave the planned bounds
 */
export function forwardRound(
  party: FeatureParty,
  state: FeatureState,
  turn: Turn,
  options: RoundOptions = {},
): CiphertextMessage {
  requireTurn(state, turn);
  const { parameters } = party;
  const { from, to } = rowsOfIteration(parameters, turn.iteration);
  const predictions = predict(party, state.theta, from, to);
  requireBounded(predictions, parameters.residualBoundBits, 'predictions', parameters.features.length + 1);
  const header = headerFor(party, expectForward(parameters, turn, party.name));
  const padContext = contextOf(parameters, { round: 'forward', ...turn, party: NOBODY });
  return { header, chunks: encryptPadded(party, predictions, padContext, true, options) };
}

/** SHA-256 over everything that the plaintexts of a forward message follow from, but for the columns. */
export function forwardFingerprint(party: FeatureParty, state: FeatureState, turn: Turn): string {
  const context = contextOf(party.parameters, { round: 'forward', ...turn, party: party.name });
  return createHash('sha256').update(context).update(Float64Array.from(state.theta)).digest('hex');
}

/** The scaled predictions of some rows: Xθ, or Xθ/4 in the Taylor form. */
export function predict(
  { columns, parameters }: FeatureParty,
  theta: readonly number[],
  from: number,
  to: number,
): Float64Array {
  const predictions = new Float64Array(to - from);
  const factor = parameters.model === 'logistic' && parameters.activation === 'taylor' ? 0.25 : 1;
  for (const [index, column] of columns.entries()) {
    const weight = (theta[index] ?? 0) * factor;
    for (let row = from; row < to; row += 1) {
      predictions[row - from] = (predictions[row - from] ?? 0) + (column[row] ?? 0) * weight;
    }
  }
  return predictions;
}

/** Encrypts chunk by chunk; the next one is padded while the threads encrypt the one before. */
async function* encryptPadded(
  party: FeatureParty,
  predictions: Float64Array,
  padContext: string,
  withGroupPad: boolean,
  options: RoundOptions,
): AsyncGenerator<Uint8Array> {
  const pads = padsOf(party, padContext);
  const encryptChunk = async ({ chunk, from, rows }: ChunkRange): Promise<Uint8Array> => {
    const { publicKey, parameters } = party;
    const { scaleBits } = parameters;
    const mantissas = toMantissas(predictions.subarray(from, from + rows), scaleBits);
    if (!pads) return (await encryptVector(publicKey, Array.from(mantissas, BigInt), { scaleBits, ...options })).data;
    const residues = paddedResidues(party, mantissas, pads, chunk, withGroupPad);
    return (await encryptResidues(publicKey, residues, { scaleBits, ...options })).data;
  };
  yield* oneAhead(chunksOf(predictions.length), encryptChunk);
}

/** û + z_j, and s for the first party, modulo n. */
function paddedResidues(
  { publicKey: { n }, seeds }: FeatureParty,
  mantissas: Float64Array,
  pads: Pads,
  chunk: number,
  withGroupPad: boolean,
): Uint8Array {
  const width = byteLength(n);
  const residues = new Uint8Array(new SharedArrayBuffer(mantissas.length * width));
  const zeroSum = pads.zeroSum(chunk, mantissas.length);
  const group = withGroupPad && seeds?.place === 0 ? pads.group(chunk, mantissas.length) : [];
  for (const [row, mantissa] of mantissas.entries()) {
    const padded = BigInt(mantissa) + (zeroSum[row] ?? 0n) + (group[row] ?? 0n);
    writeBigInt(elementAt(residues, row, width), mod(padded, n));
  }
  return residues;
}

/**
 * A3: this party's gradient from the padded residuals, one pass over their ciphertexts for all columns; pads taken out,
 * packed, masked with M_j. The state that comes back holds M_j: store it before the message leaves.
 *
 * A repetition of the turn with the same aggregate gives the same bytes.
 *
 * @param source SHA-256 of the aggregate's bytes, which the caller knows of its blob
 * @throws TerminalError `TWO_PLAINTEXTS` when another aggregate comes under a context that was answered, or as the checks
 *   of messages
 */
export async function gradientRound(
  party: FeatureParty,
  state: FeatureState,
  turn: Turn,
  aggregate: CiphertextMessage,
  options: RoundOptions = {},
): Promise<{ state: FeatureState; message: CiphertextMessage }> {
  requireTurn(state, turn);
  const { parameters, publicKey, name } = party;
  const expected = expectGradient(parameters, turn, name);
  const header = headerFor(party, expected);
  const hash = createHash('sha256');
  const { products, corrections } = await gradientProducts(party, turn, hashed(aggregate, hash), options);
  const source = hash.digest('hex');
  const { pending } = state;
  if (pending?.context === header.context) {
    if (pending.source !== source) throw twoPlaintexts(header.context);
    return { state, message: { header, chunks: [Buffer.from(pending.data, 'base64')] } };
  }
  const masks = drawMasks(parameters, name, publicKey.n);
  const data = Buffer.from(await maskGradient(party, products, corrections, masks));
  const next = {
    context: header.context,
    source,
    masks: masks.map((mask) => mask.toString(16)),
    data: data.toString('base64'),
  };
  return { state: { ...state, pending: next }, message: { header, chunks: [data] } };
}

function hashed(message: CiphertextMessage, hash: ReturnType<typeof createHash>): CiphertextMessage {
  return { header: message.header, chunks: hashChunks(message.chunks, hash) };
}

async function* hashChunks(
  chunks: CiphertextMessage['chunks'],
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Σ x̂·(r̂ + s) under encryption and Σ x̂·s in plain, for every column. */
async function gradientProducts(
  party: FeatureParty,
  turn: Turn,
  aggregate: CiphertextMessage,
  { signal }: RoundOptions,
): Promise<{ products: CiphertextVector; corrections: bigint[] }> {
  const { parameters, publicKey, columns } = party;
  const { scaleBits } = parameters;
  const pads = padsOf(party, contextOf(parameters, { round: 'forward', ...turn, party: NOBODY }));
  const corrections = columns.map(() => 0n);
  const first = rowsOfIteration(parameters, turn.iteration).from;
  const multiplyChunk = async (part: CiphertextVector, chunk: number): Promise<CiphertextVector> => {
    const row = first + chunk * CHUNK_ROWS;
    const mantissas = columns.map((column) => toMantissas(column.subarray(row, row + part.count), scaleBits));
    const sums = dotColumns(publicKey, part, mantissas, { scalarScaleBits: scaleBits, signal });
    // The threads get their work first.
    const [products] = await Promise.all([
      sums,
      setImmediate().then(() => pads && addCorrections(corrections, mantissas, pads.group(chunk, part.count))),
    ]);
    return products;
  };
  let products: CiphertextVector | undefined;
  const parts = validChunks(party, expectAggregate(parameters, turn), aggregate, signal);
  for await (const part of oneAhead(parts, multiplyChunk)) {
    products = await addProducts(publicKey, products, part, signal);
  }
  if (!products) throw refusal('WRONG_COUNT', 'gradient: expected at least one row, got none');
  return { products, corrections: corrections.map((correction) => mod(correction, publicKey.n)) };
}

function addCorrections(corrections: bigint[], columns: readonly Float64Array[], pads: readonly bigint[]): void {
  for (const [index, column] of columns.entries()) {
    let sum = corrections[index] ?? 0n;
    for (const [row, mantissa] of column.entries()) sum += BigInt(mantissa) * (pads[row] ?? 0n);
    corrections[index] = sum;
  }
}

/** What a step gives: the state after it, the public bits, and the gradient sums before it. */
export interface StepResult {
  readonly state: FeatureState;
  readonly message: ProgressMessage;
  /** Σ_i r_i·x_ic of every column, before the step. */
  readonly gradientSums: readonly number[];
}

/**
 * A5: θ_j ← θ_j − α(g/n + λθ_j) from the opened gradient.
 *
 * @throws TerminalError `STALE_CONTEXT` when no gradient of this turn waits, `WRONG_PARTY`, `WRONG_KEY`, `WRONG_COUNT` or
 *   `DAMAGED_OPENING`
 */
export function stepRound(party: FeatureParty, state: FeatureState, turn: Turn, opening: OpeningMessage): StepResult {
  const { parameters, publicKey, name } = party;
  requireContext(parameters, { round: 'opening', ...turn, party: parameters.label }, opening.context);
  if (opening.party !== name) {
    throw refusal('WRONG_PARTY', `opening: expected that of ${name}, got that of ${opening.party}`);
  }
  if (opening.key !== keyId(publicKey)) throw refusal('WRONG_KEY', 'opening: expected the key of the run, got another');
  const count = gradientCiphertexts(parameters, name);
  const residues = readResidues(opening.residues, count, byteLength(publicKey.n), publicKey.n);
  return stepWith(party, state, turn, residues);
}

/** The step from opened residues, however they were opened. @throws TerminalError as {@link stepRound} */
export function stepWith(
  party: FeatureParty,
  state: FeatureState,
  turn: Turn,
  residues: readonly bigint[],
): StepResult {
  requireTurn(state, turn);
  const pending = requirePending(party, state, turn);
  const masks = pending.masks.map((mask) => BigInt(`0x${mask}`));
  const sums = unmaskGradient(party, party.name, residues, masks);
  return stepOf(party, state, turn, sums);
}

/** The step from gradient sums, whichever protocol they came from. */
export function stepOf(party: FeatureParty, state: FeatureState, turn: Turn, sums: Float64Array): StepResult {
  const { parameters, name } = party;
  const { from, to } = rowsOfIteration(parameters, turn.iteration);
  const theta = state.theta.map((value, index) => {
    const shrinking = party.penalised[index] === true ? parameters.lambda * value : 0;
    return value - parameters.alpha * ((sums[index] ?? 0) / (to - from) + shrinking);
  });
  const moved = Math.max(...theta.map((value, index) => Math.abs(value - (state.theta[index] ?? 0))));
  const growth = batchIndexOf(parameters, turn.iteration) === 0 ? growthOf(state, sums) : state.growth;
  const gradientSums = Array.from(sums);
  const message = {
    v: 1,
    kind: 'progress',
    context: contextOf(parameters, { round: 'progress', ...turn, party: name }),
    converged: parameters.toleranceBits !== undefined && moved < 2 ** -parameters.toleranceBits,
    diverged: growth.times >= GROWTHS || !theta.every(Number.isFinite),
  } as const;
  const firstGradient = state.firstGradient ?? gradientSums;
  const next = { iteration: turn.iteration + 1, theta, growth, firstGradient, gradient: gradientSums, pending: null };
  return { state: next, message, gradientSums };
}

function growthOf({ growth, firstGradient }: FeatureState, sums: Float64Array): FeatureState['growth'] {
  const norm = Math.hypot(...sums);
  return { norm, times: firstGradient !== null && norm > growth.norm ? growth.times + 1 : 0 };
}

function requirePending(party: FeatureParty, state: FeatureState, turn: Turn): PendingGradient {
  const context = contextOf(party.parameters, { round: 'gradient', ...turn, party: party.name });
  if (state.pending?.context === context) return state.pending;
  throw refusal(
    'STALE_CONTEXT',
    `step: expected a gradient that waits under "${context}", got none; repeat the gradient`,
  );
}

/** @throws TerminalError `STALE_CONTEXT` when the state is not at this iteration */
export function requireTurn(state: FeatureState, turn: Turn): void {
  if (state.iteration === turn.iteration) return;
  throw refusal(
    'STALE_CONTEXT',
    `iteration: expected ${state.iteration}, which this party is at, got ${turn.iteration}; resume there`,
  );
}

/** This party's pads of a context, or undefined where predictions are not padded. */
export function padsOf(party: FeatureParty, context: string): Pads | undefined {
  if (party.parameters.mode !== 'single-key') return undefined;
  if (!party.seeds) throw refusal('WRONG_KEY', 'pads: expected the seeds of this run, got none; run the set-up first');
  return new Pads(party.seeds, context, party.publicKey.n);
}

function twoPlaintexts(context: string): Error {
  return refusal(
    'TWO_PLAINTEXTS',
    `gradient: expected the aggregate that was answered under "${context}", got another; begin a new attempt`,
  );
}
