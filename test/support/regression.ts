import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair } from '../../crypto/paillier/index.ts';
import { readParameters } from '../../executors/regression/parameters.ts';
import type { RunParameters } from '../../executors/regression/parameters.ts';
import {
  decodeMessage,
  encodeMessage,
  inlineText,
  OpeningMessage,
  parseInline,
  ProgressMessage,
} from '../../executors/regression/messages.ts';
import type { CiphertextMessage } from '../../executors/regression/messages.ts';
import type { PadSeeds } from '../../executors/regression/pads.ts';
import { aggregateRound } from '../../executors/regression/rounds/aggregate.ts';
import { initialFeatureState, INITIAL_LABEL_STATE } from '../../executors/regression/parties.ts';
import type { FeatureParty, FeatureState, LabelParty, LabelState } from '../../executors/regression/parties.ts';
import { forwardRound } from '../../executors/regression/rounds/forward.ts';
import { gradientRound } from '../../executors/regression/rounds/gradient.ts';
import { labelBase, labelsRound, openRound } from '../../executors/regression/rounds/label.ts';
import { stepRound } from '../../executors/regression/rounds/step.ts';

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

/** What a test run starts from: columns that are prepared already. */
export interface TestRun {
  readonly parameters: Record<string, unknown>;
  readonly keys: KeyPair;
  readonly blocks: readonly (readonly Float64Array[])[];
  readonly labels: Float64Array;
  readonly mean?: number;
  readonly penalised?: readonly (readonly boolean[])[];
}

/** The parties of a run in one process, every message encoded and decoded on its way. */
export interface TestParties {
  readonly parameters: RunParameters;
  readonly label: LabelParty;
  readonly features: readonly FeatureParty[];
  labelState: LabelState;
  states: FeatureState[];
  readonly seen: { readonly round: string; readonly text: string }[];
}

/** Sets a single-key run up with seeds as the exchange would give them. */
export function startRun({ parameters: wire, keys, blocks, labels, mean = 0, penalised }: TestRun): TestParties {
  const parameters = readParameters({
    run: 'test',
    label: 'y',
    features: blocks.map((block, index) => ({ name: `x${index + 1}`, columns: block.length })),
    rows: labels.length,
    scaling: 'none',
    guards: 'demonstration',
    keyBits: keys.publicKey.bitLength,
    ...wire,
  });
  const { publicKey, privateKey } = keys;
  const label = { parameters, publicKey, privateKey, base: labelBase(parameters, labels, mean), mean };
  const features = blocks.map((columns, place) => ({
    parameters,
    publicKey,
    name: `x${place + 1}`,
    columns,
    penalised: penalised?.[place] ?? columns.map(() => true),
    seeds: testSeeds(blocks.length, place),
  }));
  const states = blocks.map((block) => initialFeatureState(block.length));
  return { parameters, label, features, labelState: INITIAL_LABEL_STATE, states, seen: [] };
}

/** Fixed seeds: pairs agree, the group's is the same for all. */
export function testSeeds(parties: number, place: number): PadSeeds {
  const pairs = Array.from({ length: parties }, (_, other) =>
    other === place ? undefined : new Uint8Array(32).fill(16 * Math.min(place, other) + Math.max(place, other) + 1),
  );
  return { place, pairs, group: new Uint8Array(32).fill(255) };
}

/** Sends ciphertexts as text and reads them again. */
export async function transmit(parties: TestParties, round: string, message: CiphertextMessage): Promise<string> {
  const text = await inlineText(message);
  parties.seen.push({ round, text });
  return text;
}

/** One iteration of protocol A with a single key; returns the gradient sums of every party. */
export async function iterate(parties: TestParties, iteration: number, attempt = 0): Promise<(readonly number[])[]> {
  const turn = { iteration, attempt };
  const { label, features, states } = parties;
  const labels = await transmit(parties, 'labels', labelsRound(label, 0));
  const forwards = await Promise.all(
    features.map((party, index) => transmit(parties, 'forward', forwardRound(party, stateOf(states, index), turn))),
  );
  const sum = aggregateRound(label, turn, parseInline(labels), forwards.map(parseInline));
  const aggregate = await transmit(parties, 'aggregate', sum);
  const gradients = await Promise.all(
    features.map(async (party, index) => {
      const result = await gradientRound(party, stateOf(states, index), turn, parseInline(aggregate));
      states[index] = result.state;
      return transmit(parties, 'gradient', result.message);
    }),
  );
  const opened = await openRound(label, parties.labelState, turn, gradients.map(parseInline));
  parties.labelState = opened.state;
  return opened.messages.map((message, index) => {
    const text = encodeMessage(OpeningMessage, message);
    parties.seen.push({ round: 'opening', text });
    const party = features[index];
    if (!party) throw new Error('expected an opening for each party');
    const result = stepRound(party, stateOf(states, index), turn, decodeMessage(OpeningMessage, text));
    states[index] = result.state;
    parties.seen.push({ round: 'progress', text: encodeMessage(ProgressMessage, result.message) });
    return result.gradientSums;
  });
}

/** All coefficients, party after party. */
export function thetaOf(parties: TestParties): number[] {
  return parties.states.flatMap(({ theta }) => [...theta]);
}

function stateOf(states: readonly FeatureState[], index: number): FeatureState {
  const state = states[index];
  if (!state) throw new Error(`expected a state of party ${index}`);
  return state;
}
