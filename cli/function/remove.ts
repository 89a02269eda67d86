import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies function remove` */
export const functionRemove = defineCommand({
  describe: 'Take back that an executor runs a function; needs the key of the executor',
  positional: { functionid: { type: 'string', describe: 'id of the registration', required: true } },
  options: memberKey,
  examples: [['function remove <functionid>', 'the id is told by "function ls --ids"']],
  async run({ functionid: functionId, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.removeFunction({ functionId }).catch(unknownToServer(`function ${functionId}`));
    return doneReport(`Function removed: ${functionId}`, { functionId });
  },
});
