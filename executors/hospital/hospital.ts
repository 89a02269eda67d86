import type { PublicKey } from 'paillier-bigint';
import { TerminalError } from '../../colony/errors.ts';
import { defineExecutor, rootFunction } from '../../colony/executor.ts';
import { encrypt, encryptVector, keyId } from '../../crypto/paillier/index.ts';
import type { Dataset } from '../../data/dataset.ts';
import { readSingleNumber } from '../../data/single-number.ts';
import { summarise, type Summary } from '../../data/summary.ts';
import { refusing } from '../failures.ts';
import { MaskKeeper } from '../masks.ts';
import { EncryptedNumber, EncryptedStatistics, PatientDataRequest, StatisticsRequest } from './messages.ts';
import { patientDataRound, statisticsPacking, statisticsRound } from './rounds.ts';

/**
 * A hospital's daemon: answers with encrypted figures of its own patients, under the public key of whoever asks.
 *
 * Leakage: what is asked, and whether it was answered or why not, is public; the figures are hidden by Paillier's semantic
 * security (decisional composite residuosity) from everybody without the private key. Whose key that is the operator
 * decides with `acceptedKeys`.
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
        run({ kwargs, signal, report, log }) {
          return refusing(log, async () => {
            const publicKey = kwargs['paillier-pubkey'];
            requireAcceptedKey(dataset, publicKey);
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
        run({ kwargs, signal, workflowId, nodeName, retries, report, log }) {
          return refusing(log, async () => {
            requireAcceptedKey(dataset, kwargs['paillier-pubkey']);
            const mantissas = statisticsRound(kwargs, await summariesOf(dataset, kwargs, signal));
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
async function summariesOf(dataset: Dataset, request: StatisticsRequest, signal: AbortSignal): Promise<Summary[]> {
  const { query, columns, groups, 'group-by': column } = request;
  const grouping = column === undefined || groups === undefined ? undefined : { column, values: groups };
  return (await summarise(dataset, { query, columns, grouping }, { signal })).flat();
}

/**
 * The key decides who reads the answer, and it comes with the request: whoever may submit workflows could put his own.
 *
 * @throws TerminalError `KEY_NOT_ACCEPTED` unless the operator accepts it
 */
function requireAcceptedKey({ acceptedKeys, source }: Dataset, publicKey: PublicKey): void {
  const id = keyId(publicKey);
  if (acceptedKeys === '*' || acceptedKeys.includes(id)) return;
  throw new TerminalError(
    `${source.description}: expected a public key that this hospital's operator accepts, got key ${id}; ` +
      'ask the operator to add it to "acceptedKeys"',
    { code: 'KEY_NOT_ACCEPTED' },
  );
}
