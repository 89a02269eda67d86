import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';

/** `colonies process get` */
export const processGet = defineCommand({
  describe: 'Print everything about a process',
  positional: {
    processid: { type: 'string', alias: 'p', describe: 'id of the process', required: true },
  },
  options: {
    out: { type: 'boolean', describe: 'print its output only, one line per element' },
    ...memberKey,
  },
  examples: [['process get <processid> --out', 'what the process computed, for another program']],
  async run({ processid: processId, out: wantsOutput, prvkey }, context) {
    const { Process } = await import('../../colony/messages/processes.ts');
    const { showProcess } = await import('../views/process.ts');
    const { outputReport } = await import('../views/process-wait.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client } = await context.connect('member', { prvkey });
    const process = await client.getProcess({ processId }).catch(unknownToServer(`process ${processId}`));
    if (wantsOutput) return { ...outputReport(process), exitCode: 0 };
    return { json: toWire(Process, process), show: (out) => showProcess(process, out) };
  },
});
