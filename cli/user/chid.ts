import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies user chid` */
export const userChid = defineCommand({
  describe: 'Give the user whose key is at hand another id',
  details: 'From then on the user signs with the private key of the new id: keep it before you change.',
  positional: { userid: { type: 'string', describe: 'the new id, from "colonies security generate"', required: true } },
  options: memberKey,
  examples: [['user chid <id>', 'when the old key may have been seen']],
  async run({ userid: userId, prvkey }, context) {
    const { client, colonyName } = await context.connect('member', { prvkey });
    await client.changeUserId({ colonyName, userId });
    return doneReport(`User id changed: ${userId}`, { colonyName, userId });
  },
});
