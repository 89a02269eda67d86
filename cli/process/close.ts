import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies process close` */
export const processClose = defineCommand({
  describe: 'End a running process as successful; needs the key of the executor that runs it',
  positional: { processid: { type: 'string', alias: 'p', describe: 'id of the process', required: true } },
  options: {
    out: { type: 'string', list: true, describe: 'output elements, separated by commas' },
    ...memberKey,
  },
  examples: [['process close <processid> --out 60', 'hand over 60 as the result']],
  async run({ processid: processId, out: output, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.closeSuccessful({ processId, output }).catch(unknownToServer(`process ${processId}`));
    return doneReport(`Process closed as successful: ${processId}`, { processId, out: output });
  },
});
