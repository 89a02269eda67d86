import { createHash, hkdfSync, timingSafeEqual } from 'node:crypto';
import { expectMaskedPrediction } from '../additive/expectations.ts';
import { maskedHeader, type MaskedMessage } from '../additive/messages.ts';
import { type PairSeeds, ringOf } from '../additive/pads.ts';
import { additivePredictionRound, maskPredictions } from '../additive/scores.ts';
import { type HalfKeys, pairSeed } from '../agreement.ts';
import { contextOf, type Place, requireContext } from '../contexts.ts';
import type { ByteChunks } from '../messages.ts';
import { partiesOf } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import type { RoundOptions } from '../rounds/aggregate.ts';
import { type NewRows, ownPredictions } from '../rounds/scores.ts';
import type { ConfirmationMessage, OfferMessage } from './messages.ts';
import type { PredictionParameters } from './request.ts';

/**
 * The rounds of predictions for new rows, the same after trainings of every mode: coefficients stand in plain at their owners.
 * û_j = round(2^f·u_j) of each feature party travels once, under a pad modulo 2^128; pads sum to zero with the label party's own,
 * which never leaves it, so that it alone learns Σ_j u_j. Pads come from X25519 halves of this prediction: a
 * prediction has one attempt, and another one has other halves, hence other pads.
 *
 * Parties follow the protocol; channels are authentic (signatures); X25519, HKDF and AES-256 hold.
 */

/** A party of a prediction; its half is secret. */
export interface Predictor {
  readonly parameters: PredictionParameters;
  readonly name: string;
  readonly half: HalfKeys;
}

/** What a party shares with each of the others for these very rows; secret. */
export type SharedSeeds = ReadonlyMap<string, Uint8Array>;

const TURN = { iteration: 0, attempt: 0 } as const;
const SEED_BYTES = 32;
const SALT = 'sealed-colonies/regression/prediction/1';

/** First: says that this party takes part. @param rows how many new rows it has; null when it takes as many as the others */
export function offerRound({ parameters, name, half }: Predictor, rows: number | null): OfferMessage {
  const context = contextOf(parameters, placeOf('half', name));
  return { v: 1, kind: 'offer', context, rows, half: Buffer.from(half.publicHalf).toString('hex') };
}

/**
 * Second: agrees on secrets, and shows every other party by a code that this one means the same rows. Seeds depend on the ids,
 * so that pads of parties with other ids would not even fit.
 *
 * @param idsDigest of this party's new rows; null where rows meet by position
 * @param offers of all parties: the label party, then the feature parties
 * @throws TerminalError `ROWS_DIFFER` when the numbers of rows do, `REPLAYED` when this party's own offer is another,
 *   `WRONG_COUNT`, or as `requireContext` and `pairSeed`
 */
export function confirmRound(
  party: Predictor,
  idsDigest: string | null,
  offers: readonly OfferMessage[],
): { rows: number; seeds: SharedSeeds; message: ConfirmationMessage } {
  const { parameters, name, half } = party;
  const names = partiesOf(parameters);
  const rows = agreedRows(parameters, offers);
  const rowsDigest = createHash('sha256')
    .update(`${idsDigest ?? 'position'}/${rows}`)
    .digest('hex');
  const seeds = new Map<string, Uint8Array>();
  for (const [index, other] of names.entries()) {
    const publicHalf = Buffer.from(offers[index]?.half ?? '', 'hex');
    if (other !== name) {
      const seed = pairSeed(parameters, { party: name, ...half }, { party: other, publicHalf });
      seeds.set(other, derive(seed, `rows/${rowsDigest}`));
    } else if (!publicHalf.equals(half.publicHalf)) {
      throw refusal('REPLAYED', `offer of ${name}: expected the one that it made, got another`);
    }
  }
  const codes = Object.fromEntries([...seeds].map(([other, seed]) => [other, codeOf(seed, name, other)]));
  const context = contextOf(parameters, placeOf('confirmation', name));
  return { rows, seeds, message: { v: 1, kind: 'confirmation', context, codes } };
}

/**
 * Third, each feature party: its part of the predictions under its pads. The same arguments give the same bytes.
 *
 * @param theta coefficients, in the order of the columns
 * @param columns prepared with the scales of the training
 * @param confirmations of all parties: nothing leaves before all mean the same rows
 * @returns the masked numbers, for {@link newRowsMessage}
 * @throws TerminalError `ONE_PARTY`, `ROWS_DIFFER`, `NOT_FINITE`, `MAGNITUDE_EXCEEDED`, or as {@link confirmRound}
 */
export async function newRowsRound(
  party: Omit<Predictor, 'half'>,
  seeds: SharedSeeds,
  theta: readonly number[],
  columns: NewRows,
  confirmations: readonly ConfirmationMessage[],
): Promise<Uint8Array> {
  const { parameters, name } = party;
  requireSeveral(parameters);
  requireConfirmed(party, seeds, partiesOf(parameters), confirmations);
  const pairSeeds = orderedSeeds(parameters, name, seeds);
  const predictions = ownPredictions(parameters, theta, columns);
  return bytesOf(maskPredictions({ parameters, name, pairSeeds }, TURN, predictions).chunks);
}

