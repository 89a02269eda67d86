import { defineCommand } from '../command.ts';
import { colonyKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies colony chid` */
export const colonyChid = defineCommand({
  describe: 'Hand the colony over to another key; needs the key of the colony',
  details:
    'From then on only the private key of the new id approves executors and adds users: keep it before you change.',
  positional: {
    colonyid: { type: 'string', describe: 'the new id, from "colonies security generate"', required: true },
  },
  options: colonyKey,
  examples: [['colony chid <id>', 'when the old key may have been seen']],
  async run({ colonyid: colonyId, colonyprvkey }, context) {
    const { client, colonyName } = await context.connect('colony', { colonyprvkey });
    await client.changeColonyId({ colonyName, colonyId });
    return doneReport(`Colony id changed: ${colonyId}`, { colonyName, colonyId });
  },
});
