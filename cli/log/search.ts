import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { type Report, tableReport } from '../framework/report.ts';
import { formatTime } from '../framework/text.ts';
import { logReport } from '../views/log-lines.ts';
import type { LogPassage } from '../views/log-windows.ts';

/** `colonies log search` */
export const logSearch = defineCommand({
  describe: 'Find lines of all logs of the colony that contain a text; case matters',
  positional: { text: { type: 'string', alias: 't', describe: 'what to look for', required: true } },
  options: {
    days: { type: 'number', alias: 'd', describe: 'only lines of so many days', default: 1, minimum: 1, maximum: 30 },
    count: { type: 'number', describe: 'at most so many lines', default: 10, minimum: 1, maximum: 100 },
    print: { type: 'boolean', describe: 'print the log around each line' },
    seconds: {
      type: 'number',
      describe: 'with --print, so many seconds before and after',
      default: 1,
      minimum: 0,
      fraction: true,
    },
    ...memberKey,
  },
  examples: [
    ['log search "out of memory" --days 7', 'which processes ran out of memory this week'],
    ['log search Traceback --print --seconds 10', 'and what they wrote around it'],
  ],
  async run({ text, days, count, print, seconds, prvkey }, context) {
    const { client, colonyName } = await context.connect('member', { prvkey });
    const found = await client.searchLogs({ colonyName, text, days, count });
    if (print) {
      const { passagesAround } = await import('../views/log-windows.ts');
      return passagesReport(await passagesAround(client, colonyName, found, seconds));
    }
    return tableReport(
      logReport(found).json,
      [
        { title: 'TIMESTAMP (UTC)' },
        { title: 'EXECUTOR NAME', shrinks: true },
        { title: 'PROCESSID' },
        { title: 'TEXT', shrinks: true },
      ],
      found.map(({ timestampNs, executorName, processId, message }) => [
        formatTime(new Date(timestampNs / 1e6)),
        executorName,
        processId,
        message,
      ]),
      'No log lines found',
    );
  },
});

function passagesReport(passages: readonly LogPassage[]): Report {
  const { json } = logReport(passages.flatMap(({ entries }) => entries));
  return {
    json,
    show(out, talk) {
      if (passages.length === 0) talk.line('No log lines found');
      for (const { processId, executorName, entries } of passages) {
        talk.line(processId === '' ? `Executor ${executorName}:` : `Process ${processId} at ${executorName}:`);
        logReport(entries).show(out, talk);
      }
    },
  };
}
