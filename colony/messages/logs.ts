import type * as z from 'zod';
import { defineMessage, Nothing } from './message.ts';
import { attempt } from './processes.ts';
import { boolean, field, integer, list, number, text, wireObject } from './wire.ts';

const logEntryCodec = wireObject({
  processId: field('processid', text),
  colonyName: field('colonyname', text),
  executorName: field('executorname', text),
  message: field('message', text),
  /** Nanoseconds since 1970, UTC; exceeds 2^53, so the last digits are rounded. */
  timestampNs: field('timestamp', number),
});
/** One line that an executor wrote while it ran a process, or about itself. */
export interface LogEntry extends z.output<typeof logEntryCodec> {}
/** @see {@link LogEntry} */
export const LogEntry: z.ZodType<LogEntry> = logEntryCodec;

const colonyName = field('colonyname', text);

/** Adds a line to a running process. Role: the executor it is assigned to. */
export const addLog = defineMessage(
  'addlogmsg',
  { processId: field('processid', text), attempt, message: field('message', text) },
  Nothing,
);
/** Adds a line about the calling executor. Role: the executor itself. */
export const addExecutorLog = defineMessage(
  'addexecutorlogmsg',
  { colonyName, executorName: field('executorname', text), message: field('message', text) },
  Nothing,
);
/**
 * Lines of a process, or of an executor when its name is given, oldest first, at most 500: the newest `count` with
 * `latest`, else those after `sinceNs`. Role: member.
 */
export const getLogs = defineMessage(
  'getlogsmsg',
  {
    colonyName,
    processId: field('processid', text),
    executorName: field('executorname', text),
    count: field('count', integer),
    sinceNs: field('since', number),
    latest: field('latest', boolean),
  },
  list(LogEntry),
);
/** Lines that contain a text. Role: member. */
export const searchLogs = defineMessage(
  'searchlogsmsg',
  { colonyName, text: field('text', text), days: field('days', integer), count: field('count', integer) },
  list(LogEntry),
);