async function bytesOf(chunks: ByteChunks): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}

/** What a feature party's masked numbers travel as. */
export function newRowsMessage(parameters: PredictionParameters, party: string, numbers: Uint8Array): MaskedMessage {
  const { bits, ...expected } = expectMaskedPrediction(parameters, TURN, party, 1);
  const count = numbers.length / ringOf(bits).bytes;
  return { header: maskedHeader(parameters, { ...expected, bits, count }), chunks: [numbers] };
}

/**
 * Last, the label party: takes all pads out of the sum.
 *
 * @param mean what was subtracted from the labels of the training
 * @param confirmations of the feature parties, in their order, as are `parts`
 * @returns predicted values, or log-odds of a logistic model
 * @throws TerminalError `ROWS_DIFFER`, or as the checks of messages
 */
export async function receiveRound(
  party: Omit<Predictor, 'half'> & { readonly mean: number },
  seeds: SharedSeeds,
  rows: number,
  confirmations: readonly ConfirmationMessage[],
  parts: readonly MaskedMessage[],
  options: RoundOptions = {},
): Promise<Float64Array> {
  const { parameters, name, mean } = party;
  const features = parameters.features.map((feature) => feature.name);
  requireConfirmed(party, seeds, features, confirmations);
  const pairSeeds = orderedSeeds(parameters, name, seeds);
  return additivePredictionRound({ parameters, mean, pairSeeds }, TURN, rows, parts, options);
}

/** With one feature party its part would be the prediction. @throws TerminalError `ONE_PARTY` */
export function requireSeveral({ features, guards }: PredictionParameters): void {
  if (features.length > 1 || guards === 'demonstration') return;
  throw refusal('ONE_PARTY', 'prediction: expected two feature parties or more, got one, whose part would be the sum');
}

function placeOf(round: 'half' | 'confirmation', party: string): Place {
  return { round, ...TURN, party };
}

/** How many rows all parties have, after a check of everybody's offer. */
function agreedRows(parameters: PredictionParameters, offers: readonly OfferMessage[]): number {
  const names = partiesOf(parameters);
  requireAsMany('offers', names.length, offers.length);
  const known: { party: string; rows: number }[] = [];
  for (const [index, party] of names.entries()) {
    const { context, rows } = offers[index] ?? { context: '', rows: null };
    requireContext(parameters, placeOf('half', party), context);
    if (rows !== null) known.push({ party, rows });
    else if (party !== parameters.label) {
      throw refusal('BAD_MESSAGE', `offer of ${party}: expected a number of rows, got none`);
    }
  }
  const [first] = known;
  const other = known.find(({ rows }) => rows !== first?.rows);
  if (first !== undefined && other === undefined) return first.rows;
  throw refusal(
    'ROWS_DIFFER',
    `prediction: expected ${first?.rows} new rows as ${first?.party} has, got ${other?.rows} of ${other?.party}; give every daemon the same rows (--new-rows, --new-ids)`,
  );
}

function requireConfirmed(
  { parameters, name }: Omit<Predictor, 'half'>,
  seeds: SharedSeeds,
  senders: readonly string[],
  confirmations: readonly ConfirmationMessage[],
): void {
  requireAsMany('confirmations', senders.length, confirmations.length);
  for (const [index, sender] of senders.entries()) {
    const confirmation = confirmations[index];
    requireContext(parameters, placeOf('confirmation', sender), confirmation?.context ?? '');
    if (sender === name) continue;
    const seed = seeds.get(sender) ?? new Uint8Array();
    if (isCode(confirmation?.codes[name], codeOf(seed, sender, name))) continue;
    throw refusal(
      'ROWS_DIFFER',
      `prediction: expected ${sender} to mean the rows that ${name} means, got other ids; give every daemon the same list of new ids (--new-ids)`,
    );
  }
}

function requireAsMany(what: string, expected: number, got: number): void {
  if (got !== expected) throw refusal('WRONG_COUNT', `prediction: expected ${expected} ${what}, got ${got}`);
}

/** What one party tells another to show that it has the same seed: another for each direction. */
function codeOf(seed: Uint8Array, sender: string, recipient: string): string {
  return Buffer.from(derive(seed, `confirm/${sender}/${recipient}`)).toString('hex');
}

function isCode(code: string | undefined, expected: string): boolean {
  return code?.length === expected.length && timingSafeEqual(Buffer.from(code), Buffer.from(expected));
}

function derive(seed: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', seed, SALT, purpose, SEED_BYTES));
}

/** Seeds as pads want them. */
function orderedSeeds(parameters: PredictionParameters, name: string, seeds: SharedSeeds): PairSeeds {
  const names = partiesOf(parameters);
  return { place: names.indexOf(name), pairs: names.map((party) => seeds.get(party)) };
}
