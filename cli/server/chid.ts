import { defineCommand } from '../command.ts';
import { serverKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies server chid` */
export const serverChid = defineCommand({
  describe: 'Hand the server over to another key; needs the key of the server',
  details: 'From then on only the private key of the new id founds and removes colonies: keep it before you change.',
  positional: {
    serverid: { type: 'string', describe: 'the new id, from "colonies security generate"', required: true },
  },
  options: serverKey,
  examples: [['server chid <id>', 'when the old key may have been seen']],
  async run({ serverid: serverId, serverprvkey }, context) {
    const { client } = await context.connect('server', { serverprvkey });
    await client.changeServerId({ serverId });
    return doneReport(`Server id changed: ${serverId}`, { serverId });
  },
});
