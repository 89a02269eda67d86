import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { maskedForwardRound } from '../../../executors/regression/additive/forward.ts';
import { openMasked } from '../../../executors/regression/additive/messages.ts';
import type { MaskedMessage } from '../../../executors/regression/additive/messages.ts';
import { additivePlan } from '../../../executors/regression/additive/precision.ts';
import { gradientSumRound, productRound } from '../../../executors/regression/additive/products.ts';
import { checkedRows, rowsRound } from '../../../executors/regression/additive/rows.ts';
import { maskedLossRound, maskedPredictRound } from '../../../executors/regression/additive/scores.ts';
import { labelSharesRound } from '../../../executors/regression/additive/shares.ts';
import { additiveStepRound } from '../../../executors/regression/additive/step.ts';
import { messageOf, parseInline, vectorOf } from '../../../executors/regression/messages.ts';
import type { CiphertextMessage } from '../../../executors/regression/messages.ts';
import { readParameters } from '../../../executors/regression/parameters.ts';
import { FeatureState, INITIAL_LABEL_STATE } from '../../../executors/regression/parties.ts';
import { forwardFingerprint } from '../../../executors/regression/rounds/forward.ts';
import { FileRunStore } from '../../../executors/regression/run-store.ts';
import { at } from '../../support/regression.ts';
import {
  additiveKeys,
  forwardsOf,
  holderOf,
  iterateAdditive,
  productsFor,
  sharesOf,
  startAdditive,
} from '../../support/regression-additive.ts';
import type { AdditiveParties } from '../../support/regression-additive.ts';

const keys = await additiveKeys(2);
const ROWS = 30;
const TURN = { iteration: 0, attempt: 0 };

const column = (seed: number): Float64Array =>
  Float64Array.from({ length: ROWS }, (_, row) => Math.sin(seed * 10 + row * seed));
const blocks = [[column(1)], [column(2), column(3)]];

function start(wire: Record<string, unknown> = {}): Promise<AdditiveParties> {
  const parameters = { model: 'linear', scaling: 'none', alpha: 0.1, iterations: 3, ...wire };
  return startAdditive({ parameters, keys, blocks, labels: column(4) });
}

let parties: AdditiveParties;
let forwards: string[];
let products: string[];
let shares: Map<string, Uint8Array>;

beforeAll(async () => {
  parties = await start();
  forwards = await forwardsOf(parties, TURN);
  shares = await sharesOf(parties, TURN, forwards);
  products = await productsFor(parties, TURN, at(parties.rows, 0), shares);
});

function open(index: number, changes: Partial<MaskedMessage['header']> = {}): MaskedMessage {
  const message = openMasked(at(forwards, index), undefined);
  return { ...message, header: { ...message.header, ...changes } };
}

function answer(messages: readonly MaskedMessage[], turn = TURN): Promise<unknown> {
  return labelSharesRound(parties.label, INITIAL_LABEL_STATE, turn, messages);
}

async function bytesOf(message: MaskedMessage): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of message.chunks) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

