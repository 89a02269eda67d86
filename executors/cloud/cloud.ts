import * as z from 'zod';
import { defineExecutor, defineFunction } from '../../colony/executor.ts';
import { refusing } from '../failures.ts';
import { MaskKeeper } from '../masks.ts';
import {
  EncryptedNumber,
  EncryptedStatistics,
  PatientDataSumRequest,
  StatisticsRequest,
} from '../hospital/messages.ts';
import { patientDataSumRound, statisticsSumRound } from './rounds.ts';

const masks = new MaskKeeper();

/**
 * The cloud's daemon: adds what hospitals encrypted, without a key.
 *
 * Leakage: it learns how many parties answered and when, nothing of their figures (decisional composite residuosity). It
 * is trusted to add all of them once: a dishonest cloud can leave one out or add one twice without anybody noticing.
 */
export const cloud = defineExecutor({
  type: 'cloud-hospital-executor',
  functions: {
    sum_patient_data: defineFunction({
      description: 'Adds encrypted integers of hospitals',
      kwargs: PatientDataSumRequest,
      inputs: z.array(EncryptedNumber).min(1),
      output: EncryptedNumber,
      run({ kwargs, inputs, report, log }) {
        const publicKey = kwargs['paillier-pubkey'];
        masks.serve(publicKey);
        return refusing(log, async () => {
          const sum = await patientDataSumRound(publicKey, inputs);
          await report(`added the numbers of ${inputs.length} parties`);
          return sum;
        });
      },
    }),
    sum_statistics: defineFunction({
      description: 'Adds encrypted statistics of hospitals',
      kwargs: StatisticsRequest,
      inputs: z.array(EncryptedStatistics).min(1),
      output: EncryptedStatistics,
      run({ kwargs, inputs, signal, workflowId, nodeName, retries, report, log }) {
        const context = `${workflowId}/${nodeName}/${retries}`;
        return refusing(log, async () => {
          const sum = await statisticsSumRound(kwargs, inputs, { context, signal });
          await report(`added ${sum.count} figures of ${inputs.length} parties`);
          return sum;
        });
      },
    }),
  },
});
