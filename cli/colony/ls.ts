import { defineCommand } from '../command.ts';
import { serverKey } from '../framework/global-options.ts';
import { tableReport } from '../framework/report.ts';

/** `colonies colony ls` */
export const colonyLs = defineCommand({
  describe: 'List all colonies; needs the key of the server',
  options: serverKey,
  examples: [['colony ls', 'their names, and the ids of their owners']],
  async run(args, context) {
    const { Colony } = await import('../../colony/messages/colonies.ts');
    const { listToWire } = await import('../views/wire.ts');
    const { client } = await context.connect('server', args);
    const colonies = await client.getColonies({});
    return tableReport(
      listToWire(Colony, colonies),
      [{ title: 'NAME', shrinks: true }, { title: 'COLONYID' }],
      colonies.map(({ colonyId, name }) => [name, colonyId]),
      'No colonies found',
    );
  },
});
