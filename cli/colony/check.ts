import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies colony check` */
export const colonyCheck = defineCommand({
  describe: 'Say whether a colony exists and the key at hand belongs to it; exit code 1 otherwise',
  positional: { name: { type: 'string', describe: 'name of the colony (default: COLONIES_COLONY_NAME)' } },
  options: memberKey,
  examples: [['colony check dev', 'for scripts that wait until a colony is there']],
  async run({ name, prvkey }, context) {
    const { Colony } = await import('../../colony/messages/colonies.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', { prvkey, colonyname: name });
    const colony = await client.getColony({ colonyName }).catch(unknownToServer(`colony "${colonyName}"`));
    return doneReport(`Colony exists: ${colony.name}`, toWire(Colony, colony));
  },
});
