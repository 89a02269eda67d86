import { beforeAll, describe, expect, test } from 'vitest';
import { CiphertextVector, combineShares, decryptVector, validateVector } from '../../../crypto/paillier/index.ts';
import { toBigInts } from '../../../crypto/modular/bytes.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { contextOf, NOBODY } from '../../../executors/regression/contexts.ts';
import { decodeMessage, OpeningMessage, parseInline, PartialMessage } from '../../../executors/regression/messages.ts';
import { leakageOf } from '../../../executors/regression/leakage.ts';
import { Pads } from '../../../executors/regression/pads.ts';
import { thresholdStepRound } from '../../../executors/regression/rounds/threshold.ts';
import { testKeyPair } from '../../support/keys.ts';
import {
  aggregateOf,
  at,
  distance,
  gradientsOf,
  iterate,
  labelsOf,
  partialsOf,
  startRun,
  testSeeds,
} from '../../support/regression.ts';
import type { TestParties, TestRun } from '../../support/regression.ts';

const keys = await testKeyPair(512);
const { n } = keys.publicKey;
const ROWS = 60;
const ITERATIONS = 12;

/** Deterministic numbers in (−1, 1) that look irregular. */
function column(seed: number): Float64Array {
  return Float64Array.from({ length: ROWS }, (_, row) => Math.sin(seed * 100 + row * (seed + 1.7) ** 2));
}

const blocks = [[column(1), column(2)], [column(3)], [column(4), column(5)]];
const labels = column(6).map((value, row) => 3 * value + (blocks[0]?.[0]?.[row] ?? 0));

function start(
  wire: Record<string, unknown> = {},
  data: Pick<TestRun, 'blocks' | 'labels'> = { blocks, labels },
): Promise<TestParties> {
  const parameters = { model: 'linear', scaling: 'none', alpha: 0.3, iterations: ITERATIONS, ...wire };
  return startRun({ parameters, keys, ...data });
}

function textsOf(parties: TestParties, round: string): string[] {
  return parties.seen.filter((seen) => seen.round === round).map(({ text }) => text);
}

async function residuesOf(text: string): Promise<bigint[]> {
  const plaintexts = await decryptVector(keys.privateKey, CiphertextVector.parse(text));
  return plaintexts.map((plaintext) => mod(plaintext, n));
}

/** Pearson's statistic of the lower bytes of residues against uniform bytes: 255 ± 22.6 for uniform ones. */
function chiSquare(residues: readonly bigint[]): number {
  const counts = new Float64Array(256);
  let total = 0;
  for (const residue of residues) {
    // The two topmost bytes follow n, whose bytes are not 255.
    for (let byte = 0n; byte < 62n; byte += 1n) {
      const value = Number((residue >> (8n * byte)) & 255n);
      counts[value] = (counts[value] ?? 0) + 1;
      total += 1;
    }
  }
  return counts.reduce((sum, count) => sum + (count - total / 256) ** 2 / (total / 256), 0);
}

function expectUniform(residues: readonly bigint[]): void {
  expect(chiSquare(residues)).toBeGreaterThan(120);
  expect(chiSquare(residues)).toBeLessThan(420);
}

describe('what the label party sees in single-key mode', () => {
  let parties: TestParties;
  beforeAll(async () => {
    parties = await start();
    for (let iteration = 0; iteration < ITERATIONS; iteration += 1) await iterate(parties, iteration);
  });

  test('its openings are uniform modulo n', () => {
    const openings = textsOf(parties, 'opening').map((text) => decodeMessage(OpeningMessage, text));
    expect(openings).toHaveLength(3 * ITERATIONS);
    const residues = openings.flatMap(({ residues: bytes }) => toBigInts(bytes, 64));
    expectUniform(residues);
    expect(new Set(residues).size).toBe(residues.length);
  });

  test('predictions of one party, and the sum of all, look uniform to it even if it decrypts the traffic', async () => {
    for (const round of ['forward', 'aggregate']) {
      const residues = (await Promise.all(textsOf(parties, round).map(residuesOf))).flat();
      expectUniform(residues);
      expect(new Set(residues).size).toBe(residues.length);
    }
  });

  test('the first aggregate holds no labels, and no message does but its own', async () => {
    const negated = new Set(Array.from(parties.label.base, (value) => mod(BigInt(Math.round(value * 2 ** 40)), n)));
    for (const round of ['forward', 'aggregate', 'gradient']) {
      for (const residue of await residuesOf(at(textsOf(parties, round), 0))) expect(negated.has(residue)).toBe(false);
    }
    const own = await residuesOf(at(textsOf(parties, 'labels'), 0));
    expect(own.every((residue) => negated.has(residue))).toBe(true);
  });

  test('with a feature party it could read residuals, as the leakage statement says', async () => {
    const [aggregate = []] = await Promise.all(textsOf(parties, 'aggregate').map(residuesOf));
    const place = { round: 'forward', iteration: 0, attempt: 0, party: NOBODY } as const;
    const pads = [...new Pads(testSeeds(3, 1), contextOf(parties.parameters, place), n).group(0, ROWS)];
    const residuals = aggregate.map((residue, row) => {
      const residual = mod(residue - at(pads, row), n);
      return Number(residual > n / 2n ? residual - n : residual) / 2 ** 40;
    });
    expect(distance(residuals, [...parties.label.base])).toBeLessThan(1e-9);
    expect(leakageOf(parties.parameters).join(' ')).toMatch(
      /y and any one feature party together can compute the residuals/,
    );
  });
});

