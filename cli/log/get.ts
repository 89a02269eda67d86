import { LogEntry } from '../../colony/messages/logs.ts';
import { defineCommand, UsageError } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';
import type { Report } from '../framework/report.ts';
import { indentRest } from '../framework/text.ts';
import { listToWire } from '../views/wire.ts';

/** `colonies log get` */
export const logGet = defineCommand({
  describe: 'Print the log of a process or of an executor, oldest line first',
  details: 'With --follow and --json, the document is printed when the process has finished.',
  options: {
    processid: { type: 'string', alias: 'p', describe: 'id of the process' },
    executorname: { type: 'string', alias: 'e', describe: 'name of the executor' },
    count: { type: 'number', describe: 'at most so many lines', default: 100, minimum: 1, maximum: 500 },
    latest: { type: 'boolean', alias: 'l', describe: 'the newest lines (the default without --since)' },
    since: {
      type: 'number',
      describe: 'only lines after this time, nanoseconds since 1970',
      minimum: 0,
      fraction: true,
    },
    follow: { type: 'boolean', describe: 'go on with new lines until the process has finished' },
    ...memberKey,
  },
  examples: [['log get -p <processid> --follow', 'watch a process']],
  async run(args, context) {
    const { processid: processId = '', executorname: executorName = '' } = args;
    if ((processId === '') === (executorName === '')) {
      throw new UsageError('expected either --processid or --executorname', ['log', 'get']);
    }
    const source = { processId, executorName };
    const explain = unknownToServer(processId === '' ? `executor "${executorName}"` : `process ${processId}`);
    const bridgeMs = args.follow ? PATIENT_BRIDGE_MS : 0;
    const { client, colonyName } = await context.connect('member', args, { bridgeMs });
    if (!args.follow) {
      const sinceNs = args.latest ? 0 : (args.since ?? 0);
      return logReport(
        await client
          .getLogs({ colonyName, ...source, count: args.count, sinceNs, latest: sinceNs === 0 })
          .catch(explain),
      );
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

function logReport(entries: readonly LogEntry[]): Report {
  return {
    json: listToWire(LogEntry, entries),
    show(out, talk) {
      if (entries.length === 0) talk.line('No log lines found');
      for (const { timestampNs, message } of entries) {
        out.line(`${new Date(timestampNs / 1e6).toISOString()}  ${indentRest(message)}`);
      }
    },
  };
}
