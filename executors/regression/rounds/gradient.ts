import { setImmediate } from 'node:timers/promises';
import { dotColumns } from '../../../crypto/paillier/index.ts';
import type { CiphertextVector } from '../../../crypto/paillier/index.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { CHUNK_ROWS, CHUNKS_AT_A_TIME, rowsOfIteration } from '../batches.ts';
import { contextOf, NOBODY } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { expectAggregate, expectGradient } from '../expectations.ts';
import { addProducts, drawMasks, maskGradient } from '../gradients.ts';
import { toMantissas } from '../mantissas.ts';
import type { CiphertextMessage } from '../messages.ts';
import { chunksOf } from '../pads.ts';
import type { Pads } from '../pads.ts';
import { padsOf, requireTurn } from '../parties.ts';
import type { FeatureParty, FeatureState } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { HashedSources } from '../sources.ts';
import { giveBuffers, headerFor, oneAhead, takeBuffers, validChunks } from '../streams.ts';
import type { RoundOptions } from './aggregate.ts';

/** A feature party's gradient on its way to the opening. */

const AT_A_TIME = CHUNKS_AT_A_TIME * CHUNK_ROWS;

/**
 * A3: this party's gradient from the padded residuals, one pass over their ciphertexts for all columns; pads taken out,
 * packed, masked with M_j. The state that comes back holds M_j: store it before the message leaves.
 *
 * A repetition of the turn with the same aggregate gives the same bytes.
 *
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
  const sources = new HashedSources([aggregate]);
  return answer(party, state, turn, sources, async ([hashed = aggregate]) =>
    gradientProducts(party, turn, hashed, options),
  );
}

/** A gradient that is encrypted and still padded. */
export interface PaddedGradient {
  /** One ciphertext for each column. */
  readonly products: CiphertextVector;
  /** What pads added to each column's sum, modulo n. */
  readonly corrections: readonly bigint[];
}

/**
 * Computes a gradient, takes its pads out, packs and masks it; or repeats what was sent, without computing it again.
 *
 * @param compute reads the sources to their ends
 * @throws TerminalError `TWO_PLAINTEXTS` when other sources come under a context that was answered
 */
export async function answer(
  party: FeatureParty,
  state: FeatureState,
  turn: Turn,
  sources: HashedSources,
  compute: (messages: readonly CiphertextMessage[]) => Promise<PaddedGradient>,
): Promise<{ state: FeatureState; message: CiphertextMessage }> {
  const { parameters, publicKey, name } = party;
  const header = headerFor(party, expectGradient(parameters, turn, name));
  const { pending } = state;
  if (pending?.context === header.context) {
    await sources.drain();
    if (pending.source !== sources.digest()) throw twoPlaintexts(header.context);
    return { state, message: { header, chunks: [Buffer.from(pending.data, 'base64')] } };
  }
  const { products, corrections } = await compute(sources.messages);
  const masks = drawMasks(parameters, name, publicKey.n);
  const data = Buffer.from(await maskGradient(party, products, corrections, masks));
  const next = {
    context: header.context,
    source: sources.digest(),
    masks: masks.map((mask) => mask.toString(16)),
    data: data.toString('base64'),
  };
  return { state: { ...state, pending: next }, message: { header, chunks: [data] } };
}

/** Σ x̂·(r̂ + s) under encryption and Σ x̂·s in plain, for every column. */
async function gradientProducts(
  party: FeatureParty,
  turn: Turn,
  aggregate: CiphertextMessage,
  { signal }: RoundOptions,
): Promise<PaddedGradient> {
  const { parameters, publicKey, columns } = party;
  const { scaleBits } = parameters;
  const pads = padsOf(party, contextOf(parameters, { round: 'forward', ...turn, party: NOBODY }));
  const corrections = columns.map(() => 0n);
  const first = rowsOfIteration(parameters, turn.iteration).from;
  const multiplyChunk = async (part: CiphertextVector, chunk: number): Promise<CiphertextVector> => {
    const row = first + chunk * AT_A_TIME;
    const mantissas = columns.map((column) => toMantissas(column.subarray(row, row + part.count), scaleBits));
    const sums = dotColumns(publicKey, part, mantissas, { scalarScaleBits: scaleBits, signal });
    // The threads get their work first.
    const [products] = await Promise.all([
      sums,
      setImmediate().then(() => pads && addCorrections(corrections, mantissas, groupPads(pads, chunk, part.count))),
    ]);
    return products;
  };
  let products: CiphertextVector | undefined;
  const expected = expectAggregate(parameters, turn);
  const buffers = takeBuffers(party, expected.count, AT_A_TIME);
  const parts = validChunks(party, expected, aggregate, { signal, chunkRows: AT_A_TIME, buffers });
  for await (const part of oneAhead(parts, multiplyChunk)) {
    products = await addProducts(publicKey, products, part, signal);
  }
  giveBuffers(buffers);
  if (!products) throw refusal('WRONG_COUNT', 'gradient: expected at least one row, got none');
  return { products, corrections: corrections.map((correction) => mod(correction, publicKey.n)) };
}

/** The group pads of several chunks. */
function* groupPads(pads: Pads, part: number, rows: number): Generator<bigint> {
  const first = part * CHUNKS_AT_A_TIME;
  for (const { chunk, rows: some } of chunksOf(rows)) yield* pads.group(first + chunk, some);
}

function addCorrections(corrections: bigint[], columns: readonly Float64Array[], pads: Iterable<bigint>): void {
  let row = 0;
  for (const pad of pads) {
    for (const [index, column] of columns.entries()) {
      corrections[index] = (corrections[index] ?? 0n) + BigInt(column[row] ?? 0) * pad;
    }
    row += 1;
  }
}

function twoPlaintexts(context: string): Error {
  return refusal(
    'TWO_PLAINTEXTS',
    `gradient: expected the aggregate that was answered under "${context}", got another; begin a new attempt`,
  );
}
