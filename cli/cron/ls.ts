import { defineCommand } from '../command.ts';
import { countOption, memberKey } from '../framework/global-options.ts';
import { tableReport } from '../framework/report.ts';
import { formatTime } from '../framework/text.ts';

/** `colonies cron ls` */
export const cronLs = defineCommand({
  describe: 'List the crons of the colony',
  options: { ...countOption, ...memberKey },
  examples: [['cron ls', 'what runs by itself, and when it runs next']],
  async run(args, context) {
    const { Cron } = await import('../../colony/messages/crons.ts');
    const { describeSchedule } = await import('../views/crons.ts');
    const { listToWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', args);
    const crons = await client.getCrons({ colonyName, count: args.count });
    return tableReport(
      listToWire(Cron, crons),
      [
        { title: 'CRONID' },
        { title: 'NAME', shrinks: true },
        { title: 'SCHEDULE', shrinks: true },
        { title: 'NEXT RUN (UTC)' },
        { title: 'INITIATOR', shrinks: true },
      ],
      crons.map((cron) => [
        cron.cronId,
        cron.name,
        describeSchedule(cron),
        formatTime(cron.nextRun),
        cron.initiatorName,
      ]),
      'No crons found',
    );
  },
});
