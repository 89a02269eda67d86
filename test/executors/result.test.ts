import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { UserError } from '../../colony/errors.ts';
import { Process } from '../../colony/messages/processes.ts';
import { PaillierPublicKey } from '../../colony/values.ts';
import { type CiphertextVector, encryptVector } from '../../crypto/paillier/index.ts';
import { StatisticsRequest } from '../../executors/hospital/messages.ts';
import { readResult } from '../../executors/hospital/result.ts';
import { statisticsPacking } from '../../executors/hospital/rounds.ts';
import { testKeyPair } from '../support/keys.ts';

const { publicKey, privateKey } = await testKeyPair(2048);
const kwargs = { 'paillier-pubkey': z.encode(PaillierPublicKey, publicKey), columns: ['age'] };
const request = StatisticsRequest.parse(kwargs);

/** Count, sum and sum of squares of one column. @default those of the values 2 and 3 */
function answer(asked = request, figures: readonly number[] = [2, 5, 13]): Promise<CiphertextVector> {
  const mantissas = figures.map((figure) => BigInt(figure * 2 ** asked['scale-bits']));
  const packing = statisticsPacking(asked);
  return encryptVector(publicKey, mantissas, { scaleBits: asked['scale-bits'], packing, context: 'test' });
}

/** A process that was closed with this vector. */
function processWith(vector: CiphertextVector, asked: object = kwargs): Process {
  const spec = { funcname: 'sum_statistics', kwargs: asked, conditions: { executortype: 'cloud' } };
  return z.decode(Process, { processid: 'a'.repeat(64), state: 2, spec, out: [vector.toJson()] });
}

describe('the reader of statistics', () => {
  test('finds count, sum, mean and variance', async () => {
    expect(await readResult(processWith(await answer()), privateKey)).toEqual({
      kind: 'statistics',
      rows: [{ column: 'age', group: undefined, count: 2, sum: 5, mean: 2.5, variance: 0.25 }],
    });
  });

  test.each<[string, () => Promise<CiphertextVector>, RegExp]>([
    ['another scale', () => answer({ ...request, 'scale-bits': 20 }), /output: expected scale-bits 40, got 20/],
    ['another packing', () => answer({ ...request, 'max-hospitals': 2 }), /output: expected packing/],
    [
      'more hospitals than were asked for',
      async () => (await answer()).with({ summands: 1025n }),
      /expected at most 1024 summands, got 1025/,
    ],
  ])('refuses a vector with %s, whatever it decrypts to', async (_, forge, message) => {
    const reading = forge().then((vector) => readResult(processWith(vector), privateKey));
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(UserError);
  });

  test.each([
    ['a count that is not whole', [2.5, 5, 13]],
    ['a negative count', [-3, 5, 13]],
    ['a negative sum of squares', [2, 5, -13]],
  ])('refuses %s, which no rows have', async (_, figures) => {
    const process = processWith(await answer(request, figures));
    await expect(readResult(process, privateKey)).rejects.toThrow(/expected figures that hospitals can have/);
  });

  test('refuses ciphertexts that everybody can read', async () => {
    const vector = await answer();
    const unmasked = new Uint8Array(vector.data.length);
    unmasked[unmasked.length - 1] = 1;
    const reading = readResult(processWith(vector.with({ data: unmasked })), privateKey);
    await expect(reading).rejects.toThrow(/output: ciphertext 0: expected a masked ciphertext/);
  });

  test('refuses a process that does not say under which key it answers', async () => {
    const process = processWith(await answer(), { columns: ['age'] });
    await expect(readResult(process, privateKey)).rejects.toThrow(/kwargs\.paillier-pubkey: expected/);
  });
});
