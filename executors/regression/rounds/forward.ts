import { createHash } from 'node:crypto';
import { encryptResidues, encryptVector } from '../../../crypto/paillier/index.ts';
import { byteLength, elementAt, writeBigInt } from '../../../crypto/modular/bytes.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { CUBIC_PREDICTION_BITS, cubicPadBits, rowsOfIteration } from '../batches.ts';
import type { RowRange } from '../batches.ts';
import { contextOf, NOBODY } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { expectForward } from '../expectations.ts';
import { requireBounded, toMantissas } from '../mantissas.ts';
import type { CiphertextMessage } from '../messages.ts';
import { isCubic, maskingOf } from '../parameters.ts';
import type { RunParameters } from '../parameters.ts';
import { chunksOf, next } from '../pads.ts';
import type { ChunkRange, Pads } from '../pads.ts';
import { padsOf, requireTurn } from '../parties.ts';
import type { FeatureParty, FeatureState } from '../parties.ts';
import { headerFor, oneAhead } from '../streams.ts';
import type { RoundOptions } from './aggregate.ts';

/** A feature party's predictions on their way out. */

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
  const predictions = predict(party, state.theta, rowsOfIteration(parameters, turn.iteration));
  if (isCubic(parameters))
    requireBounded(predictions, CUBIC_PREDICTION_BITS, 'predictions', parameters.features.length);
  else requireBounded(predictions, parameters.residualBoundBits, 'predictions', parameters.features.length + 1);
  const header = headerFor(party, expectForward(parameters, turn, party.name));
  const pads = padsOf(party, contextOf(parameters, { round: 'forward', ...turn, party: NOBODY }));
  const first = party.seeds?.place === 0;
  const groupPad = (chunk: number, rows: number): Iterable<bigint> => {
    if (!pads || !first) return [];
    return isCubic(parameters) ? pads.groupBits(chunk, rows, cubicPadBits(parameters)) : pads.group(chunk, rows);
  };
  const expectedCount = predictions.length * parameters.iterations;
  return { header, chunks: encryptPadded(party, predictions, pads, groupPad, { ...options, expectedCount }) };
}

/** SHA-256 over everything that the plaintexts of a forward message follow from, but for the columns. */
export function forwardFingerprint(party: FeatureParty, state: FeatureState, turn: Turn): string {
  const context = contextOf(party.parameters, { round: 'forward', ...turn, party: party.name });
  return createHash('sha256').update(context).update(Float64Array.from(state.theta)).digest('hex');
}

/** What a prediction Xθ is multiplied by before it is sent: the Taylor form sends u/4. */
export function predictionFactor(parameters: RunParameters): number {
  return parameters.model === 'logistic' && !isCubic(parameters) ? 0.25 : 1;
}

/** The scaled predictions of a range of rows. */
function predict(
  { columns, parameters }: FeatureParty,
  theta: readonly number[],
  { from, to }: RowRange,
): Float64Array {
  return weightedSum(columns, theta, predictionFactor(parameters), from, to);
}

/** factor·Xθ for the rows from `from` to `to`. */
export function weightedSum(
  columns: readonly Float64Array[],
  theta: readonly number[],
  factor: number,
  from: number,
  to: number,
): Float64Array {
  const sums = new Float64Array(to - from);
  for (const [index, column] of columns.entries()) {
    const weight = (theta[index] ?? 0) * factor;
    for (let row = from; row < to; row += 1) sums[row - from] = (sums[row - from] ?? 0) + (column[row] ?? 0) * weight;
  }
  return sums;
}

/**
 * Encrypts chunk by chunk; the next one is padded while the threads encrypt the one before.
 *
 * @param options.expectedCount how many predictions will be encrypted in all the run, as far as is known
 */
export async function* encryptPadded(
  { publicKey, parameters }: FeatureParty,
  predictions: Float64Array,
  pads: Pads | undefined,
  groupPad: (chunk: number, rows: number) => Iterable<bigint>,
  options: RoundOptions & { readonly expectedCount?: number },
): AsyncGenerator<Uint8Array> {
  const { scaleBits } = parameters;
  const how = { scaleBits, ...maskingOf(parameters), ...options };
  const encryptChunk = async ({ chunk, from, rows }: ChunkRange): Promise<Uint8Array> => {
    const mantissas = toMantissas(predictions.subarray(from, from + rows), scaleBits);
    if (!pads) return (await encryptVector(publicKey, Array.from(mantissas, BigInt), how)).data;
    const residues = paddedResidues(publicKey.n, mantissas, pads.zeroSum(chunk, rows), groupPad(chunk, rows));
    return (await encryptResidues(publicKey, residues, how)).data;
  };
  yield* oneAhead(chunksOf(predictions.length), encryptChunk);
}

/** û + z_j + s modulo n. */
function paddedResidues(
  modulus: bigint,
  mantissas: Float64Array,
  zeroSum: Iterable<bigint>,
  group: Iterable<bigint>,
): Uint8Array {
  const [zeroSums, groupPads] = [zeroSum[Symbol.iterator](), group[Symbol.iterator]()];
  const width = byteLength(modulus);
  const residues = new Uint8Array(mantissas.length * width);
  for (const [row, mantissa] of mantissas.entries()) {
    const padded = BigInt(mantissa) + next(zeroSums) + next(groupPads);
    writeBigInt(elementAt(residues, row, width), mod(padded, modulus));
  }
  return residues;
}
