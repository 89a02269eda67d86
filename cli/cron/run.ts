import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';
import { cronIdOf } from '../views/named.ts';

/** `colonies cron run` */
export const cronRun = defineCommand({
  describe: 'Submit the workflow of a cron now, whatever its time',
  positional: { cronid: { type: 'string', describe: 'id or name of the cron', required: true } },
  options: memberKey,
  examples: [['cron run <cronid>', 'to see whether the workflow works']],
  async run({ cronid: named, prvkey }, context) {
    const { Cron } = await import('../../colony/messages/crons.ts');
    const { toWire } = await import('../views/wire.ts');
    const connection = await context.connect('member', { prvkey });
    const { client } = connection;
    const cronId = await cronIdOf(connection, named);
    const cron = await client.runCron({ cronId }).catch(unknownToServer(`cron ${named}`));
    return doneReport(`Cron run: ${cron.name}`, toWire(Cron, cron));
  },
});
