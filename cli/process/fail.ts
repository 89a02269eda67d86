import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies process fail` */
export const processFail = defineCommand({
  describe: 'End a running process as failed, for good; needs the key of the executor that runs it',
  positional: { processid: { type: 'string', alias: 'p', describe: 'id of the process', required: true } },
  options: {
    errors: { type: 'string', list: true, describe: 'reasons, separated by commas' },
    ...memberKey,
  },
  examples: [['process fail <processid> --errors "disk full"', 'with a reason that its submitter can read']],
  async run({ processid: processId, errors, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.closeFailed({ processId, errors }).catch(unknownToServer(`process ${processId}`));
    return doneReport(`Process closed as failed: ${processId}`, { processId, errors });
  },
});
