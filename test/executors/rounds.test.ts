import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { patientDataSumRound, statisticsSumRound } from '../../executors/cloud/rounds.ts';
import { placesOf, StatisticsRequest } from '../../executors/hospital/messages.ts';
import {
  isPlausibleSum,
  patientDataRound,
  statisticsPacking,
  statisticsRound,
} from '../../executors/hospital/rounds.ts';
import { describeFigures } from '../../executors/hospital/statistics.ts';
import { PaillierPublicKey } from '../../colony/values.ts';
import { type CiphertextVector, decrypt, decryptVector, encrypt, encryptVector } from '../../crypto/paillier/index.ts';
import { type Dataset, loadDataset } from '../../data/dataset.ts';
import { parseDecimal } from '../../data/decimal.ts';
import { summarise, type Summary } from '../../data/summary.ts';
import { testKeyPair } from '../support/keys.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'workflows', 'hospital-statistics');
const Figures = z.object({ n: z.number(), sum: z.number(), mean: z.number(), var: z.number() });
const Counted = z.object({ columns: z.record(z.string(), z.object({ n: z.number() })) });
const Expected = z.object({
  hospitals: z.record(z.string(), Counted),
  total: z.object({ columns: z.record(z.string(), Figures) }),
});
const options = { context: 'test', signal: new AbortController().signal };

const NOTHING = {
  count: 0,
  missing: 0,
  sum: { mantissa: 0n, decimals: 0 },
  sumOfSquares: { mantissa: 0n, decimals: 0 },
};

const { publicKey, privateKey } = await testKeyPair(2048);

async function summariseColumn(dataset: Dataset, column: string): Promise<Summary> {
  const [[summary = NOTHING] = []] = await summarise({ ...dataset, minimumRows: 1 }, { columns: [column] });
  return summary;
}

function requestFor(fields: Record<string, unknown>): StatisticsRequest {
  return StatisticsRequest.parse({ 'paillier-pubkey': z.encode(PaillierPublicKey, publicKey), ...fields });
}

function encryptFigures(request: StatisticsRequest, mantissas: readonly bigint[]): Promise<CiphertextVector> {
  const packing = statisticsPacking(request);
  return encryptVector(publicKey, mantissas, { scaleBits: request['scale-bits'], packing, context: 'test' });
}