describe('what a feature party sees', () => {
  test('nothing changes for it when others have other rows with the same second moments', async () => {
    const own = at(blocks, 0);
    // A reflection at a vector orthogonal to this party's columns leaves them, and all second moments, as they are.
    const mirror = orthogonalTo(
      own,
      labels.map((label, row) => label + (column(9)[row] ?? 0)),
    );
    const reflect = (values: Float64Array): Float64Array => {
      const factor = (2 * dot(values, mirror)) / dot(mirror, mirror);
      return values.map((value, row) => value - factor * (mirror[row] ?? 0));
    };
    const others = { blocks: [own, ...blocks.slice(1).map((block) => block.map(reflect))], labels: reflect(labels) };
    expect(distance([...others.labels], [...labels])).toBeGreaterThan(0.1);
    const [first, second] = await Promise.all([start(), start({}, others)]);
    for (let iteration = 0; iteration < 6; iteration += 1) {
      const [left, right] = [await iterate(first, iteration), await iterate(second, iteration)];
      expect(distance(at(left, 0), at(right, 0))).toBeLessThan(1e-9);
      expect(at(first.states, 0).theta).not.toEqual(at(first.states, 2).theta);
    }
  });

  test('it gets one number for each of its columns and iteration', async () => {
    const parties = await start();
    const sums = await iterate(parties, 0);
    expect(sums.map((list) => list.length)).toEqual([2, 1, 2]);
  });
});

describe('what the server and the aggregator see', () => {
  test('every ciphertext is masked, and messages are as long whatever the data are', async () => {
    const scaled = { blocks: blocks.map((block) => block.map((values) => values.map((value) => value / 1e6))), labels };
    const [first, second] = [await start(), await start({}, scaled)];
    for (let iteration = 0; iteration < 2; iteration += 1) {
      await iterate(first, iteration);
      await iterate(second, iteration);
    }
    const rounds = ['labels', 'forward', 'aggregate', 'gradient'] as const;
    for (const round of rounds) {
      const [left, right] = [textsOf(first, round), textsOf(second, round)];
      expect(left.map((text) => text.length)).toEqual(right.map((text) => text.length));
      for (const text of left) {
        await validateVector(keys.publicKey, CiphertextVector.parse(text), round, { refuseUnmasked: true });
      }
    }
  });

  test('two runs on equal data share no ciphertext, and headers depend on the parameters only', async () => {
    const [first, second] = [await start(), await start()];
    await iterate(first, 0);
    await iterate(second, 0);
    for (const [index, { text }] of first.seen.entries()) {
      const other = at(second.seen, index).text;
      if (at(first.seen, index).round === 'progress') continue;
      expect(text).not.toBe(other);
      expect(text.replace(/"(data|residues)":"[^"]*"/, '')).toBe(other.replace(/"(data|residues)":"[^"]*"/, ''));
    }
  });
});

describe('threshold mode', () => {
  test('a missing share opens nothing, and says so by name', async () => {
    const parties = await start({ mode: 'threshold' });
    const turn = { iteration: 0, attempt: 0 };
    const gradients = await gradientsOf(
      parties,
      turn,
      '',
      await aggregateOf(parties, turn, await labelsOf(parties, 0)),
    );
    const partials = await partialsOf(parties, turn, gradients);
    const own = partials.map((texts) => decodeMessage(PartialMessage, at(texts, 0)));
    const [party, state] = [at(parties.features, 0), at(parties.states, 0)];
    for (let missing = 0; missing < own.length; missing += 1) {
      const rest = own.filter((_, index) => index !== missing);
      await expect(thresholdStepRound(party, state, turn, rest)).rejects.toMatchObject({ code: 'MISSING_SHARE' });
    }
    const twice = [at(own, 0), at(own, 0), at(own, 2), at(own, 3)];
    await expect(thresholdStepRound(at(parties.features, 0), at(parties.states, 0), turn, twice)).rejects.toMatchObject(
      { code: 'WRONG_PARTY' },
    );
    // The mathematics refuses, too: parts of all but one multiply to no power of 1 + n.
    const parts = own.map(({ key, data, ...part }) => ({ ...part, keyId: key, values: toBigInts(data, 128) }));
    await expect(
      combineShares(
        keys.publicKey,
        parts.slice(1).map((part, index) => ({ ...part, parties: 3, threshold: 3, index: index + 1 })),
      ),
    ).rejects.toThrow(/do not fit together/);
  });

  test('what everybody opens of a party is uniform to everybody else', async () => {
    const parties = await start({ mode: 'threshold' });
    const residues: bigint[] = [];
    for (let iteration = 0; iteration < 4; iteration += 1) {
      await iterate(parties, iteration);
      residues.push(...(await Promise.all(textsOf(parties, 'gradient').slice(-3).map(residuesOf))).flat());
    }
    expectUniform(residues);
    expect(residues).toHaveLength(12);
  });
});

function dot(left: Float64Array, right: Float64Array): number {
  return left.reduce((sum, value, row) => sum + value * (right[row] ?? 0), 0);
}

/** What is left of a vector without its components along some columns (Gram-Schmidt, twice). */
function orthogonalTo(columns: readonly Float64Array[], vector: Float64Array): Float64Array {
  const basis: Float64Array[] = [];
  for (const values of [...columns, vector]) {
    let rest = values;
    for (const direction of [...basis, ...basis]) {
      const factor = dot(rest, direction) / dot(direction, direction);
      rest = rest.map((value, row) => value - factor * (direction[row] ?? 0));
    }
    basis.push(rest);
  }
  return at(basis, basis.length - 1);
}

test('messages parse to what was sent', async () => {
  const parties = await start();
  await iterate(parties, 0);
  const text = at(textsOf(parties, 'forward'), 0);
  expect(parseInline(text).header).toMatchObject({ scale: 40, count: ROWS, summands: '1', packing: null });
});
