import { expect } from 'vitest';
import { generateKeyPair } from '../../crypto/paillier/index.ts';
import type { KeyPair } from '../../crypto/paillier/index.ts';
import type { Round, Turn } from '../../executors/regression/contexts.ts';
import { openMasked, maskedText } from '../../executors/regression/additive/messages.ts';
import type { MaskedMessage } from '../../executors/regression/additive/messages.ts';
import { featureShares, maskedForwardRound } from '../../executors/regression/additive/forward.ts';
import type { AdditiveLabelParty, AdditiveParty, EncryptedRows } from '../../executors/regression/additive/parties.ts';
import { otherHolders } from '../../executors/regression/additive/precision.ts';
import { gradientSumRound, productRound } from '../../executors/regression/additive/products.ts';
import { checkedRows, rowsRound } from '../../executors/regression/additive/rows.ts';
import {
  additiveLossRound,
  additivePredictionRound,
  maskedLossRound,
  maskedPredictRound,
} from '../../executors/regression/additive/scores.ts';
import { labelSharesRound } from '../../executors/regression/additive/shares.ts';
import { additiveStepRound } from '../../executors/regression/additive/step.ts';
import { inlineText, parseInline } from '../../executors/regression/messages.ts';
import type { CiphertextMessage } from '../../executors/regression/messages.ts';
import { readParameters } from '../../executors/regression/parameters.ts';
import type { RunParameters } from '../../executors/regression/parameters.ts';
import { initialFeatureState, INITIAL_LABEL_STATE, LabelState } from '../../executors/regression/parties.ts';
import type { FeatureState } from '../../executors/regression/parties.ts';
import { prepareColumns, prepareLabels, prepareNewRows } from '../../executors/regression/scaling.ts';
import type { PreparedColumns } from '../../executors/regression/scaling.ts';
import { at, testSeeds } from './regression.ts';

/** What a test run in mode `additive` starts from. */
export interface AdditiveTestRun {
  readonly parameters: Record<string, unknown>;
  /** Every party's own key. */
  readonly keys: readonly KeyPair[];
  readonly blocks: readonly (readonly Float64Array[])[];
  readonly labels: Float64Array;
}

/** The parties of a run in one process, every message encoded and decoded on its way. */
export interface AdditiveParties {
  readonly parameters: RunParameters;
  readonly label: AdditiveLabelParty;
  readonly features: readonly AdditiveParty[];
  readonly prepared: readonly PreparedColumns[];
  /** Everybody's encrypted rows, as all others keep them. */
  readonly rows: readonly EncryptedRows[];
  labelState: LabelState;
  states: FeatureState[];
  readonly seen: Seen[];
}

/** A message that travelled. */
interface Seen {
  readonly round: Round;
  readonly text: string;
}

/** Fresh keys of some parties, short so that tests are quick and rows take several ciphertexts. */
export async function additiveKeys(parties: number, keyBits = 768): Promise<KeyPair[]> {
  return Promise.all(Array.from({ length: parties }, () => generateKeyPair({ keyBits, allowShortKey: true })));
}

/** Sets a run up: every party encrypts its rows, the others check and keep them. */
export async function startAdditive({
  parameters: wire,
  keys,
  blocks,
  labels,
}: AdditiveTestRun): Promise<AdditiveParties> {
  const parameters = readParameters({
    run: 'test',
    label: 'y',
    features: blocks.map((block, index) => ({ name: `x${index + 1}`, columns: block.length })),
    rows: labels.length,
    guards: 'demonstration',
    keyBits: at(keys, 0).publicKey.bitLength,
    mode: 'additive',
    ...wire,
  });
  const prepared = await Promise.all(
    blocks.map((columns, index) => prepareColumns(parameters, `x${index + 1}`, columns)),
  );
  const features = prepared.map(({ columns, penalised }, place) => ({
    parameters,
    columns,
    penalised,
    name: `x${place + 1}`,
    ...at(keys, place),
    padSeed: new Uint8Array(32).fill(100 + place),
    pairSeeds: testSeeds(blocks.length + 1, place + 1),
  }));
  const parties: AdditiveParties = {
    parameters,
    label: { parameters, ...prepareLabels(parameters, labels), pairSeeds: testSeeds(blocks.length + 1, 0) },
    features,
    prepared,
    rows: [],
    labelState: INITIAL_LABEL_STATE,
    states: prepared.map(({ columns }) => initialFeatureState(columns.length)),
    seen: [],
  };
  const rows = await Promise.all(features.map((party) => shareRows(parties, party)));
  return { ...parties, rows };
}

async function shareRows(parties: AdditiveParties, party: AdditiveParty): Promise<EncryptedRows> {
  const { parameters, publicKey, name } = party;
  const text = await transmitVector(parties, 'rows', rowsRound(party));
  const kept: Uint8Array[] = [];
  for await (const chunk of checkedRows({ parameters, publicKey }, name, parseInline(text))) kept.push(chunk);
  const bytes = Buffer.concat(kept);
  const width = 2 * Math.ceil(parameters.keyBits / 8);
  return { owner: name, publicKey, digest: name, read: (from, to) => [bytes.subarray(from * width, to * width)] };
}