describe('statistics', () => {
  test('four hospitals find count, sum, mean and variance of every column that an independent tool found', async () => {
    const { hospitals, total } = Expected.parse(JSON.parse(await readFile(join(FOLDER, 'expected.json'), 'utf8')));
    const request = requestFor({ columns: Object.keys(total.columns) });
    const vectors = await Promise.all(
      Object.entries(hospitals).map(async ([hospital, { columns }]) => {
        const dataset = await loadDataset(join(FOLDER, 'hospitals', `${hospital}.json`));
        const summaries = await Promise.all(
          request.columns.map((column) =>
            // Two hospitals hold no value at all of some columns, which a hospital refuses to sum.
            columns[column]?.n === 0 ? Promise.resolve(NOTHING) : summariseColumn(dataset, column),
          ),
        );
        await dataset.source.close();
        return encryptFigures(request, statisticsRound(request, summaries));
      }),
    );
    const sum = await statisticsSumRound(request, vectors, options);
    const rows = describeFigures(placesOf(request), await decryptVector(privateKey, sum), sum.scaleBits);
    for (const { column, count, sum: columnSum, mean, variance } of rows) {
      const figures = Figures.parse(total.columns[column]);
      expect(count).toBe(figures.n);
      expect(Math.round(columnSum * 100) / 100).toBe(Math.round(figures.sum * 100) / 100);
      expect(Math.abs((mean ?? 0) - figures.mean)).toBeLessThan(1e-12 * Math.max(1, Math.abs(figures.mean)));
      expect(Math.abs((variance ?? 0) - figures.var)).toBeLessThan(1e-9 * Math.max(1, figures.var));
    }
  });

  test('groups come out one after another, and rows of no group are left out', async () => {
    const request = requestFor({ columns: ['age'], 'group-by': 'sex', groups: ['1', '0'] });
    const dataset = await loadDataset(join(FOLDER, 'hospitals', 'cleveland.json'));
    const grouping = { column: 'sex', values: ['1', '0'] };
    const summaries = (await summarise(dataset, { columns: ['age'], grouping })).flat();
    await dataset.source.close();
    const sum = await statisticsSumRound(
      request,
      [await encryptFigures(request, statisticsRound(request, summaries))],
      options,
    );
    const rows = describeFigures(placesOf(request), await decryptVector(privateKey, sum), sum.scaleBits);
    expect(rows.map(({ group, count }) => [group, count])).toEqual([
      ['1', 206],
      ['0', 97],
    ]);
  });

  test('equal values have no negative variance, although their squares are rounded', () => {
    const request = requestFor({ columns: ['dose'] });
    const summary = { count: 5, missing: 0, sum: parseDecimal('1.5'), sumOfSquares: parseDecimal('0.45') };
    const [row] = describeFigures(placesOf(request), statisticsRound(request, [summary]), request['scale-bits']);
    expect(row).toMatchObject({ count: 5, mean: 0.3, variance: 0 });
  });

  test('a figure beyond the agreed magnitude is refused by the hospital instead of wrapping', () => {
    const request = requestFor({ columns: ['age'] });
    const summary = { count: 3, missing: 0, sum: parseDecimal('60'), sumOfSquares: parseDecimal('1000000000000000.5') };
    expect(() => statisticsRound(request, [summary])).toThrow(
      /within "max-magnitude" 1000000000000000, got a larger one/,
    );
  });

  test.each([
    ['another scale', { 'scale-bits': 20 }, /input 1: expected scale-bits 40, got 20/],
    ['other columns', { columns: ['age', 'chol'] }, /input 1: expected count 3, got 6/],
    ['another packing', { 'max-hospitals': 2 }, /input 1: expected packing/],
  ])('the cloud names the hospital that answered with %s', async (_, difference, message) => {
    const request = requestFor({ columns: ['age'] });
    const other = requestFor({ columns: ['age'], ...difference });
    const summaries = Array.from({ length: 2 }, () => NOTHING);
    const vectors = [
      await encryptFigures(request, statisticsRound(request, summaries.slice(0, 1))),
      await encryptFigures(other, statisticsRound(other, summaries.slice(0, other.columns.length))),
    ];
    await expect(statisticsSumRound(request, vectors, options)).rejects.toThrow(message);
  });

  test('the cloud refuses a vector made under another key', async () => {
    const request = requestFor({ columns: ['age'] });
    const vector = await encryptFigures(request, statisticsRound(request, [NOTHING]));
    const foreign = vector.with({ keyId: 'f'.repeat(64) });
    await expect(statisticsSumRound(request, [vector, foreign], options)).rejects.toThrow(/input 1: expected key/);
  });

  test('the cloud refuses more hospitals than their figures leave room for', async () => {
    const request = requestFor({ columns: ['age'], 'max-hospitals': 2 });
    const vector = await encryptFigures(request, statisticsRound(request, [NOTHING]));
    await expect(statisticsSumRound(request, [vector, vector, vector], options)).rejects.toThrow(
      /expected at most 2 hospitals \("max-hospitals"\), got 3/,
    );
  });

  test('the cloud refuses a vector that claims to be a sum already', async () => {
    const request = requestFor({ columns: ['age'] });
    const vector = await encryptFigures(request, statisticsRound(request, [NOTHING]));
    await expect(statisticsSumRound(request, [vector.with({ summands: 2n })], options)).rejects.toThrow(
      /input 0: expected at most 1 summands, got 2/,
    );
  });
});

describe("the tutorial's sum", () => {
  test('adds what hospitals encrypted, and its ciphertext is a fresh one each time', async () => {
    const ciphertexts = [await encrypt(publicKey, 5n), await encrypt(publicKey, 55n)];
    const sums = [await patientDataSumRound(publicKey, ciphertexts), await patientDataSumRound(publicKey, ciphertexts)];
    expect(await Promise.all(sums.map((sum) => decrypt(privateKey, sum)))).toEqual([60n, 60n]);
    expect(sums[0]).not.toBe(sums[1]);
  });

  test.each([
    ['zero', () => 0n],
    ['n', () => publicKey.n],
    ['n²', () => publicKey.n ** 2n],
    ['a multiple of a prime factor', () => 3n * privateKeyPrime()],
    ['an unmasked number', () => 1n + 7n * publicKey.n],
  ])('%s is refused as a ciphertext, and the message says which input it was', async (_, forge) => {
    const ciphertexts = [await encrypt(publicKey, 5n), forge()];
    await expect(patientDataSumRound(publicKey, ciphertexts)).rejects.toThrow(/sum_patient_data: input 1: expected/);
  });

  test('a ciphertext with a flipped bit gives itself away to the reader', async () => {
    const flipped = (await encrypt(publicKey, 5n)) ^ (1n << 77n);
    const sum = await decrypt(
      privateKey,
      await patientDataSumRound(publicKey, [flipped, await encrypt(publicKey, 55n)]),
    );
    expect(isPlausibleSum(sum, publicKey)).toBe(false);
  });

  test('decimals and numbers near the modulus are refused by the hospital', () => {
    expect(() => patientDataRound(parseDecimal('5.5'), publicKey)).toThrow(/expected the hospital to hold an integer/);
    expect(() => patientDataRound({ mantissa: publicKey.n / 2n, decimals: 0 }, publicKey)).toThrow(/use a larger key/);
    expect(patientDataRound(parseDecimal('-5.0'), publicKey)).toBe(-5n);
  });
});

function privateKeyPrime(): bigint {
  return z.bigint().parse(Reflect.get(privateKey, '_p'));
}
