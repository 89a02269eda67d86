import { defineCommand } from '../command.ts';
import { serverKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies colony add` */
export const colonyAdd = defineCommand({
  describe: 'Found a colony; needs the key of the server',
  options: {
    name: { type: 'string', describe: 'name of the colony', required: true },
    colonyid: { type: 'string', describe: 'id of its owner, from "colonies security generate"', required: true },
    ...serverKey,
  },
  examples: [['colony add --name dev --colonyid <id>', 'the owner of that id may then add users and executors']],
  async run(args, context) {
    const { Colony } = await import('../../colony/messages/colonies.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client } = await context.connect('server', args);
    const colony = await client.addColony({ colony: { colonyId: args.colonyid, name: args.name } });
    return doneReport(`Colony added: ${colony.name}`, toWire(Colony, colony));
  },
});
