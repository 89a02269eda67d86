import { createHash } from 'node:crypto';
import { encryptResidues, encryptVector } from '../../../crypto/paillier/index.ts';
import { byteLength, elementAt, writeBigInt } from '../../../crypto/modular/bytes.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { rowsOfIteration } from '../batches.ts';
import { contextOf, NOBODY } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { expectForward } from '../expectations.ts';
import { requireBounded, toMantissas } from '../mantissas.ts';
import type { CiphertextMessage } from '../messages.ts';
import { chunksOf } from '../pads.ts';
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
