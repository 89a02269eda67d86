import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHalf } from '../../../executors/regression/agreement.ts';
import { padPlace } from '../../../executors/regression/additive/expectations.ts';
import { addIntegers, negateIntegers } from '../../../executors/regression/additive/integers.ts';
import type { MaskedMessage } from '../../../executors/regression/additive/messages.ts';
import { ringOf, ZeroSumPads } from '../../../executors/regression/additive/pads.ts';
import { contextOf } from '../../../executors/regression/contexts.ts';
import { partiesOf, readParameters } from '../../../executors/regression/parameters.ts';
import type { ConfirmationMessage, OfferMessage } from '../../../executors/regression/prediction/messages.ts';
import {
  type PredictionParameters,
  predictionParameters,
  PredictionRequest,
  readPredictionRequest,
} from '../../../executors/regression/prediction/request.ts';
import {
  confirmRound,
  newRowsMessage,
  newRowsRound,
  offerRound,
  type Predictor,
  receiveRound,
  type SharedSeeds,
} from '../../../executors/regression/prediction/rounds.ts';
import { at } from '../../support/regression.ts';
import { chiSquare } from '../../support/regression-views.ts';

/** The parameters of a prediction by some feature parties with one column each. */
function parametersFor(parties: number, prediction = 'ward', changes: object = {}): PredictionParameters {
  const features = Array.from({ length: parties }, (_, index) => ({ name: `x${index + 1}`, columns: 1 }));
  const base = { run: 'june', label: 'y', features, rows: 100, model: 'linear', alpha: 0.1, iterations: 1 };
  const training = { parameters: readParameters({ ...base, ...changes }) };
  const names = features.map(({ name }) => name);
  const digest = 'a'.repeat(64);
  const request = { prediction, run: 'june', training: digest, label: 'y', features: names };
  return predictionParameters(training, PredictionRequest.parse(request));
}

interface Confirmed extends Predictor {
  readonly rows: number;
  readonly seeds: SharedSeeds;
  readonly message: ConfirmationMessage;
}

/** Offers and confirmations of all parties: the label party, then the feature parties. */
function agree(
  parameters: PredictionParameters,
  rows: number,
  idsDigestOf: (party: string) => string | null = () => null,
  labelRows: number | null = rows,
): Confirmed[] {
  const parties = partiesOf(parameters).map((name) => ({ parameters, name, half: createHalf() }));
  const offers = parties.map((party) => offerRound(party, party.name === 'y' ? labelRows : rows));
  return parties.map((party) => ({ ...party, ...confirmRound(party, idsDigestOf(party.name), offers) }));
}

function confirmationsOf(parties: readonly Confirmed[]): ConfirmationMessage[] {
  return parties.map(({ message }) => message);
}

/** A feature party's part with one coefficient of 1: what it predicts are its numbers. */
async function partOf(
  parties: readonly Confirmed[],
  party: Confirmed,
  numbers: readonly number[],
): Promise<MaskedMessage> {
  const { parameters, name, seeds } = party;
  const column = Float64Array.from(numbers);
  const masked = await newRowsRound({ parameters, name }, seeds, [1], [column], confirmationsOf(parties));
  return newRowsMessage(parameters, name, masked);
}

async function receive(parties: readonly Confirmed[], parts: readonly MaskedMessage[], mean = 0): Promise<number[]> {
  const label = at(parties, 0);
  const confirmations = confirmationsOf(parties).slice(1);
  return [...(await receiveRound({ ...label, mean }, label.seeds, label.rows, confirmations, parts))];
}

const MANY = { numRuns: 25, seed: 20_101 };

