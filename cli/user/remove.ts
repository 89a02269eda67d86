import { defineCommand } from '../command.ts';
import { confirm } from '../framework/confirmation.ts';
import { colonyKey, yesOption } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies user remove` */
export const userRemove = defineCommand({
  describe: 'Remove a user from the colony; needs the key of the colony',
  details: 'What the user has submitted stays.',
  positional: { name: { type: 'string', describe: 'name of the user', required: true } },
  options: { ...yesOption, ...colonyKey },
  examples: [['user remove ada', 'asks before it takes the right to submit from ada']],
  async run({ name, yes, colonyprvkey }, context) {
    const { client, colonyName } = await context.connect('colony', { colonyprvkey });
    await confirm(`Remove user "${name}" of colony "${colonyName}"?`, yes, context.io, ['user', 'remove']);
    await client.removeUser({ colonyName, name }).catch(unknownToServer(`user "${name}"`));
    return doneReport(`User removed: ${name}`, { colonyName, name });
  },
});
