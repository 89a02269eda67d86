import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { tableReport } from '../framework/report.ts';

/** `colonies user ls` */
export const userLs = defineCommand({
  describe: 'List the users of the colony',
  options: memberKey,
  examples: [['user ls', 'who may submit']],
  async run(args, context) {
    const { User } = await import('../../colony/messages/colonies.ts');
    const { listToWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', args);
    const users = await client.getUsers({ colonyName });
    return tableReport(
      listToWire(User, users),
      [{ title: 'NAME' }, { title: 'USERID' }, { title: 'EMAIL', shrinks: true }, { title: 'PHONE' }],
      users.map(({ name, userId, email, phone }) => [name, userId, email, phone]),
      'No users found',
    );
  },
});
