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

/** Count 2, sum 5 and sum of squares 13 of one column: the values 2 and 3. */
function answer(asked = request): Promise<CiphertextVector> {
  const mantissas = [2n, 5n, 13n].map((figure) => figure << BigInt(asked['scale-bits']));
  const packing = statisticsPacking(asked);
  return encryptVector(publicKey, mantissas, { scaleBits: asked['scale-bits'], packing, context: 'test' });
}

/** A process that was closed with this vector. */
function processWith(vector: CiphertextVector): Process {
  const spec = { funcname: 'sum_statistics', kwargs, conditions: { executortype: 'cloud' } };
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
});
