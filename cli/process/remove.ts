import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies process remove` */
export const processRemove = defineCommand({
  describe: 'Remove a process that is not running and not part of a workflow',
  positional: { processid: { type: 'string', alias: 'p', describe: 'id of the process', required: true } },
  options: memberKey,
  examples: [['process remove <processid>', 'with its output and its log']],
  async run({ processid: processId, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.removeProcess({ processId }).catch(unknownToServer(`process ${processId}`));
    return doneReport(`Process removed: ${processId}`, { processId });
  },
});
