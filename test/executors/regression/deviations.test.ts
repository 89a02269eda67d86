import { expect, test } from 'vitest';
import { CiphertextVector, dotProduct, keyId } from '../../../crypto/paillier/index.ts';
import { fromBigInts, toBigInts } from '../../../crypto/modular/bytes.ts';
import { jacobiSymbol, mod, modInverse, modPower } from '../../../crypto/modular/number-theory.ts';
import { randomBelow } from '../../../crypto/modular/random.ts';
import { contextOf, NOBODY } from '../../../executors/regression/contexts.ts';
import { maskGradient } from '../../../executors/regression/gradients.ts';
import { leakageOf } from '../../../executors/regression/leakage.ts';
import { parseInline } from '../../../executors/regression/messages.ts';
import { Pads } from '../../../executors/regression/pads.ts';
import { INITIAL_LABEL_STATE, type LabelState } from '../../../executors/regression/parties.ts';
import { countPowers, countSum, openRound } from '../../../executors/regression/rounds/label.ts';
import { testKeyPair } from '../../support/keys.ts';
import { aggregateOf, at, gradientsOf, labelsOf, startRun, testSeeds } from '../../support/regression.ts';

const keys = await testKeyPair(512);
const { n } = keys.publicKey;
const ROWS = 120;
const TURN = { iteration: 0, attempt: 0 };

const column = (seed: number): Float64Array =>
  Float64Array.from({ length: ROWS }, (_, row) => Math.sin(seed * 100 + row * (seed + 1.7) ** 2));
const labels = column(5).map((value) => (value > 0.1 ? 1 : 0));

function start() {
  const parameters = { model: 'logistic', scaling: 'none', alpha: 0.3, iterations: 20 };
  return startRun({ parameters, keys, blocks: [[column(1)], [column(2)]], labels });
}

test('a feature party that deviates reads the labels of many rows from one opening, as the leakage statement says', async () => {
  const parties = await start();
  const { parameters } = parties;
  const sums = await aggregateOf(parties, TURN, await labelsOf(parties, 0));
  const honest = await gradientsOf(parties, TURN, '', sums);
  const context = contextOf(parameters, { round: 'forward', ...TURN, party: NOBODY });
  const pads = [...new Pads(testSeeds(2, 0), context, n).group(0, ROWS)];
  // E0 is ±2^39: divided by that it is ±1, and two bits hold each.
  const weights = Array.from(labels, (_, row) => 4n ** BigInt(row));
  const sum = await dotProduct(keys.publicKey, CiphertextVector.parse(sums).ciphertexts(), weights);
  const padding = weights.reduce((total, weight, row) => total + weight * at(pads, row), 0n);
  const half = modInverse(2n ** 39n, n);
  const mask = randomBelow(n);
  const packed = (modPower(sum, half, n * n) * (1n + n * mod(mask - padding * half, n))) % (n * n);
  const own = CiphertextVector.parse(at(honest, 0));
  const forged = own.with({ data: fromBigInts([packed], own.elementBytes) });
  const inputs = [forged.toJson(), at(honest, 1)].map(parseInline);
  const { messages } = await openRound(parties.label, at(parties.labelStates, 0), TURN, inputs);
  const [residue = 0n] = toBigInts(at(messages, 0).residues, 64);
  let rest = mod(residue - mask, n);
  rest = rest > n / 2n ? rest - n : rest;
  const read = labels.map(() => {
    // 1/2 − y is above zero for a row without the label.
    const sign = BigInt.asIntN(2, rest);
    rest = (rest - sign) >> 2n;
    return sign === 1n ? 0 : 1;
  });
  expect(read).toEqual(labels);
  const { iterations, retries } = parameters;
  const statement = leakageOf(parameters).join(' ');
  expect(statement).toMatch(/hundreds of yes-or-no labels at once/);
  expect(statement).toContain(`${iterations + retries} openings in all`);
});

test('masked gradients get randomness from the whole group, whatever is known of what they were computed from', async () => {
  const run = await start();
  const width = 2 * 64;
  const plain = { keyId: keyId(keys.publicKey), scaleBits: 80, count: 1, packing: null, summands: 1n, context: '' };
  // An encryption of 1 with no randomness at all.
  const bare = new CiphertextVector({ ...plain, data: fromBigInts([1n + n], width) });
  const symbols = new Set<number>();
  for (let drawn = 0; drawn < 40; drawn += 1) {
    const [masked = 1n] = toBigInts(await maskGradient(at(run.features, 0), bare, [0n], [randomBelow(n)]), width);
    symbols.add(jacobiSymbol(masked, n));
  }
  // Powers of one base that is a square or its negative all have the symbol 1.
  expect(symbols).toEqual(new Set([-1, 1]));
});

test('sums are opened to the label party as often as a run may need, in every mode that opens them', async () => {
  const run = { model: 'linear', scaling: 'none', alpha: 0.3, iterations: 3, retries: 1, mode: 'threshold' };
  const { parameters } = await startRun({ parameters: run, keys, blocks: [[column(1)], [column(2)]], labels });
  const ask = (state: LabelState, what: 'losses' | 'predictions', text: string): LabelState =>
    countSum(parameters, state, what, [text, 'another part']);
  let state = INITIAL_LABEL_STATE;
  for (const text of ['a', 'b', 'c', 'd']) state = ask(state, 'losses', text);
  expect(ask(state, 'losses', 'd')).toEqual(state);
  expect(() => ask(state, 'losses', 'e')).toThrow(expect.objectContaining({ code: 'OPENING_BUDGET' }));
  for (const text of ['a', 'b']) state = ask(state, 'predictions', text);
  expect(() => ask(state, 'predictions', 'c')).toThrow(expect.objectContaining({ code: 'OPENING_BUDGET' }));
  const statement = leakageOf(parameters).join(' ');
  expect(statement).toContain(
    'If it works with y, this holds as well for what y gets opened: 4 sums of losses, and 2 times',
  );
});

test('powers of padded predictions are given once in a turn, and not more often than a run may need', async () => {
  const { parameters } = await startRun({
    parameters: { model: 'logistic', activation: 'cubic', scaling: 'none', alpha: 0.3, iterations: 3, retries: 1 },
    keys,
    blocks: [[column(1)], [column(2)]],
    labels,
  });
  const ask = (state: LabelState, iteration: number, attempt: number, sum: string): LabelState =>
    countPowers(parameters, state, { iteration, attempt }, sum);
  let state = ask(INITIAL_LABEL_STATE, 0, 0, 'a sum');
  expect(ask(state, 0, 0, 'a sum')).toEqual(state);
  expect(() => ask(state, 0, 0, 'another')).toThrow(expect.objectContaining({ code: 'REPLAYED' }));
  for (const attempt of [1, 2, 3]) state = ask(state, 0, attempt, 'another');
  expect(() => ask(state, 0, 4, 'another')).toThrow(expect.objectContaining({ code: 'OPENING_BUDGET' }));
  expect(() => ask(state, 1, 0, 'another')).toThrow(expect.objectContaining({ code: 'OPENING_BUDGET' }));
});
