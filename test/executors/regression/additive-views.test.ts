import { beforeAll, describe, expect, test } from 'vitest';
import { decryptVector, encryptVector, unpackValues } from '../../../crypto/paillier/index.ts';
import { bytesToBigInt, elementAt } from '../../../crypto/modular/bytes.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { openMasked } from '../../../executors/regression/additive/messages.ts';
import { additivePlan, otherHolders } from '../../../executors/regression/additive/precision.ts';
import { blindsOf } from '../../../executors/regression/additive/products.ts';
import { checkedRows, rowsRound } from '../../../executors/regression/additive/rows.ts';
import { openSlots } from '../../../executors/regression/additive/step.ts';
import { leakageOf } from '../../../executors/regression/leakage.ts';
import { toMantissas } from '../../../executors/regression/mantissas.ts';
import { parseInline, vectorOf } from '../../../executors/regression/messages.ts';
import { at, distance } from '../../support/regression.ts';
import {
  additiveKeys,
  forwardsOf,
  holderOf,
  iterateAdditive,
  productsFor,
  sharesOf,
  startAdditive,
  sumsOf,
} from '../../support/regression-additive.ts';
import type { AdditiveParties } from '../../support/regression-additive.ts';

const keys = await additiveKeys(3);
const ROWS = 300;
const ITERATIONS = 4;

/** Deterministic numbers in (−1, 1) that look irregular. */
function column(seed: number): Float64Array {
  return Float64Array.from({ length: ROWS }, (_, row) => Math.sin(seed * 100 + row * (seed + 1.7) ** 2));
}

const blocks = [[column(1), column(2)], [column(3)], [column(4), column(5), column(6), column(7)]];
const labels = column(8).map((value, row) => 3 * value + (blocks[0]?.[0]?.[row] ?? 0));

function start(): Promise<AdditiveParties> {
  const parameters = { model: 'linear', scaling: 'none', alpha: 0.3, iterations: ITERATIONS, columnBoundBits: 1 };
  return startAdditive({ parameters, keys, blocks, labels });
}

/** The numbers of a flat buffer. */
function numbersOf(bytes: Uint8Array, width: number): bigint[] {
  return Array.from({ length: bytes.length / width }, (_, row) => bytesToBigInt(elementAt(bytes, row, width)));
}

/** The numbers of a message. */
async function numbersIn(text: string, width: number): Promise<bigint[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of openMasked(text, undefined).chunks) pieces.push(piece);
  return numbersOf(Buffer.concat(pieces), width);
}

