import type { LogEntry } from '../../colony/messages/logs.ts';
import { defineCommand, UsageError } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';
import { logReport } from '../views/log-lines.ts';

/** `colonies log get` */
export const logGet = defineCommand({
  describe: 'Print the log of a process or of an executor, oldest line first',
  details: 'With --follow and --json, the document is printed when the process has finished.',
  positional: { processid: { type: 'string', alias: 'p', describe: 'id of the process' } },
  options: {
    executorname: { type: 'string', alias: 'e', describe: 'name of the executor' },
    count: { type: 'number', describe: 'at most so many lines', default: 100, minimum: 1, maximum: 500 },
    latest: { type: 'boolean', alias: 'l', describe: 'the newest lines (the default without --first and --since)' },
    first: { type: 'boolean', alias: 'f', describe: 'the oldest lines' },
    since: {
      type: 'number',
      describe: 'only lines after this time, nanoseconds since 1970',
      minimum: 0,
      fraction: true,
    },
    follow: { type: 'boolean', describe: 'go on with new lines until the process has finished' },
    ...memberKey,
  },
  examples: [['log get <processid> --follow', 'watch a process']],
  async run(args, context) {
    const { processid: processId = '', executorname: executorName = '' } = args;
    if ((processId === '') === (executorName === '')) {
      throw new UsageError('expected either --processid or --executorname', ['log', 'get']);
    }
    if (args.first && args.latest) throw new UsageError('expected --first or --latest, got both', ['log', 'get']);
    const source = { processId, executorName };
    const explain = unknownToServer(processId === '' ? `executor "${executorName}"` : `process ${processId}`);
    const bridgeMs = args.follow ? PATIENT_BRIDGE_MS : 0;
    const { client, colonyName } = await context.connect('member', args, { bridgeMs });
    if (!args.follow) {
      const range = { count: args.count, ...rangeOf(args) };
      return logReport(await client.getLogs({ colonyName, ...source, ...range }).catch(explain));
    }
    const { followLogs } = await import('../views/logs.ts');
    const entries: LogEntry[] = [];
    const onLine = (entry: LogEntry): void => {
      if (context.flags.json) entries.push(entry);
      else context.print(logReport([entry]));
    };
    await followLogs(client, colonyName, source, context.io.signal, onLine, args.since).catch(explain);
    return context.flags.json ? logReport(entries) : undefined;
  },
});

interface RangeArguments {
  readonly latest: boolean;
  readonly first: boolean;
  readonly since: number | undefined;
}

/** Servers take 0 for "the newest ones": the oldest are those since the first nanosecond. */
function rangeOf({ latest, first, since = 0 }: RangeArguments): { readonly sinceNs: number; readonly latest: boolean } {
  const isLatest = latest || (!first && since === 0);
  return { sinceNs: isLatest ? 0 : Math.max(1, since), latest: isLatest };
}
