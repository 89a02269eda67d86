import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';
import { cronIdOf } from '../views/named.ts';

/** `colonies cron remove` */
export const cronRemove = defineCommand({
  describe: 'Remove a cron',
  details: 'Workflows that it has submitted go on.',
  positional: { cronid: { type: 'string', describe: 'id or name of the cron', required: true } },
  options: memberKey,
  examples: [['cron remove <cronid>', 'it does not run any more']],
  async run({ cronid: named, prvkey }, context) {
    const connection = await context.connect('member', { prvkey });
    const { client } = connection;
    const cronId = await cronIdOf(connection, named);
    await client.removeCron({ cronId }).catch(unknownToServer(`cron ${named}`));
    return doneReport(`Cron removed: ${cronId}`, { cronId });
  },
});
