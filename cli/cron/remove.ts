import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies cron remove` */
export const cronRemove = defineCommand({
  describe: 'Remove a cron',
  details: 'Workflows that it has submitted go on.',
  positional: { cronid: { type: 'string', describe: 'id of the cron', required: true } },
  options: memberKey,
  examples: [['cron remove <cronid>', 'it does not run any more']],
  async run({ cronid: cronId, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.removeCron({ cronId }).catch(unknownToServer(`cron ${cronId}`));
    return doneReport(`Cron removed: ${cronId}`, { cronId });
  },
});
