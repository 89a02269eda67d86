import { defineCommand } from '../command.ts';
import { colonyKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies location remove` */
export const locationRemove = defineCommand({
  describe: 'Remove a location; needs the key of the colony',
  details: 'Executors that are there stay.',
  positional: { name: { type: 'string', describe: 'name of the location', required: true } },
  options: colonyKey,
  examples: [['location remove lulea', 'nobody is there any more']],
  async run({ name, colonyprvkey }, context) {
    const { client, colonyName } = await context.connect('colony', { colonyprvkey });
    await client.removeLocation({ colonyName, name }).catch(unknownToServer(`location "${name}"`));
    return doneReport(`Location removed: ${name}`, { colonyName, name });
  },
});
