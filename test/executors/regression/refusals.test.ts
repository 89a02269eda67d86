import { beforeAll, describe, expect, test } from 'vitest';
import { CiphertextVector } from '../../../crypto/paillier/index.ts';
import {
  decodeMessage,
  joinMessage,
  KeyMessage,
  OpeningMessage,
  parseInline,
} from '../../../executors/regression/messages.ts';
import type { CiphertextMessage } from '../../../executors/regression/messages.ts';
import { readParameters } from '../../../executors/regression/parameters.ts';
import { INITIAL_LABEL_STATE } from '../../../executors/regression/parties.ts';
import { aggregateRound } from '../../../executors/regression/rounds/aggregate.ts';
import { forwardFingerprint, forwardRound } from '../../../executors/regression/rounds/forward.ts';
import { gradientRound } from '../../../executors/regression/rounds/gradient.ts';
import { labelsRound, openRound } from '../../../executors/regression/rounds/label.ts';
import { lossPartRound, predictRound } from '../../../executors/regression/rounds/scores.ts';
import { stepRound } from '../../../executors/regression/rounds/step.ts';
import { testKeyPair } from '../../support/keys.ts';
import { aggregateOf, at, iterate, labelsOf, startRun, transmit } from '../../support/regression.ts';
import type { TestParties } from '../../support/regression.ts';

const keys = await testKeyPair(512);
const otherKeys = await testKeyPair(1024);
const ROWS = 30;
const WIDTH = 128;
const TURN = { iteration: 0, attempt: 0 };

const column = (seed: number): Float64Array =>
  Float64Array.from({ length: ROWS }, (_, row) => Math.sin(seed * 10 + row * seed));
const blocks = [[column(1)], [column(2), column(3)]];

function start(wire: Record<string, unknown> = {}, pair = keys): Promise<TestParties> {
  const parameters = { model: 'linear', scaling: 'none', alpha: 0.1, iterations: 3, retries: 1, ...wire };
  return startRun({ parameters, keys: pair, blocks, labels: column(4) });
}

let parties: TestParties;
let labels: string;
let forwards: string[];
let aggregate: string;
let gradients: string[];
let opening: OpeningMessage;

beforeAll(async () => {
  parties = await start();
  labels = await labelsOf(parties, 0);
  aggregate = await aggregateOf(parties, TURN, labels);
  forwards = parties.seen.filter(({ round }) => round === 'forward').map(({ text }) => text);
  gradients = [];
  for (const [index, party] of parties.features.entries()) {
    const result = await gradientRound(party, at(parties.states, index), TURN, parseInline(aggregate));
    parties.states[index] = result.state;
    gradients.push(await transmit(parties, 'gradient', result.message));
  }
  const opened = await openRound(parties.label, INITIAL_LABEL_STATE, TURN, gradients.map(parseInline));
  parties.labelStates[0] = opened.state;
  opening = at(opened.messages, 0);
});

