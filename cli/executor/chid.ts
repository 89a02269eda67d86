import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies executor chid` */
export const executorChid = defineCommand({
  describe: 'Give the executor whose key is at hand another id',
  details: 'From then on the executor signs with the private key of the new id: keep it before you change.',
  positional: {
    executorid: { type: 'string', describe: 'the new id, from "colonies security generate"', required: true },
  },
  options: memberKey,
  examples: [['executor chid <id>', 'when the old key may have been seen']],
  async run({ executorid: executorId, prvkey }, context) {
    const { client, colonyName } = await context.connect('member', { prvkey });
    await client.changeExecutorId({ colonyName, executorId });
    return doneReport(`Executor id changed: ${executorId}`, { colonyName, executorId });
  },
});
