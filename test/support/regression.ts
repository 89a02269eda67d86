import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { dealShares } from '../../crypto/paillier/index.ts';
import type { KeyPair } from '../../crypto/paillier/index.ts';
import { batchIndexOf } from '../../executors/regression/batches.ts';
import type { Round, Turn } from '../../executors/regression/contexts.ts';
import {
  decodeMessage,
  encodeMessage,
  inlineText,
  OpeningMessage,
  parseInline,
  PartialMessage,
  ProgressMessage,
} from '../../executors/regression/messages.ts';
import type { CiphertextMessage } from '../../executors/regression/messages.ts';
import type { PadSeeds } from '../../executors/regression/pads.ts';
import { isCubic, readParameters } from '../../executors/regression/parameters.ts';
import type { RunParameters } from '../../executors/regression/parameters.ts';
import {
  FeatureState,
  initialFeatureState,
  INITIAL_LABEL_STATE,
  LabelState,
} from '../../executors/regression/parties.ts';
import type { FeatureParty, LabelParty } from '../../executors/regression/parties.ts';
import { aggregateRound, lossSumRound, predictionSumRound } from '../../executors/regression/rounds/aggregate.ts';
import { cubicGradientRound, powersRound } from '../../executors/regression/rounds/cubic.ts';
import { forwardRound } from '../../executors/regression/rounds/forward.ts';
import { gradientRound } from '../../executors/regression/rounds/gradient.ts';
import { labelsRound, lossRound, openRound, predictionRound } from '../../executors/regression/rounds/label.ts';
import { lossPartRound, predictRound } from '../../executors/regression/rounds/scores.ts';
import { stepRound } from '../../executors/regression/rounds/step.ts';
import type { StepResult } from '../../executors/regression/rounds/step.ts';
import {
  lossPartialRound,
  partialRound,
  predictionPartialRound,
  thresholdLossRound,
  thresholdPredictionRound,
  thresholdStepRound,
} from '../../executors/regression/rounds/threshold.ts';
import type { ShareHolder } from '../../executors/regression/rounds/threshold.ts';
import { prepareColumns, prepareLabels, prepareNewRows } from '../../executors/regression/scaling.ts';
import type { PreparedColumns } from '../../executors/regression/scaling.ts';

/** A table of numbers with named columns. */
export type Table = ReadonlyMap<string, Float64Array>;

const ROOT = join(import.meta.dirname, '..', '..');

/** A numeric CSV file of workflows/vertical-regression/data. */
export function readTable(file: string): Table {
  const text = readFileSync(join(ROOT, 'workflows', 'vertical-regression', 'data', file), 'utf8');
  const [header = '', ...lines] = text.trimEnd().split('\n');
  const rows = lines.map((line) => line.split(','));
  const column = (index: number): Float64Array => Float64Array.from(rows, (row) => Number(row[index]));
  return new Map(header.split(',').map((name, index) => [name, column(index)]));
}

/** A file of test/vectors. */
export function readVectors(file: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, 'test', 'vectors', file), 'utf8'));
}

/** One column of a table. */
export function columnOf(table: Table, name: string): Float64Array {
  const column = table.get(name);
  if (!column) throw new Error(`expected a column ${name}`);
  return column;
}

/** What a test run starts from. */
export interface TestRun {
  readonly parameters: Record<string, unknown>;
  readonly keys: KeyPair;
  /** Raw columns of each feature party. */
  readonly blocks: readonly (readonly Float64Array[])[];
  readonly labels: Float64Array;
}

/** A message that travelled, and what it was. */
interface Seen {
  readonly round: Round;
  readonly text: string;
}

/** The parties of a run in one process, every message encoded and decoded on its way. */
export interface TestParties {
  readonly parameters: RunParameters;
  readonly label: LabelParty;
  readonly features: readonly FeatureParty[];
  /** In threshold mode: the label party first. */
  readonly holders: readonly ShareHolder[];
  readonly prepared: readonly PreparedColumns[];
  labelStates: LabelState[];
  states: FeatureState[];
  /** E0, which is sent once. */
  labels: string | undefined;
  readonly seen: Seen[];
}

