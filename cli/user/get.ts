import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { factsReport } from '../framework/report.ts';

/** `colonies user get` */
export const userGet = defineCommand({
  describe: 'Print everything about a user',
  positional: { name: { type: 'string', describe: 'name of the user', required: true } },
  options: memberKey,
  examples: [['user get ada', 'id, e-mail address and telephone number of ada']],
  async run({ name, prvkey }, context) {
    const { User } = await import('../../colony/messages/colonies.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', { prvkey });
    const user = await client.getUser({ colonyName, name }).catch(unknownToServer(`user "${name}"`));
    return factsReport(toWire(User, user), [
      ['Username', user.name],
      ['UserId', user.userId],
      ['Colony', user.colonyName],
      ['Email', user.email],
      ['Phone', user.phone],
    ]);
  },
});
