import type { RegisteredFunction } from '../../colony/messages/executors.ts';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { tableReport } from '../framework/report.ts';
import { formatDuration } from '../framework/text.ts';

/** `colonies function ls` */
export const functionLs = defineCommand({
  describe: 'List the functions that executors have registered',
  options: {
    executor: { type: 'string', describe: 'only functions of the executor with this name' },
    ids: { type: 'boolean', alias: 'i', describe: 'show the ids of the registrations, too' },
    ...memberKey,
  },
  examples: [['function ls', 'what can be submitted, and how long it takes']],
  async run(args, context) {
    const { RegisteredFunction: codec } = await import('../../colony/messages/executors.ts');
    const { listToWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', args);
    const functions = await client.getFunctions({ colonyName, executorName: args.executor ?? '' });
    return tableReport(
      listToWire(codec, functions),
      [
        ...(args.ids ? [{ title: 'FUNCTIONID' }] : []),
        { title: 'FUNCNAME' },
        { title: 'EXECUTOR NAME', shrinks: true },
        { title: 'CALLS' },
        { title: 'MEAN EXEC TIME' },
        { title: 'DESCRIPTION', shrinks: true },
      ],
      functions.map((registered) => [...(args.ids ? [registered.functionId] : []), ...describeFunction(registered)]),
      'No functions found',
    );
  },
});

function describeFunction(registered: RegisteredFunction): string[] {
  const { functionName, executorName, counter, averageExecTimeSeconds, description } = registered;
  const time = counter === 0 ? '-' : formatDuration(averageExecTimeSeconds * 1000);
  return [functionName, executorName, String(counter), time, description ?? ''];
}
