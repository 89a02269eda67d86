import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';

/** `colonies process wait` */
export const processWait = defineCommand({
  describe: 'Wait until a process has finished; exit code 3 when it failed or was cancelled',
  positional: {
    processid: { type: 'string', alias: 'p', describe: 'id of the process', required: true },
  },
  options: {
    timeout: { type: 'number', describe: 'give up after so many seconds (default: never)', minimum: 0, fraction: true },
    out: { type: 'boolean', describe: 'print its output instead of its id' },
    ...memberKey,
  },
  examples: [['process wait <processid> --timeout 60 --out', 'its output, if that comes within a minute']],
  async run({ processid, timeout, out, prvkey }, context) {
    const { finishedReport, outputReport } = await import('../views/process-wait.ts');
    const { keepCompanyWith } = await import('../views/company.ts');
    const { waitForProcess } = await import('../../colony/subscription.ts');
    const connection = await context.connect('member', { prvkey }, { bridgeMs: PATIENT_BRIDGE_MS });
    const process = await keepCompanyWith(connection, processid, context, () =>
      waitForProcess(connection.client, {
        processId: processid,
        signal: context.io.signal,
        timeoutMs: timeout === undefined ? undefined : timeout * 1000,
        retry: { forMs: PATIENT_BRIDGE_MS },
      }),
    ).catch(unknownToServer(`process ${processid}`));
    return out ? outputReport(process) : finishedReport(process);
  },
});
