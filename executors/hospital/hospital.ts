import { defineExecutor, rootFunction } from '../../colony/executor.ts';
import { encrypt, encryptVector } from '../../crypto/paillier/index.ts';
import type { Dataset } from '../../data/dataset.ts';
import { readSingleNumber } from '../../data/single-number.ts';
import { summarise, summariseGroups, type Summary } from '../../data/summary.ts';
import { refusing } from '../failures.ts';
import { MaskKeeper } from '../masks.ts';
import { EncryptedNumber, EncryptedStatistics, PatientDataRequest, StatisticsRequest } from './messages.ts';
import { patientDataRound, statisticsPacking, statisticsRound } from './rounds.ts';

/**
 * A hospital's daemon: answers with encrypted figures of its own patients, under the public key of whoever asks.
 *
 * Leakage: what is asked, and whether it was answered, is public; the figures are hidden by Paillier's semantic security
 * (decisional composite residuosity) from everybody without the private key.
 *
 * @param dataset the rows and what their operator allows
 */
export function defineHospital(dataset: Dataset) {
  const masks = new MaskKeeper();
  return defineExecutor({
    type: 'hospital',
    functions: {
      get_patient_data: rootFunction({
        description: 'Encrypts one integer of this hospital',
        kwargs: PatientDataRequest,
        output: EncryptedNumber,
        run({ kwargs, signal, report }) {
          return refusing(async () => {
            const publicKey = kwargs['paillier-pubkey'];
            const value = patientDataRound(await readSingleNumber(dataset, kwargs.number, signal), publicKey);
            masks.serve(publicKey);
            const ciphertext = await encrypt(publicKey, value);
            await report('encrypted one number');
            return ciphertext;
          });
        },
      }),
      get_statistics: rootFunction({
        description: 'Encrypts count, sum and sum of squares of columns of this hospital, by group if asked',
        kwargs: StatisticsRequest,
        output: EncryptedStatistics,
        run({ kwargs, signal, workflowId, nodeName, retries, report }) {
          return refusing(async () => {
            const mantissas = statisticsRound(kwargs, await summaries(dataset, kwargs, signal));
            const vector = await encryptVector(kwargs['paillier-pubkey'], mantissas, {
              scaleBits: kwargs['scale-bits'],
              packing: statisticsPacking(kwargs),
              context: `${workflowId}/${nodeName}/${retries}`,
              signal,
            });
            await report(`encrypted ${vector.count} figures in ${vector.length} ciphertexts`);
            return vector;
          });
        },
      }),
    },
  });
}

/** One summary per place of the vector: columns outside, groups inside. */
async function summaries(dataset: Dataset, request: StatisticsRequest, signal: AbortSignal): Promise<Summary[]> {
  const { query, columns, groups, 'group-by': groupColumn } = request;
  const results: Summary[] = [];
  for (const column of columns) {
    const selection = { query, column };
    if (groupColumn === undefined || groups === undefined) {
      results.push(await summarise(dataset, selection, { signal }));
    } else {
      results.push(...(await summariseGroups(dataset, selection, { column: groupColumn, values: groups }, { signal })));
    }
  }
  return results;
}
