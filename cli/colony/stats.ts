import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { factsReport } from '../framework/report.ts';

/** `colonies colony stats` */
export const colonyStats = defineCommand({
  describe: 'Count the executors, processes and workflows of the colony',
  options: memberKey,
  examples: [['colony stats --json', 'the counts as a JSON document, for a program that watches the colony']],
  async run(args, context) {
    const { Statistics } = await import('../../colony/messages/colonies.ts');
    const { workRows } = await import('../views/statistics.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', args);
    const statistics = await client.getColonyStatistics({ colonyName });
    return factsReport(toWire(Statistics, statistics), [
      ['Colony', colonyName],
      ['Executors', String(statistics.executors)],
      ['Active executors', String(statistics.activeExecutors)],
      ['Unregistered executors', String(statistics.unregisteredExecutors)],
      ...workRows(statistics),
    ]);
  },
});
