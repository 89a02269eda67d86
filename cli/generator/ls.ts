import { defineCommand } from '../command.ts';
import { countOption, memberKey } from '../framework/global-options.ts';
import { tableReport } from '../framework/report.ts';
import { formatTime } from '../framework/text.ts';

/** `colonies generator ls` */
export const generatorLs = defineCommand({
  describe: 'List the generators of the colony',
  options: { ...countOption, ...memberKey },
  examples: [['generator ls', 'what waits for texts, and when each ran last']],
  async run(args, context) {
    const { Generator } = await import('../../colony/messages/generators.ts');
    const { listToWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', args);
    const generators = await client.getGenerators({ colonyName, count: args.count });
    return tableReport(
      listToWire(Generator, generators),
      [
        { title: 'GENERATORID' },
        { title: 'NAME', shrinks: true },
        { title: 'TRIGGER' },
        { title: 'LAST RUN (UTC)' },
        { title: 'INITIATOR', shrinks: true },
      ],
      generators.map(({ generatorId, name, trigger, lastRun, initiatorName }) => [
        generatorId,
        name,
        String(trigger),
        formatTime(lastRun),
        initiatorName,
      ]),
      'No generators found',
    );
  },
});