/** Pearson's statistic of the lower bytes of shares against uniform bytes: 255 ± 22.6 for uniform ones. */
function chiSquare(numbers: readonly bigint[], bits: number): number {
  const counts = new Float64Array(256);
  for (const number of numbers) {
    for (let bit = 0; bit + 8 <= bits; bit += 8) {
      const value = Number((number >> BigInt(bit)) & 255n);
      counts[value] = (counts[value] ?? 0) + 1;
    }
  }
  const expected = counts.reduce((sum, count) => sum + count, 0) / 256;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

function looksUniform(numbers: readonly bigint[], bits: number): boolean {
  const statistic = chiSquare(numbers, bits);
  return statistic > 150 && statistic < 380 && new Set(numbers).size === numbers.length;
}

describe('shares of residuals', () => {
  let parties: AdditiveParties;
  let shares: bigint[][];
  let forwards: string[];
  beforeAll(async () => {
    parties = await start();
    await iterateAdditive(parties, 0);
    const turn = { iteration: 1, attempt: 0 };
    forwards = await forwardsOf(parties, turn);
    const { shareBytes } = additivePlan(parties.parameters);
    shares = [...(await sharesOf(parties, turn, forwards)).values()].map((bytes) => numbersOf(bytes, shareBytes));
  });

  test('all together are the residuals', () => {
    const { shareBits, shareScaleBits } = additivePlan(parties.parameters);
    const sums = Array.from({ length: ROWS }, (_, row) =>
      BigInt.asIntN(
        shareBits,
        shares.reduce((sum, share) => sum + at(share, row), 0n),
      ),
    );
    const residuals = Array.from({ length: ROWS }, (_, row) =>
      parties.features.reduce(
        (sum, { columns }, party) =>
          columns.reduce(
            (part, values, index) => part + (values[row] ?? 0) * (parties.states[party]?.theta[index] ?? 0),
            sum,
          ),
        parties.label.base[row] ?? 0,
      ),
    );
    expect(
      distance(
        sums.map((sum) => Number(sum) / 2 ** shareScaleBits),
        residuals,
      ),
    ).toBeLessThan(1e-6);
  });

  test('any of them missing, the sum of the others is uniform', () => {
    const { shareBits } = additivePlan(parties.parameters);
    for (const missing of shares.keys()) {
      const sums = Array.from({ length: ROWS }, (_, row) =>
        BigInt.asUintN(
          shareBits,
          shares.reduce((sum, share, holder) => (holder === missing ? sum : sum + at(share, row)), 0n),
        ),
      );
      expect(looksUniform(sums, shareBits)).toBe(true);
    }
  });

  test('what the label party receives, and its own share, are uniform', async () => {
    const { shareBits, shareBytes } = additivePlan(parties.parameters);
    for (const text of forwards) {
      expect(looksUniform(await numbersIn(text, shareBytes), shareBits)).toBe(true);
    }
    expect(looksUniform(at(shares, 0), shareBits)).toBe(true);
  });

  test('pads are others in every turn and attempt', async () => {
    const { shareBytes } = additivePlan(parties.parameters);
    const again = await forwardsOf(parties, { iteration: 1, attempt: 1 });
    for (const [index, text] of again.entries()) {
      const known = new Set(await numbersIn(at(forwards, index), shareBytes));
      expect((await numbersIn(text, shareBytes)).some((number) => known.has(number))).toBe(false);
    }
  });
});

describe('what a feature party decrypts', () => {
  test('is its gradient modulo 2^ℓ, and multiples of 2^ℓ that are 2^40 times longer than the carries', async () => {
    const parties = await start();
    const { parameters, features } = parties;
    const { shareBits, shareBytes, columnScaleBits, carryBits } = additivePlan(parameters);
    const carries: bigint[] = [];
    for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
      const turn = { iteration, attempt: 0 };
      const shares = await sharesOf(parties, turn, await forwardsOf(parties, turn));
      const sums = await sumsOf(parties, turn, await forwardsOf(parties, turn));
      for (const [index, party] of features.entries()) {
        const slots = await openSlots(party, turn, parseInline(at(sums, index)));
        const others = otherHolders(parameters, party.name).map((holder) =>
          numbersOf(shares.get(holder) ?? new Uint8Array(0), shareBytes),
        );
        for (const [place, values] of party.columns.entries()) {
          const mantissas = toMantissas(values, columnScaleBits);
          const exact = others.reduce(
            (total, share) => share.reduce((sum, number, row) => sum + number * BigInt(mantissas[row] ?? 0), total),
            0n,
          );
          const hidden = at(slots, place) - exact;
          expect(BigInt.asUintN(shareBits, hidden)).toBe(0n);
          carries.push(hidden >> BigInt(shareBits));
          const carry = exact >> BigInt(shareBits);
          expect((carry < 0n ? -carry : carry) < 1n << BigInt(carryBits - 40)).toBe(true);
        }
      }
      await iterateAdditive(parties, iteration, 0);
    }
    expect(new Set(carries).size).toBe(carries.length);
    const longest = carries.reduce((most, carry) => (carry > most ? carry : most), 0n);
    const shortest = carries.reduce((least, carry) => (carry < least ? carry : least), longest);
    // Sums of three uniform numbers of carryBits bits are spread over their whole range.
    expect(longest - shortest > 1n << BigInt(carryBits)).toBe(true);
    expect(carryBits - 41).toBeGreaterThanOrEqual(Math.log2(ROWS) + columnScaleBits);
  });

  test('it gets one number for each of its columns and iteration', async () => {
    const parties = await start();
    expect((await iterateAdditive(parties, 0)).map((list) => list.length)).toEqual([2, 1, 4]);
  });
});