/** Reads all bytes of a sum; refusals come with the bytes. */
async function drain({ chunks }: CiphertextMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

/** Aggregates with one forward message changed. */
async function aggregateWith(change: (message: CiphertextMessage) => CiphertextMessage): Promise<number> {
  const [first, second] = forwards.map(parseInline);
  if (!first || !second) throw new Error('expected two forward messages');
  return drain(aggregateRound(parties.label, TURN, parseInline(labels), [change(first), second]));
}

function sumOf(messages: readonly (CiphertextMessage | undefined)[]): unknown {
  const given = messages.flatMap((message) => message ?? []);
  return aggregateRound(parties.label, TURN, parseInline(labels), given);
}

function stepWith(changes: Partial<OpeningMessage>): unknown {
  return stepRound(at(parties.features, 0), at(parties.states, 0), TURN, { ...opening, ...changes });
}

function withHeader(changes: Record<string, unknown>): (message: CiphertextMessage) => CiphertextMessage {
  return ({ header, chunks }) => ({ header: { ...header, ...changes }, chunks });
}

function withBytes(change: (bytes: Uint8Array) => Uint8Array): (message: CiphertextMessage) => CiphertextMessage {
  return () => {
    const vector = CiphertextVector.parse(at(forwards, 0));
    return { header: vector.header, chunks: [change(new Uint8Array(vector.data))] };
  };
}

function contextWith(place: number, value: string): string {
  const parts = parseInline(at(forwards, 0)).header.context.split('/');
  parts[place] = value;
  return parts.join('/');
}

describe('a message that does not fit is refused by name', () => {
  test.each([
    ['another key', 'WRONG_KEY', { key: '0'.repeat(64) }],
    ['another scale', 'WRONG_SCALE', { scale: 39 }],
    ['another count', 'WRONG_COUNT', { count: ROWS - 1 }],
    ['sums that count twice', 'WRONG_SUMMANDS', { summands: '2' }],
  ])('%s: %s', async (_, code, changes) => {
    await expect(aggregateWith(withHeader(changes))).rejects.toMatchObject({ name: 'TerminalError', code });
  });

  test('several values in a ciphertext: WRONG_PACKING', async () => {
    const packing = { slotBits: 8, slotsPerCiphertext: 1, magnitude: '100', summands: 1, weightBits: 0 };
    await expect(aggregateWith(withHeader({ packing }))).rejects.toMatchObject({ code: 'WRONG_PACKING' });
  });

  test.each([
    ['another run', 'WRONG_RUN', 0, 'other'],
    ['other parameters', 'WRONG_RUN', 1, '0'.repeat(32)],
    ['another iteration', 'STALE_CONTEXT', 2, '1'],
    ['another attempt', 'WRONG_ATTEMPT', 3, '1'],
    ['another round', 'WRONG_ROUND', 4, 'gradient'],
    ['another party', 'WRONG_PARTY', 5, 'x9'],
  ])('%s: %s', async (_, code, place, value) => {
    const context = contextWith(place, value);
    await expect(aggregateWith(withHeader({ context }))).rejects.toMatchObject({ code });
  });

  test('a number that is no ciphertext: WRONG_CIPHERTEXT', async () => {
    const zero = withBytes((bytes) => bytes.fill(0, 3 * WIDTH, 4 * WIDTH));
    await expect(aggregateWith(zero)).rejects.toMatchObject({ code: 'WRONG_CIPHERTEXT' });
    const large = withBytes((bytes) => bytes.fill(0xff, 3 * WIDTH, 4 * WIDTH));
    await expect(aggregateWith(large)).rejects.toThrow(/ciphertext 3: expected a number in \[1, n²\)/);
  });

  test('bytes that were cut or added: WRONG_COUNT', async () => {
    const changes: ((bytes: Uint8Array) => Uint8Array)[] = [
      (bytes) => bytes.subarray(0, -1),
      (bytes) => bytes.subarray(WIDTH),
      (bytes) => Buffer.concat([bytes, bytes.subarray(0, WIDTH)]),
      () => new Uint8Array(0),
    ];
    for (const change of changes) {
      await expect(aggregateWith(withBytes(change))).rejects.toMatchObject({ code: 'WRONG_COUNT' });
    }
  });

  test('a party that answers twice or not at all: REPLAYED, WRONG_COUNT', () => {
    const [first, second] = forwards.map(parseInline);
    expect(() => sumOf([first, first])).toThrow(expect.objectContaining({ code: 'REPLAYED' }));
    expect(() => sumOf([first])).toThrow(expect.objectContaining({ code: 'WRONG_COUNT' }));
    expect(() => sumOf([second, first])).toThrow(expect.objectContaining({ code: 'WRONG_PARTY' }));
  });

  test('text that is no message: BAD_MESSAGE', () => {
    const refused = expect.objectContaining({ code: 'BAD_MESSAGE' });
    expect(() => parseInline('{')).toThrow(refused);
    expect(() => parseInline('{"v":2}')).toThrow(refused);
    expect(() => joinMessage({ v: 1 }, [])).toThrow(refused);
    expect(() => decodeMessage(OpeningMessage, 'null')).toThrow(refused);
    expect(() =>
      decodeMessage(KeyMessage, '{"v":1,"kind":"key","context":"","publicKey":{"n":"15"},"proof":""}'),
    ).toThrow(refused);
  });
});

describe('openings', () => {
  test('that belong to another party, key or run are refused', () => {
    expect(() => stepWith({ party: 'x2' })).toThrow(expect.objectContaining({ code: 'WRONG_PARTY' }));
    expect(() => stepWith({ key: '0'.repeat(64) })).toThrow(expect.objectContaining({ code: 'WRONG_KEY' }));
    const context = opening.context.replace('test/', 'other/');
    expect(() => stepWith({ context })).toThrow(expect.objectContaining({ code: 'WRONG_RUN' }));
  });

  test('that were changed give themselves away', () => {
    const damaged = expect.objectContaining({ code: 'DAMAGED_OPENING' });
    const changed = new Uint8Array(opening.residues);
    changed[2] = (changed[2] ?? 0) ^ 1;
    expect(() => stepWith({ residues: changed })).toThrow(damaged);
    expect(() => stepWith({ residues: new Uint8Array(64).fill(0xff) })).toThrow(damaged);
    expect(() => stepWith({ residues: new Uint8Array(63) })).toThrow(expect.objectContaining({ code: 'WRONG_COUNT' }));
  });

  test('of other ciphertexts under a context that was answered are refused, the same are repeated', async () => {
    const state = at(parties.labelStates, 0);
    const again = await openRound(parties.label, state, TURN, gradients.map(parseInline));
    expect(again).toEqual({ state, messages: expect.arrayContaining([opening]) });
    const vector = CiphertextVector.parse(at(gradients, 0));
    const data = new Uint8Array(vector.data);
    data[WIDTH - 1] = (data[WIDTH - 1] ?? 0) ^ 1;
    const other = vector.with({ data }).toJson();
    await expect(
      openRound(parties.label, state, TURN, [other, at(gradients, 1)].map(parseInline)),
    ).rejects.toMatchObject({ code: 'REPLAYED' });
  });

  test('are as many as the plan says, and not more', async () => {
    const run = await start({ iterations: 2, retries: 1 });
    const openIn = async (attempt: number): Promise<void> => {
      const turn = { iteration: 0, attempt };
      const sum = await aggregateOf(run, turn, await labelsOf(run, 0));
      const messages = await Promise.all(
        run.features.map(
          async (party, index) => (await gradientRound(party, at(run.states, index), turn, parseInline(sum))).message,
        ),
      );
      run.labelStates[0] = (await openRound(run.label, at(run.labelStates, 0), turn, messages)).state;
    };
    for (const attempt of [0, 1, 2]) await openIn(attempt);
    await expect(openIn(3)).rejects.toMatchObject({ code: 'OPENING_BUDGET' });
  });

  test('of an iteration that is over are refused', async () => {
    const later = { ...INITIAL_LABEL_STATE, iteration: 1 };
    await expect(openRound(parties.label, later, TURN, gradients.map(parseInline))).rejects.toMatchObject({
      code: 'STALE_CONTEXT',
    });
  });
});

describe('repetitions', () => {
  test('a gradient of the same turn and aggregate is the same bytes; of another aggregate it is refused', async () => {
    const [party, state] = [at(parties.features, 0), at(parties.states, 0)];
    const again = await gradientRound(party, state, TURN, parseInline(aggregate));
    expect(await transmit(parties, 'gradient', again.message)).toBe(at(gradients, 0));
    expect(again.state).toBe(state);
    const other = aggregateRound(parties.label, TURN, parseInline(labels), forwards.map(parseInline));
    const vector = CiphertextVector.parse(await transmit(parties, 'aggregate', other));
    const swapped = new Uint8Array(vector.data);
    swapped.copyWithin(0, WIDTH, 2 * WIDTH);
    await expect(
      gradientRound(party, state, TURN, parseInline(vector.with({ data: swapped }).toJson())),
    ).rejects.toMatchObject({ code: 'TWO_PLAINTEXTS' });
  });

  test('a new attempt has other pads and other masks', async () => {
    const run = await start();
    const states = [...run.states];
    await iterate(run, 0, 0);
    const first = run.states.map(({ theta }) => theta);
    run.states = states;
    run.labelStates[0] = INITIAL_LABEL_STATE;
    await iterate(run, 0, 1);
    expect(run.states.map(({ theta }) => theta)).toEqual(first);
  });

  test('a forward message has one plaintext for each state and turn, and a fingerprint for it', () => {
    const party = at(parties.features, 0);
    const state = at(parties.states, 0);
    const print = forwardFingerprint(party, state, TURN);
    expect(forwardFingerprint(party, state, TURN)).toBe(print);
    expect(forwardFingerprint(party, { ...state, theta: [1] }, TURN)).not.toBe(print);
    expect(forwardFingerprint(party, state, { iteration: 0, attempt: 1 })).not.toBe(print);
  });

  test('a step that was taken says the same again; other turns are refused', () => {
    const [party, state] = [at(parties.features, 0), at(parties.states, 0)];
    const result = stepRound(party, state, TURN, opening);
    expect(stepRound(party, result.state, TURN, opening)).toEqual(result);
    const stale = expect.objectContaining({ code: 'STALE_CONTEXT' });
    expect(() => forwardRound(party, result.state, TURN)).toThrow(stale);
    expect(() => stepRound(party, { ...state, pending: null }, TURN, opening)).toThrow(stale);
    expect(() => labelsRound(parties.label, 1)).toThrow(stale);
  });
});

describe('the loss and predictions', () => {
  test('a loss is of the last step only', async () => {
    const party = at(parties.features, 0);
    await expect(lossPartRound(party, at(parties.states, 0), TURN)).rejects.toMatchObject({ code: 'STALE_CONTEXT' });
  });

  test('predictions are limited, and a request has one answer', async () => {
    const run = await start({ predictionRows: 5 });
    const [party, state] = [at(run.features, 0), { ...at(run.states, 0), theta: [1] }];
    const first = predictRound(party, state, TURN, [Float64Array.of(1, 2, 3)]);
    expect(predictRound(party, first.state, TURN, [Float64Array.of(1, 2, 3)]).state).toBe(first.state);
    expect(() => predictRound(party, first.state, TURN, [Float64Array.of(1, 2, 4)])).toThrow(
      expect.objectContaining({ code: 'REPLAYED' }),
    );
    const next = { iteration: 1, attempt: 0 };
    expect(() => predictRound(party, first.state, next, [Float64Array.of(1, 2, 4)])).toThrow(
      expect.objectContaining({ code: 'PREDICTION_BUDGET' }),
    );
    const second = predictRound(party, first.state, next, [Float64Array.of(1, 2)]);
    expect(() => predictRound(party, second.state, TURN, [Float64Array.of(1, 2, 3)])).toThrow(
      expect.objectContaining({ code: 'STALE_CONTEXT' }),
    );
  });

  test('one feature party alone does not predict', () => {
    const { features, ...rest } = parties.parameters;
    const alone = readParameters({ ...rest, features: features.slice(0, 1), guards: 'standard' });
    const party = { ...at(parties.features, 0), parameters: alone };
    expect(() => predictRound(party, at(parties.states, 0), TURN, [Float64Array.of(1)])).toThrow(
      expect.objectContaining({ code: 'ONE_PARTY' }),
    );
  });
});

test('predictions beyond the planned bounds stop the run instead of wrapping', async () => {
  const run = await start({ residualBoundBits: 1 });
  const state = { ...at(run.states, 0), theta: [100] };
  expect(() => forwardRound(at(run.features, 0), state, TURN)).toThrow(
    expect.objectContaining({ code: 'MAGNITUDE_EXCEEDED' }),
  );
});

test('messages under another key are refused', async () => {
  const other = await start({}, otherKeys);
  const foreign = await labelsOf(other, 0);
  const [first, second] = forwards.map(parseInline);
  const messages = [first, second].flatMap((message) => message ?? []);
  expect(() => aggregateRound(parties.label, TURN, parseInline(foreign), messages)).toThrow(
    expect.objectContaining({ code: 'WRONG_RUN' }),
  );
});