/** Sets a run up with seeds and shares as the exchange would give them. */
export async function startRun({ parameters: wire, keys, blocks, labels }: TestRun): Promise<TestParties> {
  const parameters = readParameters({
    run: 'test',
    label: 'y',
    features: blocks.map((block, index) => ({ name: `x${index + 1}`, columns: block.length })),
    rows: labels.length,
    guards: 'demonstration',
    keyBits: keys.publicKey.bitLength,
    ...wire,
  });
  const { publicKey, privateKey } = keys;
  const isThreshold = parameters.mode === 'threshold';
  const names = parameters.features.map(({ name }) => name);
  const label = { parameters, publicKey, ...prepareLabels(parameters, labels), ...(isThreshold ? {} : { privateKey }) };
  const prepared = await Promise.all(
    blocks.map((columns, index) => prepareColumns(parameters, names[index] ?? '', columns)),
  );
  const features = prepared.map(({ columns, penalised }, place) => ({
    parameters,
    publicKey,
    name: names[place] ?? '',
    columns,
    penalised,
    ...(isThreshold ? {} : { seeds: testSeeds(blocks.length, place) }),
  }));
  const shares = isThreshold ? await dealShares(privateKey, { parties: blocks.length + 1 }) : [];
  const holders = shares.map((share, index) => ({ parameters, publicKey, share, name: ['y', ...names][index] ?? '' }));
  return {
    parameters,
    label,
    features,
    holders,
    prepared,
    labelStates: ['y', ...names].map(() => INITIAL_LABEL_STATE),
    states: prepared.map(({ columns }) => initialFeatureState(columns.length)),
    labels: undefined,
    seen: [],
  };
}

/** Fixed seeds: pairs agree, the group's is the same for all. */
export function testSeeds(parties: number, place: number): PadSeeds {
  const pairs = Array.from({ length: parties }, (_, other) =>
    other === place ? undefined : new Uint8Array(32).fill(16 * Math.min(place, other) + Math.max(place, other) + 1),
  );
  return { place, pairs, group: new Uint8Array(32).fill(255) };
}

/** One iteration; returns the gradient sums of every party. */
export async function iterate(parties: TestParties, iteration: number, attempt = 0): Promise<(readonly number[])[]> {
  const turn = { iteration, attempt };
  const labels = await labelsOf(parties, iteration);
  const aggregate = await aggregateOf(parties, turn, labels);
  const gradients = await gradientsOf(parties, turn, labels, aggregate);
  const results =
    parties.holders.length > 0
      ? await openTogether(parties, turn, gradients)
      : await openAlone(parties, turn, gradients);
  return results.map((result, index) => {
    parties.states[index] = result.state;
    const text = encodeMessage(ProgressMessage, result.message);
    parties.seen.push({ round: 'progress', text });
    expect(decodeMessage(ProgressMessage, text)).toEqual(result.message);
    return result.gradientSums;
  });
}

/** E0 of an iteration's batch; that of a full batch is sent once. */
export async function labelsOf(parties: TestParties, iteration: number): Promise<string> {
  const batch = batchIndexOf(parties.parameters, iteration);
  if (parties.parameters.batchRows > 0) return transmit(parties, 'labels', labelsRound(parties.label, batch));
  parties.labels ??= await transmit(parties, 'labels', labelsRound(parties.label, 0));
  return parties.labels;
}

/** Forward and aggregate of a turn. */
export async function aggregateOf(parties: TestParties, turn: Turn, labels: string): Promise<string> {
  const { features, states, parameters, label } = parties;
  const forwards = await Promise.all(
    features.map((party, index) => transmit(parties, 'forward', forwardRound(party, at(states, index), turn))),
  );
  const base = isCubic(parameters) ? undefined : parseInline(labels);
  return transmit(parties, 'aggregate', aggregateRound(label, turn, base, forwards.map(parseInline)));
}

/** Every party's masked gradient of a turn. */
export async function gradientsOf(
  parties: TestParties,
  turn: Turn,
  labels: string,
  aggregate: string,
): Promise<string[]> {
  const { features, states, parameters, label } = parties;
  const powers = isCubic(parameters)
    ? await powersOf(parties, await powersRound(label, turn, parseInline(aggregate)))
    : [];
  return Promise.all(
    features.map(async (party, index) => {
      const state = at(states, index);
      const result = isCubic(parameters)
        ? await cubicGradientRound(party, state, turn, parseInline(labels), powers.map(parseInline))
        : await gradientRound(party, state, turn, parseInline(aggregate));
      states[index] = FeatureState.parse(JSON.parse(JSON.stringify(result.state)));
      return transmit(parties, 'gradient', result.message);
    }),
  );
}

async function powersOf(parties: TestParties, messages: readonly CiphertextMessage[]): Promise<string[]> {
  return Promise.all(messages.map((message) => transmit(parties, 'power-1', message)));
}