describe('what single holders compute', () => {
  const turn = { iteration: 0, attempt: 0 };

  /** What hides a holder's product for an owner: what each ciphertext holds modulo n, less the product. */
  async function hiddenBy(parties: AdditiveParties, place: number) {
    const { parameters } = parties;
    const { shareBytes, columnScaleBits, packing } = additivePlan(parameters);
    const { slotBits, slotsPerCiphertext } = packing;
    const [rows, owner] = [at(parties.rows, place), at(parties.features, place)];
    const shares = await sharesOf(parties, turn, await forwardsOf(parties, turn));
    const texts = await productsFor(parties, turn, rows, shares);
    return Promise.all(
      otherHolders(parameters, owner.name).map(async (name, holder) => {
        const plaintexts = await decryptVector(owner.privateKey, await vectorOf(parseInline(at(texts, holder))));
        const numbers = numbersOf(shares.get(name) ?? new Uint8Array(0), shareBytes);
        const plain = owner.columns.map((values) => {
          const mantissas = toMantissas(values, columnScaleBits);
          return numbers.reduce((sum, number, row) => sum + number * BigInt(mantissas[row] ?? 0), 0n);
        });
        return plaintexts.map((plaintext, block) => {
          const slots = plain.slice(block * slotsPerCiphertext, (block + 1) * slotsPerCiphertext);
          return slots.reduce((rest, sum, slot) => rest - (sum << BigInt(slotBits * slot)), plaintext);
        });
      }),
    );
  }

  test('says nothing as long as one holder is missing, and all together the gradient', async () => {
    const parties = await start();
    const { shareBits, packing } = additivePlan(parties.parameters);
    for (const [place, { columns, publicKey }] of parties.features.entries()) {
      const { n } = publicKey;
      const hidden = await hiddenBy(parties, place);
      expect(hidden).toHaveLength(3);
      for (const block of at(hidden, 0).keys()) {
        const sums = Array.from({ length: 7 }, (_, index) => {
          const chosen = hidden.filter((_own, holder) => ((index + 1) >> holder) & 1);
          return mod(
            chosen.reduce((total, own) => total + at(own, block), 0n),
            n,
          );
        });
        // A number that is uniform modulo n is so small, or so large, once in 2^31.
        const margin = n >> 32n;
        expect(sums.slice(0, -1).every((sum) => sum > margin && sum < n - margin)).toBe(true);
        const count = Math.min(packing.slotsPerCiphertext, columns.length - block * packing.slotsPerCiphertext);
        const slots = unpackValues(packing, at(sums, 6), count, 3n);
        expect(slots.map((slot) => BigInt.asUintN(shareBits, slot))).toEqual(slots.map(() => 0n));
      }
    }
  });

  test('tells an owner nothing of a single share, whatever it has encrypted as its rows', async () => {
    const parties = await start();
    const { parameters } = parties;
    const { shareBits, shareBytes, carryBits } = additivePlan(parameters);
    const owner = at(parties.features, 1);
    const { publicKey, privateKey } = owner;
    // Above all that a slot was planned for: what stands there is not hidden by multiples of 2^ℓ.
    const above = BigInt(shareBits + carryBits);
    const weights = Array.from({ length: ROWS }, (_, row) => (row === 7 ? 1n << above : 0n));
    const { data } = await encryptVector(publicKey, weights, { scaleBits: 0 });
    const chunks: Uint8Array[] = [];
    const message = { header: rowsRound(owner).header, chunks: [data] };
    for await (const chunk of checkedRows({ parameters, publicKey }, 'x2', message)) chunks.push(chunk);
    const rows = { owner: 'x2', publicKey, digest: 'forged', read: () => chunks };
    const shares = await sharesOf(parties, turn, await forwardsOf(parties, turn));
    const holders = otherHolders(parameters, 'x2');
    const texts = await productsFor(parties, turn, rows, shares);
    const found = await Promise.all(
      texts.map(async (text) => (await decryptVector(privateKey, await vectorOf(parseInline(text))))[0] ?? 0n),
    );
    const numbers = holders.map((name) => numbersOf(shares.get(name) ?? new Uint8Array(0), shareBytes)[7] ?? 0n);
    for (const [holder, number] of numbers.entries()) {
      const read = mod(at(found, holder), publicKey.n) >> above;
      expect(read === number || read === number + 1n, at(holders, holder)).toBe(false);
    }
    const sum = mod(
      found.reduce((total, number) => total + number, 0n),
      publicKey.n,
    );
    const total = numbers.reduce((all, number) => all + number, 0n);
    // Three random multiples together may reach one or two beyond their bits.
    expect((sum >> above) - total < 3n && sum >> above >= total).toBe(true);
  });

  test('tells an owner nothing at all when it has given holders different rows', async () => {
    const parties = await start();
    const [rows] = parties.rows;
    if (!rows) throw new Error('expected rows');
    const [left, right] = ['x2', 'x3'].map((name) => holderOf(parties, name));
    if (!left || !right) throw new Error('expected holders');
    const label = blindsOf(holderOf(parties, 'y'), turn, rows);
    const sumWith = (digest: string): bigint[] => {
      const all = [label, blindsOf(left, turn, rows), blindsOf(right, turn, { ...rows, digest })];
      return label.map((_, block) =>
        mod(
          all.reduce((sum, blinds) => sum + at(blinds, block), 0n),
          rows.publicKey.n,
        ),
      );
    };
    expect(sumWith(rows.digest)).toEqual(label.map(() => 0n));
    expect(sumWith('others').every((sum) => sum > rows.publicKey.n >> 32n)).toBe(true);
  });

  test('is hidden from the owner and the label party together by what the others share', async () => {
    const parties = await start();
    const { n } = at(parties.rows, 0).publicKey;
    const others = parties.features.slice(1).map(({ name }) => name);
    const blinds = (name: string, known: readonly number[]): bigint[] => {
      const holder = holderOf(parties, name);
      const pairs = holder.pairSeeds.pairs.map((seed, place) => (known.includes(place) ? undefined : seed));
      return blindsOf({ ...holder, pairSeeds: { ...holder.pairSeeds, pairs } }, turn, at(parties.rows, 0));
    };
    // Places 0 and 1 are those of the label party and of the owner.
    const [left = [], right = []] = others.map((name) => blinds(name, [0, 1]));
    expect(left.every((pad) => pad > 0n)).toBe(true);
    expect(left.map((pad, index) => (pad + at(right, index)) % n)).toEqual(left.map(() => 0n));
    expect(blinds(at(others, 0), [])).not.toEqual(left);
  });

  test('has pads of its own in every turn, attempt and for every owner, which look uniform', async () => {
    const parties = await start();
    const turns = Array.from({ length: 200 }, (_, index) => ({ iteration: index % 4, attempt: index >> 2 }));
    const [first, , third] = parties.rows;
    if (!first || !third) throw new Error('expected the rows of three parties');
    const pads = turns.flatMap((other) =>
      [first, third].flatMap((rows) => blindsOf(holderOf(parties, 'y'), other, rows)),
    );
    expect(pads.length).toBeGreaterThanOrEqual(400);
    expect(looksUniform(pads, first.publicKey.bitLength - 8)).toBe(true);
    expect(blindsOf(holderOf(parties, 'y'), turn, first)).toEqual(blindsOf(holderOf(parties, 'y'), turn, first));
  });
});