describe('joint predictions for new rows', () => {
  test('give the label party the sum of all parts and the mean, whatever the numbers and however many parties', () =>
    fc.assert(
      fc.asyncProperty(
        fc
          .integer({ min: 2, max: 5 })
          .chain((parties) =>
            fc.tuple(
              fc.array(
                fc.array(fc.double({ min: -600, max: 600, noNaN: true }), { minLength: parties, maxLength: parties }),
                { minLength: 1, maxLength: 6 },
              ),
              fc.double({ min: -1e6, max: 1e6, noNaN: true }),
              fc.boolean(),
            ),
          ),
        async ([rows, mean, labelKnowsRows]) => {
          const count = at(rows, 0).length;
          const parties = agree(parametersFor(count), rows.length, () => null, labelKnowsRows ? rows.length : null);
          const features = parties.slice(1);
          const parts = await Promise.all(
            features.map((party, index) =>
              partOf(
                parties,
                party,
                rows.map((row) => at(row, index)),
              ),
            ),
          );
          const got = await receive(parties, parts, mean);
          for (const [row, value] of got.entries()) {
            const sum = at(rows, row).reduce((total, number) => total + number, 0);
            expect(Math.abs(value - (sum + mean))).toBeLessThan(count * 2 ** -40 + 1e-9);
          }
        },
      ),
      MANY,
    ));

  test('look uniform to the label party and a feature party together, while another one is honest beside theirs', async () => {
    const rows = 4000;
    const parties = agree(parametersFor(3), rows);
    const numbers = Array.from({ length: rows }, () => 1);
    const victim = at(parties, 2);
    const part = await bytesOf(partOf(parties, victim, numbers));
    // What y and x1 know of the pads of x2: those of their own pairs with it.
    const known = ['y', 'x1', 'x2', 'x3'].map((name, index) => (index < 2 ? victim.seeds.get(name) : undefined));
    const context = contextOf(victim.parameters, padPlace('predict', { iteration: 0, attempt: 0 }));
    const pads = Buffer.from(new ZeroSumPads({ place: 2, pairs: known }, context, ringOf(128)).chunk(0, rows));
    negateIntegers(pads, 16);
    addIntegers(pads, part, 16);
    // A uniform source stays below that but for once in some 10^8 runs.
    for (const bytes of [part, pads]) expect(chiSquare(bytes)).toBeLessThan(400);
    // The same numbers under the pads of another prediction, and of the same.
    const others = agree(parametersFor(3), rows);
    expect((await bytesOf(partOf(others, at(others, 2), numbers))).equals(part)).toBe(false);
    expect((await bytesOf(partOf(parties, victim, numbers))).equals(part)).toBe(true);
  });

  test('are refused when parties mean other rows, and then nobody can add up what was said', async () => {
    const parameters = parametersFor(2);
    const parties = agree(parameters, 2, (party) => (party === 'x2' ? 'b' : 'a').repeat(64));
    await expect(partOf(parties, at(parties, 1), [1, 2])).rejects.toMatchObject({
      code: 'ROWS_DIFFER',
      message: expect.stringMatching(/expected x2 to mean the rows that x1 means, got other ids/),
    });
    await expect(partOf(parties, at(parties, 2), [1, 2])).rejects.toMatchObject({ code: 'ROWS_DIFFER' });
    await expect(receive(parties, [])).rejects.toMatchObject({ code: 'ROWS_DIFFER' });
  });

  test('are refused with one feature party, but in a demonstration', async () => {
    const alone = agree(parametersFor(1), 2);
    await expect(partOf(alone, at(alone, 1), [1, 2])).rejects.toMatchObject({ code: 'ONE_PARTY' });
    const shown = agree(parametersFor(1, 'ward', { guards: 'demonstration' }), 2);
    expect(await receive(shown, [await partOf(shown, at(shown, 1), [1, 2])])).toEqual([1, 2]);
  });

  test('are refused for numbers that are none, or beyond the planned bound', async () => {
    const parties = agree(parametersFor(2), 1);
    await expect(partOf(parties, at(parties, 1), [Number.NaN])).rejects.toMatchObject({ code: 'NOT_FINITE' });
    await expect(partOf(parties, at(parties, 1), [1e9])).rejects.toMatchObject({ code: 'MAGNITUDE_EXCEEDED' });
  });
});

async function bytesOf(message: Promise<MaskedMessage>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of (await message).chunks) parts.push(part);
  return Buffer.concat(parts);
}

describe('an offer', () => {
  const parameters = parametersFor(2);
  const party = { parameters, name: 'x1', half: createHalf() };
  const offers = (): OfferMessage[] =>
    partiesOf(parameters).map((name) => offerRound(name === 'x1' ? party : { ...party, name, half: createHalf() }, 3));
  const confirm = (change: (all: OfferMessage[]) => OfferMessage[]) => () =>
    confirmRound(party, null, change(offers()));

  test.each<[string, (all: OfferMessage[]) => OfferMessage[], string]>([
    ['of another prediction', ([first, ...rest]) => [{ ...first, ...offerOf('later') }, ...rest], 'WRONG_RUN'],
    ['in another place', (all) => all.toReversed(), 'WRONG_PARTY'],
    ['too few', (all) => all.slice(1), 'WRONG_COUNT'],
    [
      'with another number of rows',
      (all) => all.map((offer, index) => (index === 2 ? { ...offer, rows: 4 } : offer)),
      'ROWS_DIFFER',
    ],
    [
      'of a feature party without rows',
      (all) => all.map((offer, index) => (index === 2 ? { ...offer, rows: null } : offer)),
      'BAD_MESSAGE',
    ],
    [
      'of a low order',
      (all) => all.map((offer, index) => (index === 2 ? { ...offer, half: '0'.repeat(64) } : offer)),
      'BAD_MESSAGE',
    ],
    [
      'that this party did not make',
      (all) => all.map((offer, index) => (index === 1 ? { ...offer, half: at(all, 2).half } : offer)),
      'REPLAYED',
    ],
  ])('%s is refused by name', (_title, change, code) => {
    expect(confirm((all) => all)).not.toThrow();
    expect(confirm(change)).toThrow(expect.objectContaining({ code }));
  });
});

function offerOf(prediction: string): OfferMessage {
  return offerRound({ parameters: parametersFor(2, prediction), name: 'y', half: createHalf() }, 3);
}

describe('the label party', () => {
  const parties = agree(parametersFor(2), 3);
  const parts = () => Promise.all(parties.slice(1).map((party) => partOf(parties, party, [1, 2, 3])));

  test.each<[string, (all: MaskedMessage[]) => MaskedMessage[], string]>([
    ['parts in another order', (all) => all.toReversed(), 'WRONG_PARTY'],
    ['a part that is missing', (all) => all.slice(1), 'WRONG_COUNT'],
    ['a part that was cut', (all) => all.map((part) => ({ ...part, chunks: [new Uint8Array(32)] })), 'WRONG_COUNT'],
    [
      'a part with another scale',
      (all) => all.map((part) => ({ ...part, header: { ...part.header, scale: 39 } })),
      'WRONG_SCALE',
    ],
    [
      'a part of a later request',
      (all) =>
        all.map((part) => ({
          ...part,
          header: { ...part.header, context: part.header.context.replace('/0/0/predict', '/1/0/predict') },
        })),
      'STALE_CONTEXT',
    ],
  ])('refuses %s', async (_title, change, code) => {
    await expect(receive(parties, change(await parts()))).rejects.toMatchObject({ code });
  });
});

test('a request names what is wrong with it', () => {
  expect(() => readPredictionRequest('{"prediction":"a b"}')).toThrow(/prediction: .*expected 1 to 64 letters/);
  expect(() => readPredictionRequest('no JSON')).toThrow(/prediction: expected JSON text/);
});
