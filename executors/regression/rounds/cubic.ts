import {
  addVectors,
  decryptVector,
  dotColumns,
  encryptVectorAsOwner,
  scaleVector,
} from '../../../crypto/paillier/index.ts';
import type { CiphertextVector } from '../../../crypto/paillier/index.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { batchIndexOf, CHUNK_ROWS, cubicPadBits, rowsOfIteration } from '../batches.ts';
import { contextOf, NOBODY } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { CUBIC_POWERS, expectAggregate, expectLabels, expectPower } from '../expectations.ts';
import type { CubicPower } from '../expectations.ts';
import { addProducts } from '../gradients.ts';
import { toMantissas } from '../mantissas.ts';
import type { CiphertextMessage } from '../messages.ts';
import { chunksOf } from '../pads.ts';
import { padsOf, requirePrivateKey, requireTurn } from '../parties.ts';
import type { FeatureParty, FeatureState, LabelParty } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { HashedSources } from '../sources.ts';
import { headerFor, inStep, oneAhead, validChunks } from '../streams.ts';
import type { RoundOptions } from './aggregate.ts';
import { answer } from './gradient.ts';
import type { PaddedGradient } from './gradient.ts';

/**
 * The bounded cubic form of the logistic function: σ(u) ≈ 1/2 + a·u + b·u³, least squares on [−8, 8] (Kim et al. 2018).
 * The label party opens ρ = u + s under a pad s of 80 bits more than u (statistical hiding, 2^−80) and returns [[ρ]],
 * [[ρ²]], [[ρ³]]; feature parties, who know s, expand u³ = ρ³ − 3sρ² + 3s²ρ − s³ under encryption. The label party with any
 * feature party together could read u: the bound of single-key mode.
 */

const LINEAR = 1.20096 / 8;
const CUBIC = -0.81562 / 512;

/** σ(u) as the cubic form takes it. */
export function cubicSigmoid(u: number): number {
  return 0.5 + LINEAR * u + CUBIC * u ** 3;
}

/**
 * The label party's powers of the padded predictions: [[ρ]], [[ρ²]], [[ρ³]], in this order, each chunk by chunk.
 *
 * @param aggregate the predictions of all parties under their pad, without labels
 * @throws TerminalError as the checks of messages; `DAMAGED_OPENING` when a value is no padded prediction
 */
export async function powersRound(
  party: LabelParty,
  turn: Turn,
  aggregate: CiphertextMessage,
  options: RoundOptions = {},
): Promise<CiphertextMessage[]> {
  const { parameters } = party;
  const privateKey = requirePrivateKey(party);
  const padded: bigint[] = [];
  for await (const chunk of validChunks(party, expectAggregate(parameters, turn), aggregate, options)) {
    for (const value of await decryptVector(privateKey, chunk, options)) padded.push(value);
  }
  const bound = 1n << BigInt(cubicPadBits(parameters) + 1);
  if (padded.some((value) => value <= -bound || value >= bound)) {
    throw refusal('DAMAGED_OPENING', 'powers: expected padded predictions within the planned bounds, got other values');
  }
  return CUBIC_POWERS.map((power) => ({
    header: headerFor(party, expectPower(parameters, turn, power)),
    chunks: powerChunks(party, padded, power, options),
  }));
}

async function* powerChunks(
  party: LabelParty,
  padded: readonly bigint[],
  power: CubicPower,
  options: RoundOptions,
): AsyncGenerator<Uint8Array> {
  const privateKey = requirePrivateKey(party);
  const scaleBits = power * party.parameters.scaleBits;
  for (const { from, rows } of chunksOf(padded.length)) {
    const values = padded.slice(from, from + rows).map((value) => value ** BigInt(power));
    yield (await encryptVectorAsOwner(privateKey, values, { scaleBits, ...options })).data;
  }
}

/**
 * A3 of the cubic form: Σ x(1/2 − y) + a·Σ x·u + b·Σ x·u³, from E0 and the powers.
 *
 * @param labels E0 of the iteration's batch
 * @param powers [[ρ]], [[ρ²]], [[ρ³]]
 * @throws TerminalError as `gradientRound`
 */
export async function cubicGradientRound(
  party: FeatureParty,
  state: FeatureState,
  turn: Turn,
  labels: CiphertextMessage,
  powers: readonly CiphertextMessage[],
  options: RoundOptions = {},
): Promise<{ state: FeatureState; message: CiphertextMessage }> {
  requireTurn(state, turn);
  if (powers.length !== CUBIC_POWERS.length) {
    throw refusal('WRONG_COUNT', `gradient: expected ${CUBIC_POWERS.length} powers, got ${powers.length}`);
  }
  const sources = new HashedSources([labels, ...powers]);
  return answer(party, state, turn, sources, async ([first = labels, ...rest]) =>
    cubicProducts(party, turn, first, rest, options),
  );
}