describe('what the server and the aggregator see', () => {
  test('a repeated product shares no ciphertext with the first, and both hold the same gradient', async () => {
    const parties = await start();
    const turn = { iteration: 0, attempt: 0 };
    const forwards = await forwardsOf(parties, turn);
    const [first, second] = [await sumsOf(parties, turn, forwards), await sumsOf(parties, turn, forwards)];
    const { shareBits } = additivePlan(parties.parameters);
    for (const [index, party] of parties.features.entries()) {
      expect(at(first, index)).not.toBe(at(second, index));
      const [left, right] = await Promise.all(
        [first, second].map((sums) => openSlots(party, turn, parseInline(at(sums, index)))),
      );
      expect(left?.map((slot) => BigInt.asUintN(shareBits, slot))).toEqual(
        right?.map((slot) => BigInt.asUintN(shareBits, slot)),
      );
      expect(left).not.toEqual(right);
    }
  });

  test('messages are as long whatever the data are, and their headers depend on the parameters only', async () => {
    const parties = await start();
    const others = await startAdditive({
      parameters: { model: 'linear', scaling: 'none', alpha: 0.3, iterations: ITERATIONS, columnBoundBits: 1 },
      keys,
      blocks: blocks.map((block) => block.map((values) => values.map((value) => value / 1e6))),
      labels: labels.map((value) => value / 7),
    });
    await iterateAdditive(parties, 0);
    await iterateAdditive(others, 0);
    for (const [index, { text }] of parties.seen.entries()) {
      const other = at(others.seen, index).text;
      expect(text.length).toBe(other.length);
      expect(text.replace(/"data":"[^"]*"/, '')).toBe(other.replace(/"data":"[^"]*"/, ''));
    }
  });

  test('the statement says who would have to work together', async () => {
    const { parameters } = await start();
    expect(leakageOf(parameters).join(' ')).toMatch(/only all of them together could add up/);
  });
});
