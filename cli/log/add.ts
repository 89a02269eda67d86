import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies log add` */
export const logAdd = defineCommand({
  describe: 'Add a line to the log of a running process; needs the key of the executor that runs it',
  positional: { processid: { type: 'string', alias: 'p', describe: 'id of the process', required: true } },
  options: {
    msg: { type: 'string', alias: 'm', describe: 'the line', required: true },
    ...memberKey,
  },
  examples: [['log add <processid> -m "half done"', 'whoever follows the process sees it']],
  async run({ processid: processId, msg: message, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.addLog({ processId, message }).catch(unknownToServer(`process ${processId}`));
    return doneReport(`Log added: process ${processId}`, { processId, message });
  },
});
