import { defineCommand } from '../command.ts';
import { serverKey } from '../framework/global-options.ts';
import { factsReport } from '../framework/report.ts';

/** `colonies server stats` */
export const serverStats = defineCommand({
  describe: 'Count what all colonies of the server have; needs the key of the server',
  options: serverKey,
  examples: [['server stats', 'how many colonies, executors, processes and workflows there are']],
  async run(args, context) {
    const { Statistics } = await import('../../colony/messages/colonies.ts');
    const { workRows } = await import('../views/statistics.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client } = await context.connect('server', args);
    const statistics = await client.getStatistics({});
    return factsReport(toWire(Statistics, statistics), [
      ['Colonies', String(statistics.colonies)],
      ['Executors', String(statistics.executors)],
      ['Active executors', String(statistics.activeExecutors)],
      ['Unregistered executors', String(statistics.unregisteredExecutors)],
      ...workRows(statistics),
    ]);
  },
});