async function cubicProducts(
  party: FeatureParty,
  turn: Turn,
  labels: CiphertextMessage,
  powers: readonly CiphertextMessage[],
  { signal }: RoundOptions,
): Promise<PaddedGradient> {
  const { parameters, publicKey } = party;
  const corrections = party.columns.map(() => 0n);
  const streams = [
    validChunks(party, expectLabels(parameters, batchIndexOf(parameters, turn.iteration)), labels, { signal }),
    ...powers.map((message, index) =>
      validChunks(party, expectPower(parameters, turn, CUBIC_POWERS[index] ?? 1), message, { signal }),
    ),
  ];
  const expand = (chunks: readonly CiphertextVector[], chunk: number): Promise<CiphertextVector> =>
    expandChunk(party, turn, { chunks, chunk, corrections }, signal);
  let products: CiphertextVector | undefined;
  for await (const part of oneAhead(inStep(streams), expand)) {
    products = await addProducts(publicKey, products, part, signal);
  }
  if (!products) throw refusal('WRONG_COUNT', 'gradient: expected at least one row, got none');
  return { products, corrections: corrections.map((correction) => mod(correction, publicKey.n)) };
}

interface Expansion {
  readonly chunks: readonly CiphertextVector[];
  readonly chunk: number;
  /** Σ s³·w of each column, added to. */
  readonly corrections: bigint[];
}

/** One chunk's part of every column's gradient, at four times the scale. */
async function expandChunk(
  party: FeatureParty,
  turn: Turn,
  { chunks, chunk, corrections }: Expansion,
  signal: AbortSignal | undefined,
): Promise<CiphertextVector> {
  const { parameters, publicKey, columns } = party;
  const { scaleBits } = parameters;
  const [labels, first, second, third] = chunks;
  if (!labels || !first || !second || !third)
    throw refusal('WRONG_COUNT', 'gradient: expected labels and three powers');
  const context = contextOf(parameters, { round: 'forward', ...turn, party: NOBODY });
  const pads = [...(padsOf(party, context)?.groupBits(chunk, labels.count, cubicPadBits(parameters)) ?? [])];
  const row = rowsOfIteration(parameters, turn.iteration).from + chunk * CHUNK_ROWS;
  const parts = columns.map((column) => column.subarray(row, row + labels.count));
  const weights = parts.map((part) => expandWeights(part, pads, scaleBits));
  for (const [index, { constant }] of weights.entries()) corrections[index] = (corrections[index] ?? 0n) + constant;
  const plain = await dotColumns(
    publicKey,
    labels,
    parts.map((part) => toMantissas(part, scaleBits)),
    {
      scalarScaleBits: scaleBits,
      signal,
    },
  );
  const lifted = await scaleVector(publicKey, plain, 1n << BigInt(2 * scaleBits), { factorScaleBits: 2 * scaleBits });
  const pick = (power: 'first' | 'second' | 'third', vector: CiphertextVector): Promise<CiphertextVector> =>
    dotColumns(
      publicKey,
      vector,
      weights.map((weight) => weight[power]),
      {
        scalarScaleBits: 4 * scaleBits - vector.scaleBits,
        signal,
      },
    );
  const expanded = await Promise.all([pick('first', first), pick('second', second), pick('third', third)]);
  return (await addVectors(publicKey, [lifted, ...expanded], { signal })).with({ summands: 1n });
}

interface Weights {
  readonly first: bigint[];
  readonly second: bigint[];
  readonly third: bigint[];
  readonly constant: bigint;
}

/** The factors of ρ, ρ², ρ³ and of 1 in a·x·u + b·x·u³, at the scales that make four of each product. */
function expandWeights(column: Float64Array, pads: readonly bigint[], scaleBits: number): Weights {
  const linear = toMantissas(
    column.map((value) => LINEAR * value),
    scaleBits,
  );
  const cubic = toMantissas(
    column.map((value) => CUBIC * value),
    scaleBits,
  );
  const lift = BigInt(2 * scaleBits);
  const weights = { first: [] as bigint[], second: [] as bigint[], third: [] as bigint[] };
  let constant = 0n;
  for (const [row, pad] of pads.entries()) {
    const weight = BigInt(cubic[row] ?? 0);
    const straight = BigInt(linear[row] ?? 0) << lift;
    weights.first.push(3n * pad * pad * weight + straight);
    weights.second.push(-3n * pad * weight);
    weights.third.push(weight);
    // −s³w − s·a·x belongs to the sum; what is added too much is its negative.
    constant += pad * pad * pad * weight + pad * straight;
  }
  return { ...weights, constant };
}