/** One iteration; returns the gradient sums of every party. */
export async function iterateAdditive(
  parties: AdditiveParties,
  iteration: number,
  attempt = 0,
): Promise<(readonly number[])[]> {
  const turn = { iteration, attempt };
  const sums = await sumsOf(parties, turn, await forwardsOf(parties, turn));
  const results = await Promise.all(
    parties.features.map((party, index) =>
      additiveStepRound(party, at(parties.states, index), turn, parseInline(at(sums, index))),
    ),
  );
  parties.states = results.map(({ state }) => state);
  return results.map(({ gradientSums }) => gradientSums);
}

/** Everybody's masked predictions of a turn. */
export async function forwardsOf(parties: AdditiveParties, turn: Turn): Promise<string[]> {
  const { features, states } = parties;
  return Promise.all(
    features.map((party, index) =>
      transmitMasked(parties, 'forward', maskedForwardRound(party, at(states, index), turn)),
    ),
  );
}

/** Every holder's share of a turn: the label party's first. */
export async function sharesOf(
  parties: AdditiveParties,
  turn: Turn,
  forwards: readonly string[],
): Promise<Map<string, Uint8Array>> {
  const { label, features, labelState } = parties;
  const messages = forwards.map((text) => openMasked(text, undefined));
  const { state, shares } = await labelSharesRound(label, labelState, turn, messages);
  parties.labelState = LabelState.parse(JSON.parse(JSON.stringify(state)));
  return new Map([['y', shares], ...features.map((party) => [party.name, featureShares(party, turn)] as const)]);
}

/** The sum for each owner of what the other holders computed. */
export async function sumsOf(parties: AdditiveParties, turn: Turn, forwards: readonly string[]): Promise<string[]> {
  const shares = await sharesOf(parties, turn, forwards);
  return Promise.all(parties.rows.map((rows) => sumFor(parties, turn, rows, shares)));
}

/** The sum for one owner of what the other holders computed. */
export async function sumFor(
  parties: AdditiveParties,
  turn: Turn,
  rows: EncryptedRows,
  shares: ReadonlyMap<string, Uint8Array>,
): Promise<string> {
  const { parameters } = parties;
  const products = await productsFor(parties, turn, rows, shares);
  const run = { parameters, publicKey: rows.publicKey };
  return transmitVector(parties, 'gradient', await gradientSumRound(run, turn, rows.owner, products.map(parseInline)));
}

/** What each other holder computes for an owner. */
export async function productsFor(
  parties: AdditiveParties,
  turn: Turn,
  rows: EncryptedRows,
  shares: ReadonlyMap<string, Uint8Array>,
): Promise<string[]> {
  const { parameters } = parties;
  return Promise.all(
    otherHolders(parameters, rows.owner).map(async (name) => {
      const share = shares.get(name) ?? new Uint8Array(0);
      const product = await productRound(holderOf(parties, name), turn, rows, share);
      return transmitVector(parties, 'product', product);
    }),
  );
}

/** A party as a holder of shares. */
export function holderOf({ parameters, label, features }: AdditiveParties, name: string) {
  const { pairSeeds } = features.find((party) => party.name === name) ?? label;
  return { parameters, name, pairSeeds };
}

/** The loss before the last step, as the label party learns it. */
export async function additiveLossAt(parties: AdditiveParties, iteration: number): Promise<number> {
  const turn = { iteration, attempt: 0 };
  const { features, states, label } = parties;
  const parts = await Promise.all(
    features.map((party, index) => transmitMasked(parties, 'loss', maskedLossRound(party, at(states, index), turn))),
  );
  return additiveLossRound(
    label,
    turn,
    parts.map((text) => openMasked(text, undefined)),
  );
}

/** Predictions for new rows, as the label party learns them. @param blocks raw columns of each party */
export async function additivePredictionsFor(
  parties: AdditiveParties,
  request: number,
  blocks: readonly (readonly Float64Array[])[],
): Promise<Float64Array> {
  const turn = { iteration: request, attempt: 0 };
  const { features, states, label, parameters, prepared } = parties;
  const parts = await Promise.all(
    features.map((party, index) => {
      const columns = prepareNewRows(parameters, at(prepared, index), at(blocks, index));
      const result = maskedPredictRound(party, at(states, index), turn, columns);
      states[index] = result.state;
      return transmitMasked(parties, 'predict', result.message);
    }),
  );
  const rows = blocks[0]?.[0]?.length ?? 0;
  return additivePredictionRound(
    label,
    turn,
    rows,
    parts.map((text) => openMasked(text, undefined)),
  );
}

/** Sends ciphertexts as text; what was sent is remembered. */
async function transmitVector(parties: AdditiveParties, round: Round, message: CiphertextMessage): Promise<string> {
  const text = await inlineText(message);
  parties.seen.push({ round, text });
  return text;
}

/** Sends masked integers as text; what was sent is remembered. */
async function transmitMasked(parties: AdditiveParties, round: Round, message: MaskedMessage): Promise<string> {
  const text = await maskedText(message, undefined);
  expect(openMasked(text, undefined).header).toEqual(message.header);
  parties.seen.push({ round, text });
  return text;
}

/** All coefficients, party after party. */
export function additiveThetaOf(parties: AdditiveParties): number[] {
  return parties.states.flatMap(({ theta }) => [...theta]);
}
