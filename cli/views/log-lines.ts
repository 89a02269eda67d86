import { LogEntry } from '../../colony/messages/logs.ts';
import type { Report } from '../framework/report.ts';
import { indentRest } from '../framework/text.ts';
import { listToWire } from './wire.ts';

/** Reports lines of a log, each with its time; people are told when there are none. */
export function logReport(entries: readonly LogEntry[]): Report {
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
