import type { Executor, RegisteredFunction } from '../../colony/messages/executors.ts';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { type Report, tableReport } from '../framework/report.ts';
import { formatTime } from '../framework/text.ts';
import { showExecutor } from '../views/executor.ts';
import { EXECUTOR_STATE_TITLES } from '../views/states.ts';

/** `colonies executor ls` */
export const executorLs = defineCommand({
  describe: 'List the executors of the colony',
  options: {
    all: { type: 'boolean', describe: 'show unregistered executors, too' },
    filter: { type: 'string', alias: 'f', describe: 'only executors with this text in their name, type or location' },
    full: { type: 'boolean', describe: 'print everything about each executor' },
    location: { type: 'string', describe: 'only executors at this location' },
    type: { type: 'string', describe: 'only executors of this type' },
    ...memberKey,
  },
  examples: [
    ['executor ls --type hospital', 'the hospitals that take part, and when they were last heard from'],
    ['executor ls --full -f cleveland', 'everything about those called "cleveland"'],
  ],
  async run(args, context) {
    const { Executor: codec } = await import('../../colony/messages/executors.ts');
    const { listToWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', args);
    const executors = (await client.getExecutors({ colonyName })).filter((executor) => isWanted(executor, args));
    const json = listToWire(codec, executors);
    if (!args.full || context.flags.json) return briefReport(json, executors);
    const functions = await client.getFunctions({ colonyName, executorName: '' });
    return fullReport(json, executors, functions);
  },
});

interface Wanted {
  readonly all: boolean;
  readonly filter: string | undefined;
  readonly location: string | undefined;
  readonly type: string | undefined;
}

function isWanted(executor: Executor, { all, filter, location, type }: Wanted): boolean {
  const { executorName, executorType, locationName = '', state } = executor;
  if (!all && state === 'unregistered') return false;
  if (type !== undefined && executorType !== type) return false;
  if (location !== undefined && locationName !== location) return false;
  const words = [executorName, executorType, locationName].map((word) => word.toLowerCase());
  return filter === undefined || words.some((word) => word.includes(filter.toLowerCase()));
}

function briefReport(json: unknown, executors: readonly Executor[]): Report {
  return tableReport(
    json,
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
}

function fullReport(json: unknown, executors: readonly Executor[], functions: readonly RegisteredFunction[]): Report {
  return {
    json,
    show(out, talk) {
      if (executors.length === 0) talk.line('No executors found');
      for (const [index, executor] of executors.entries()) {
        if (index > 0) out.line('');
        const { executorName } = executor;
        showExecutor(
          executor,
          functions.filter((registered) => registered.executorName === executorName),
          out,
        );
      }
    },
  };
}
