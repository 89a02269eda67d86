import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies process cancel` */
export const processCancel = defineCommand({
  describe: 'Cancel a process that is not part of a workflow',
  positional: {
    processid: { type: 'string', alias: 'p', describe: 'id of the process', required: true },
  },
  options: memberKey,
  examples: [['process cancel <processid>', 'nobody works on it any more']],
  async run({ processid: processId, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.cancelProcess({ processId }).catch(unknownToServer(`process ${processId}`));
    return doneReport(`Process cancelled: ${processId}`, { processId });
  },
});
