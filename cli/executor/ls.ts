import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { tableReport } from '../framework/report.ts';
import { formatTime } from '../framework/text.ts';

/** `colonies executor ls` */
export const executorLs = defineCommand({
  describe: 'List the executors of the colony',
  options: {
    all: { type: 'boolean', describe: 'show unregistered executors, too' },
    type: { type: 'string', describe: 'only executors of this type' },
    ...memberKey,
  },
  async run(args, context) {
    const { Executor } = await import('../../colony/messages/executors.ts');
    const { listToWire } = await import('../views/wire.ts');
    const { EXECUTOR_STATE_TITLES } = await import('../views/states.ts');
    const { client, colonyName } = await context.connect('member', args);
    const executors = (await client.getExecutors({ colonyName }))
      .filter(({ state }) => args.all || state !== 'unregistered')
      .filter(({ executorType }) => args.type === undefined || executorType === args.type);
    return tableReport(
      listToWire(Executor, executors),
      [
        { title: 'NAME' },
        { title: 'TYPE', shrinks: true },
        { title: 'LOCATION', shrinks: true },
        { title: 'STATE' },
        { title: 'LAST HEARD FROM (UTC)' },
      ],
      executors.map((executor) => [
        executor.executorName,
        executor.executorType,
        executor.locationName ?? 'n/a',
        executor.state === undefined ? '-' : EXECUTOR_STATE_TITLES[executor.state],
        formatTime(executor.lastHeardFromTime),
      ]),
      'No executors found',
    );
  },
});