async function openAlone(parties: TestParties, turn: Turn, gradients: readonly string[]): Promise<StepResult[]> {
  const opened = await openRound(parties.label, at(parties.labelStates, 0), turn, gradients.map(parseInline));
  parties.labelStates[0] = LabelState.parse(JSON.parse(JSON.stringify(opened.state)));
  return opened.messages.map((message, index) => {
    const text = encodeMessage(OpeningMessage, message);
    parties.seen.push({ round: 'opening', text });
    const party = at(parties.features, index);
    return stepRound(party, at(parties.states, index), turn, decodeMessage(OpeningMessage, text));
  });
}

/** Every holder's parts for each party; outer index: holders. */
export async function partialsOf(parties: TestParties, turn: Turn, gradients: readonly string[]): Promise<string[][]> {
  return Promise.all(
    parties.holders.map(async (holder, index) => {
      const result = await partialRound(holder, at(parties.labelStates, index), turn, gradients.map(parseInline));
      parties.labelStates[index] = result.state;
      const texts = result.messages.map((message) => encodeMessage(PartialMessage, message));
      for (const text of texts) parties.seen.push({ round: 'partial', text });
      return texts;
    }),
  );
}

async function openTogether(parties: TestParties, turn: Turn, gradients: readonly string[]): Promise<StepResult[]> {
  const partials = await partialsOf(parties, turn, gradients);
  return Promise.all(
    parties.features.map((party, index) => {
      const own = partials.map((texts) => decodeMessage(PartialMessage, at(texts, index)));
      return thresholdStepRound(party, at(parties.states, index), turn, own);
    }),
  );
}

/** The loss before the last step, as the label party learns it. */
export async function lossAt(parties: TestParties, iteration: number): Promise<number> {
  const turn = { iteration, attempt: 0 };
  const { features, states, label, holders } = parties;
  const parts = await Promise.all(
    features.map(async (party, index) =>
      transmit(parties, 'loss', await lossPartRound(party, at(states, index), turn)),
    ),
  );
  const sum = await transmit(parties, 'loss-sum', lossSumRound(label, turn, parts.map(parseInline)));
  const [own, ...others] = holders;
  if (!own) return lossRound(label, turn, parseInline(sum));
  const partials = await Promise.all(others.map((holder) => lossPartialRound(holder, turn, parseInline(sum))));
  return thresholdLossRound(label, own, turn, parseInline(sum), partials);
}

/** Predictions for new rows, as the label party learns them. @param blocks raw columns of each party */
export async function predictionsFor(
  parties: TestParties,
  request: number,
  blocks: readonly (readonly Float64Array[])[],
): Promise<Float64Array> {
  const turn = { iteration: request, attempt: 0 };
  const { features, states, label, holders, parameters, prepared } = parties;
  const rows = blocks[0]?.[0]?.length ?? 0;
  const parts = await Promise.all(
    features.map((party, index) => {
      const columns = prepareNewRows(parameters, at(prepared, index), at(blocks, index));
      const result = predictRound(party, at(states, index), turn, columns);
      states[index] = result.state;
      return transmit(parties, 'predict', result.message);
    }),
  );
  const sum = await transmit(parties, 'prediction', predictionSumRound(label, turn, rows, parts.map(parseInline)));
  const [own, ...others] = holders;
  if (!own) return predictionRound(label, turn, rows, parseInline(sum));
  const partials = await Promise.all(
    others.map((holder) => predictionPartialRound(holder, turn, rows, parseInline(sum))),
  );
  return thresholdPredictionRound(label, own, turn, parseInline(sum), partials);
}

/** Sends ciphertexts as text; what was sent is remembered. */
export async function transmit(parties: TestParties, round: Round, message: CiphertextMessage): Promise<string> {
  const text = await inlineText(message);
  parties.seen.push({ round, text });
  return text;
}

/** All coefficients, party after party. */
export function thetaOf(parties: TestParties): number[] {
  return parties.states.flatMap(({ theta }) => [...theta]);
}

/** The largest difference between two lists of numbers. */
export function distance(left: readonly number[], right: readonly number[]): number {
  expect(left).toHaveLength(right.length);
  return Math.max(...left.map((value, index) => Math.abs(value - (right[index] ?? Number.NaN))));
}

/** An item that a test knows to be there. */
export function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`expected an item ${index}, got ${items.length} items`);
  return item;
}
