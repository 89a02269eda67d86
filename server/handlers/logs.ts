import { setImmediate as letOthersWork } from 'node:timers/promises';
import { addExecutorLog, addLog, getLogs, type LogEntry, searchLogs } from '../../colony/messages/logs.ts';
import { STATE } from '../graph.ts';
import { type Call, faultTexts, type Handler, polls, reads, writes } from '../handler.ts';
import {
  MAX_EXECUTOR_LOG_LINES_PER_HOUR,
  MAX_LOG_CHARACTERS,
  MAX_LOGS_PER_LIST,
  MAX_LOGS_PER_SEARCH,
  MAX_PROCESS_LOG_LINES,
  MAX_SEARCH_DAYS,
} from '../limits.ts';
import { requireAttempt } from '../process-lifecycle.ts';
import { Refusal, required } from '../refusal.ts';
import { member, memberOfProcess } from '../roles.ts';
import { hasLines, hasOwnLines, insertLog, listLogs, type LogSource, searchLogs as search } from '../store/logs.ts';
import { findExecutor } from '../store/members.ts';
import { findProcessRow } from '../store/processes.ts';

const HOUR_MS = 3_600_000;
/** When somebody who wrote too much may try again. */
const SOME_TIME_SECONDS = 60;

/** What executors write while they run processes, and about themselves. */
export const logHandlers: readonly Handler[] = [
  writes({
    message: addLog,
    texts: faultTexts('Failed to add log'),
    role: memberOfProcess([500, 'Failed to add log, process is nil']),
    handle({ attempt, message }, { process, member: caller }, { database, nowMs }) {
      requireLogSize(message);
      if (process.state !== STATE.running) throw new Refusal(403, 'Failed to set output, process is not running');
      if (process.assigned_executor_id !== caller.id) {
        throw new Refusal(403, 'Failed to add log, not allowed to add log, only the assigned Executor may att logs');
      }
      requireAttempt(process, attempt, 'Failed to add log');
      const { process_id: processId, colony_name: colonyName } = process;
      if (hasLines(database, processId, MAX_PROCESS_LOG_LINES)) {
        throw new Refusal(413, `Failed to add log, expected at most ${MAX_PROCESS_LOG_LINES} lines per process`);
      }
      insertLog(database, nowMs, { processId, colonyName, executorName: caller.name, message });
    },
  }),
  writes({
    message: addExecutorLog,
    texts: faultTexts('Failed to add executor log'),
    role: member,
    handle({ executorName, message }, caller, { database, nowMs }) {
      requireLogSize(message);
      if (caller.executor === undefined) throw new Refusal(403, 'Failed to add executor log, executor not found');
      if (caller.name !== executorName) throw new Refusal(403, 'Failed to add executor log, executor name mismatch');
      const { colonyName } = caller;
      if (hasOwnLines(database, { colonyName, executorName }, nowMs - HOUR_MS, MAX_EXECUTOR_LOG_LINES_PER_HOUR)) {
        const words = `expected at most ${MAX_EXECUTOR_LOG_LINES_PER_HOUR} lines of one executor within an hour`;
        throw new Refusal(429, `Failed to add executor log, ${words}`, SOME_TIME_SECONDS);
      }
      insertLog(database, nowMs, { processId: '', colonyName, executorName, message });
    },
  }),
  reads({
    message: getLogs,
    texts: faultTexts('Failed to get logs'),
    role: member,
    handle(request, _member, call) {
      if (request.count > MAX_LOGS_PER_LIST) {
        throw new Refusal(403, `Count exceeds max log count (${MAX_LOGS_PER_LIST})`);
      }
      const range = { ...request, count: Math.max(0, request.count) };
      return listLogs(call.database, request.colonyName, sourceOf(call, request), range);
    },
  }),
  polls({
    message: searchLogs,
    isTaking: false,
    texts: faultTexts('Failed to search logs', 'Failed to get logs'),
    role: member,
    async handle(request, _member, { database, nowMs }, disconnected) {
      if (request.count > MAX_LOGS_PER_SEARCH) {
        throw new Refusal(400, `Count exceeds max log count (${MAX_LOGS_PER_SEARCH})`);
      }
      if (request.days > MAX_SEARCH_DAYS) throw new Refusal(400, `Count exceeds max day count (${MAX_SEARCH_DAYS})`);
      const step = search(database, nowMs, { ...request, count: Math.max(0, request.count) });
      const found: LogEntry[] = [];
      for (let lines = step(); lines !== undefined && !disconnected.aborted; lines = step()) {
        found.push(...lines);
        await letOthersWork();
      }
      return found;
    },
  }),
];

function requireLogSize(message: string): void {
  if (message.length > MAX_LOG_CHARACTERS) {
    throw new Refusal(
      413,
      `Failed to add log, expected at most ${MAX_LOG_CHARACTERS} characters, got ${message.length}`,
    );
  }
}

interface LogRequest {
  readonly colonyName: string;
  readonly executorName: string;
  readonly processId: string;
}

function sourceOf({ database }: Call, { colonyName, executorName, processId }: LogRequest): LogSource {
  if (executorName !== '') {
    required(findExecutor(database, colonyName, executorName), 500, 'Failed to get logs, executor does not exist');
    return { executorName };
  }
  const process = findProcessRow(database, processId);
  if (process?.colony_name !== colonyName) throw new Refusal(500, 'Failed to get logs, process does not exist');
  return { processId };
}