describe('masked predictions', () => {
  test.each([
    ['another scale', 'WRONG_SCALE', () => [open(0, { scale: 7 }), open(1)]],
    ['another ring', 'WRONG_PACKING', () => [open(0, { bits: 8 }), open(1)]],
    ['another count', 'WRONG_COUNT', () => [open(0, { count: ROWS - 1 }), open(1)]],
    ['another run', 'WRONG_RUN', () => [open(0, { context: 'other/0/0/0/forward/x1' }), open(1)]],
    ['a party twice', 'REPLAYED', () => [open(0), open(0)]],
    ['a party missing', 'WRONG_COUNT', () => [open(0)]],
    ['another order', 'WRONG_PARTY', () => [open(1), open(0)]],
  ] as const)('with %s are refused as %s', async (_, code, messages) => {
    await expect(answer(messages())).rejects.toMatchObject({ code });
  });

  test('of another iteration or attempt are refused as stale', async () => {
    const messages = [open(0), open(1)];
    await expect(answer(messages, { iteration: 1, attempt: 0 })).rejects.toMatchObject({ code: 'STALE_CONTEXT' });
    await expect(answer(messages, { iteration: 0, attempt: 1 })).rejects.toMatchObject({ code: 'WRONG_ATTEMPT' });
  });

  test('that are cut, or not reduced, are refused', async () => {
    const { shareBits } = additivePlan(parties.parameters);
    const bytes = await bytesOf(open(0));
    const cut = { header: open(0).header, chunks: [bytes.subarray(1)] };
    await expect(answer([cut, open(1)])).rejects.toMatchObject({ code: 'WRONG_COUNT' });
    expect(shareBits % 8).not.toBe(0);
    bytes[0] = 0xff;
    const large = { header: open(0).header, chunks: [bytes] };
    await expect(answer([large, open(1)])).rejects.toMatchObject({ code: 'DAMAGED_SHARES' });
  });

  test('other ones under a context that was answered are refused as replayed; the same are answered again', async () => {
    const first = await labelSharesRound(parties.label, INITIAL_LABEL_STATE, TURN, [open(0), open(1)]);
    const again = await labelSharesRound(parties.label, first.state, TURN, [open(0), open(1)]);
    expect(again.shares).toEqual(first.shares);
    const bytes = await bytesOf(open(0));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const changed = { header: open(0).header, chunks: [bytes] };
    const repeated = labelSharesRound(parties.label, first.state, TURN, [changed, open(1)]);
    await expect(repeated).rejects.toMatchObject({ code: 'REPLAYED' });
  });

  test('a repetition sends the same bytes, and the store refuses a second plaintext under one context', async () => {
    const [party, state] = [at(parties.features, 0), at(parties.states, 0)];
    const send = (from: FeatureState) => bytesOf(maskedForwardRound(party, from, TURN));
    expect(await send(state)).toEqual(await send(state));
    const directory = mkdtempSync(join(tmpdir(), 'additive-'));
    try {
      const store = new FileRunStore(join(directory, 'state.json'), parties.parameters, 'x1', FeatureState);
      const { context } = maskedForwardRound(party, state, TURN).header;
      const other = { ...state, theta: [0.5] };
      const emission = (from: FeatureState) => ({
        context,
        iteration: 0,
        fingerprint: forwardFingerprint(party, from, TURN),
      });
      await store.commit(state, [emission(state)]);
      await store.commit(state, [emission(state)]);
      await expect(store.commit(other, [emission(other)])).rejects.toMatchObject({ code: 'TWO_PLAINTEXTS' });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('that leave the planned bounds are not sent', () => {
    const [party, state] = [at(parties.features, 0), at(parties.states, 0)];
    const far = { ...state, theta: [1e6] };
    expect(() => maskedForwardRound(party, far, TURN)).toThrow(expect.objectContaining({ code: 'MAGNITUDE_EXCEEDED' }));
    expect(() => maskedForwardRound(party, state, { iteration: 1, attempt: 0 })).toThrow(
      expect.objectContaining({ code: 'STALE_CONTEXT' }),
    );
  });
});

/** A message with some bytes changed. */
async function tampered(message: CiphertextMessage, change: (bytes: Uint8Array) => void): Promise<CiphertextMessage> {
  const vector = await vectorOf(message);
  const data = new Uint8Array(vector.data);
  change(data);
  return messageOf(vector.with({ data }));
}

/** What the first party sends of its rows. */
function firstRows(): CiphertextMessage {
  return rowsRound(at(parties.features, 0));
}

async function keep(owner: number, message: CiphertextMessage, key = owner): Promise<void> {
  const run = { parameters: parties.parameters, publicKey: at(keys, key).publicKey };
  for await (const chunk of checkedRows(run, `x${owner + 1}`, message)) expect(chunk.length).toBeGreaterThan(0);
}

describe('encrypted rows', () => {
  test.each([
    ['a number that is 0', 'WRONG_CIPHERTEXT', (bytes: Uint8Array) => bytes.fill(0, 192, 384)],
    ['a number above n²', 'WRONG_CIPHERTEXT', (bytes: Uint8Array) => bytes.fill(255, 192, 384)],
  ] as const)('with %s are refused as %s', async (_, code, change) => {
    const message = await tampered(firstRows(), change);
    await expect(keep(0, message)).rejects.toMatchObject({ code });
  });

  test('of another party, under another key, or cut are refused', async () => {
    await expect(keep(1, firstRows(), 0)).rejects.toMatchObject({ code: 'WRONG_PARTY' });
    await expect(keep(0, firstRows(), 1)).rejects.toMatchObject({ code: 'WRONG_KEY' });
    const { data } = await vectorOf(firstRows());
    const cut = { header: firstRows().header, chunks: [data.subarray(0, -1)] };
    await expect(keep(0, cut)).rejects.toMatchObject({ code: 'WRONG_COUNT' });
  });

  test('that are fewer than the shares give no product', async () => {
    const rows = { ...at(parties.rows, 0), read: () => [new Uint8Array(192)] };
    const made = productRound(holderOf(parties, 'y'), TURN, rows, shares.get('y') ?? new Uint8Array(0));
    await expect(made).rejects.toMatchObject({ code: 'WRONG_COUNT' });
  });
});

function sum(messages: readonly CiphertextMessage[], turn = TURN): Promise<CiphertextMessage> {
  const { parameters } = parties;
  return gradientSumRound({ parameters, publicKey: at(keys, 0).publicKey }, turn, 'x1', messages);
}

function product(index: number, changes: Partial<CiphertextMessage['header']> = {}): CiphertextMessage {
  const { header, chunks } = parseInline(at(products, index));
  return { header: { ...header, ...changes }, chunks };
}

describe('products', () => {
  test.each([
    ['another scale', 'WRONG_SCALE', () => [product(0, { scale: 3 }), product(1)]],
    ['another key', 'WRONG_KEY', () => [product(0, { key: 'a'.repeat(64) }), product(1)]],
    ['other summands', 'WRONG_SUMMANDS', () => [product(0, { summands: '2' }), product(1)]],
    ['a holder twice', 'REPLAYED', () => [product(0), product(0)]],
    ['a holder missing', 'WRONG_COUNT', () => [product(0)]],
    ['another order', 'WRONG_PARTY', () => [product(1), product(0)]],
  ] as const)('with %s are refused as %s', async (_, code, messages) => {
    await expect(sum(messages())).rejects.toMatchObject({ code });
  });

  test('for another owner, or of another turn, are refused', async () => {
    const others = await productsFor(parties, TURN, at(parties.rows, 1), shares);
    await expect(sum(others.map(parseInline))).rejects.toMatchObject({ code: 'WRONG_PARTY' });
    const late = sum([product(0), product(1)], { iteration: 1, attempt: 0 });
    await expect(late).rejects.toMatchObject({ code: 'STALE_CONTEXT' });
  });

  test('a changed sum opens to nothing that a slot could hold, and no step is taken', async () => {
    const [party, state] = [at(parties.features, 0), at(parties.states, 0)];
    const message = await tampered(await sum([product(0), product(1)]), (bytes) => {
      bytes[100] = (bytes[100] ?? 0) ^ 1;
    });
    const step = additiveStepRound(party, state, TURN, message);
    await expect(step).rejects.toMatchObject({ code: expect.stringMatching(/DAMAGED_OPENING|WRONG_CIPHERTEXT/) });
  });
});

test('losses and predictions are asked for in their turn only, and predictions are counted', async () => {
  const run = await start({ predictionRows: 10, guards: 'demonstration' });
  const party = at(run.features, 0);
  const before = at(run.states, 0);
  expect(() => maskedLossRound(party, before, TURN)).toThrow(expect.objectContaining({ code: 'STALE_CONTEXT' }));
  await iterateAdditive(run, 0);
  expect(maskedLossRound(party, at(run.states, 0), TURN).header.count).toBe(1);
  const rows = party.columns.map((values) => values.slice(0, 8));
  const { state } = maskedPredictRound(party, at(run.states, 0), TURN, rows);
  expect(() => maskedPredictRound(party, state, { iteration: 1, attempt: 0 }, rows)).toThrow(
    expect.objectContaining({ code: 'PREDICTION_BUDGET' }),
  );
});

test('parameters whose numbers would not be exact are refused', () => {
  const parameters = readParameters({
    run: 'a',
    label: 'y',
    features: [{ name: 'x1', columns: 1 }],
    rows: 100,
    model: 'linear',
    mode: 'additive',
    alpha: 0.1,
    iterations: 1,
    precisionBits: 40,
    residualBoundBits: 24,
    columnBoundBits: 11,
  });
  expect(() => additivePlan(parameters)).toThrow(expect.objectContaining({ code: 'OVERFLOW_POSSIBLE' }));
});
