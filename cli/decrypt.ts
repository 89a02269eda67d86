import { resolve } from 'node:path';
import type { ColoniesClient } from '../colony/client.ts';
import { UserError } from '../colony/errors.ts';
import type { Process } from '../colony/messages/processes.ts';
import type { HospitalResult } from '../executors/hospital/result.ts';
import { defineCommand } from './command.ts';
import { memberKey } from './framework/global-options.ts';
import { isEntryPoint, runAsProgram } from './framework/program.ts';
import { lineReport, type Report } from './framework/report.ts';
import { unknownToServer } from './framework/refusals.ts';
import { printableLine } from './framework/text.ts';
import { explainRefusal, loadPrivateKey, PRIVATE_KEY_FILE } from './key-files.ts';

/** `colonies decrypt` */
export const decrypt = defineCommand({
  describe: 'Read the result of a hospital workflow with the local private key',
  details: 'The private key never leaves this machine.',
  positional: {
    processid: { type: 'string', alias: 'p', describe: 'id of the process that computed the result', required: true },
  },
  options: {
    key: { type: 'string', describe: 'file with the private key', default: PRIVATE_KEY_FILE },
    ...memberKey,
  },
  examples: [['decrypt <processid>', 'prints "The sum of all patient data is: 60"']],
  async run({ processid, key, prvkey }, context): Promise<Report> {
    const keyPath = resolve(context.io.cwd, key);
    const { p, q } = await loadPrivateKey(keyPath, context.say);
    const { client, colonyName } = await context.connect('member', { prvkey });
    const process = await getSuccessful(client, processid);
    const { privateKeyFromPrimes } = await import('../crypto/paillier/keys.ts');
    const { readResult } = await import('../executors/hospital/result.ts');
    // Executors refuse short keys; whoever made one for a trial may still read with it.
    const privateKey = await explainRefusal(keyPath, () => privateKeyFromPrimes(p, q, { minimumBits: 256 }));
    const { loadS3Settings, openBlobStore, withBlobs } = await import('../colony/blobs.ts');
    const { signal } = context.io;
    const blobs = openBlobStore({ client, colonyName, s3: loadS3Settings(context.io.env), signal });
    return resultReport(process, await withBlobs(blobs, () => readResult(process, privateKey)));
  },
});

async function getSuccessful(client: ColoniesClient, processId: string): Promise<Process> {
  const process = await client.getProcess({ processId }).catch(unknownToServer(`process ${processId}`));
  const { state, errors } = process;
  if (state !== 'success') {
    const reasons = errors.map((error) => `\n  ${printableLine(error)}`).join('');
    const advice =
      state === 'waiting' || state === 'running' ? `; wait for it with "colonies process wait ${processId}"` : '';
    throw new UserError(`process ${processId}: expected a successful process, got a ${state} one${advice}${reasons}`);
  }
  if (process.output.length > 0) return process;
  throw new UserError(
    `process ${processId}: expected an encrypted output, got none; give the process that computed the result`,
  );
}

function resultReport(process: Process, result: HospitalResult): Report {
  const { processId } = process;
  if (result.kind === 'sum') {
    const sum = result.sum.toString();
    if (process.spec.functionName !== 'sum_patient_data') return numberReport(process, sum);
    return { json: { processId, kind: 'sum', sum }, show: (out) => out.line(`The sum of all patient data is: ${sum}`) };
  }
  const { rows } = result;
  const hasGroups = rows.some(({ group }) => group !== undefined);
  const titles = ['COLUMN', ...(hasGroups ? ['GROUP'] : []), 'COUNT', 'SUM', 'MEAN', 'VARIANCE'];
  return {
    json: { processId, kind: 'statistics', rows },
    show: (out) =>
      out.table(
        titles.map((title) => ({ title })),
        rows.map(({ column, group, count, sum, mean, variance }) => [
          column,
          ...(hasGroups ? [group ?? ''] : []),
          ...[count, sum, mean, variance].map(formatNumber),
        ]),
      ),
  };
}

/** One summand, such as what one hospital answered: it must not look like the result. */
function numberReport({ processId, spec: { nodeName } }: Process, number: string): Report {
  const source = nodeName === '' ? `process ${processId}` : `node "${nodeName}"`;
  return lineReport(`The number of ${source} is: ${number}`, { processId, kind: 'number', nodeName, number });
}

function formatNumber(value: number | undefined): string {
  return value === undefined ? '-' : String(Number(value.toPrecision(10)));
}

if (isEntryPoint(import.meta.url)) {
  // Not awaited here: the command line loads this very module by its name, which waits until it has run to its end.
  void runAsProgram(
    async (argv, io) => (await import('./main.ts')).main(['decrypt', ...argv], io),
    process.argv.slice(2),
  );
}
