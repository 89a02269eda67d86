import { defineCommand } from '../command.ts';
import { colonyKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies user add` */
export const userAdd = defineCommand({
  describe: 'Add a user, who may submit to the colony; needs the key of the colony',
  options: {
    name: { type: 'string', describe: 'name of the user', required: true },
    userid: { type: 'string', describe: 'id of the user, from "colonies security generate"', required: true },
    email: { type: 'string', describe: 'where to reach the user', default: '' },
    phone: { type: 'string', describe: 'where to reach the user', default: '' },
    ...colonyKey,
  },
  examples: [['user add --name ada --userid <id>', 'ada submits with the private key of that id']],
  async run(args, context) {
    const { User } = await import('../../colony/messages/colonies.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('colony', args);
    const { name, userid: userId, email, phone } = args;
    const user = await client.addUser({ user: { colonyName, userId, name, email, phone } });
    return doneReport(`User added: ${user.name}`, toWire(User, user));
  },
});
