import { defineCommand } from '../command.ts';
import { confirm } from '../framework/confirmation.ts';
import { serverKey, yesOption } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies colony remove` */
export const colonyRemove = defineCommand({
  describe: 'Remove a colony and everything in it; needs the key of the server',
  details: 'Its users, executors, processes, workflows, logs, crons, generators and files go with it.',
  positional: { name: { type: 'string', describe: 'name of the colony', required: true } },
  options: { ...yesOption, ...serverKey },
  examples: [['colony remove trial', 'asks before it removes the colony "trial"']],
  async run({ name: colonyName, yes, serverprvkey }, context) {
    const { client } = await context.connect('server', { serverprvkey });
    await confirm(`Remove colony "${colonyName}" and everything in it?`, yes, context.io, ['colony', 'remove']);
    await client.removeColony({ colonyName }).catch(unknownToServer(`colony "${colonyName}"`));
    return doneReport(`Colony removed: ${colonyName}`, { colonyName });
  },
});
