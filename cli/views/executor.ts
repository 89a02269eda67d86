import type { Executor, RegisteredFunction } from '../../colony/messages/executors.ts';
import type { Terminal } from '../framework/terminal.ts';
import { formatDuration, formatMoment, formatValue } from '../framework/text.ts';
import { EXECUTOR_STATE_TITLES } from './states.ts';

/** Prints everything about an executor and the functions it has registered. */
export function showExecutor(executor: Executor, functions: readonly RegisteredFunction[], out: Terminal): void {
  out.facts(executorFacts(executor));
  if (functions.length === 0) return;
  out.line('');
  out.table(
    [
      { title: 'FUNCNAME' },
      { title: 'FUNCTIONID' },
      { title: 'CALLS' },
      { title: 'MEAN WAIT TIME' },
      { title: 'MEAN EXEC TIME' },
    ],
    functions.map(describeFunction),
  );
}

function executorFacts(executor: Executor): [string, string][] {
  return [
    ['Name', executor.executorName],
    ['Id', executor.executorId],
    ['Type', executor.executorType],
    ['Colony', executor.colonyName],
    ['State', executor.state === undefined ? '-' : EXECUTOR_STATE_TITLES[executor.state]],
    ['RequireFuncRegistration', executor.requireFunctionRegistration ? 'yes' : 'no'],
    ['CommissionTime', formatMoment(executor.commissionTime)],
    ['LastHeardFrom', formatMoment(executor.lastHeardFromTime)],
    ['Location', executor.locationName ?? 'n/a'],
    ...describeCapabilities('Hardware', executor.capabilities?.['hardware']),
    ...describeCapabilities('Software', executor.capabilities?.['software']),
  ];
}

/** One row per item: a list, or in the words of older executors a single one. */
function describeCapabilities(title: string, reported: unknown): [string, string][] {
  const items: readonly unknown[] = Array.isArray(reported) ? reported : [reported];
  return items.filter((item) => typeof item === 'object' && item !== null).map((item) => [title, describeItem(item)]);
}

/** What is said of an item: executors send all fields, most of them empty. */
function describeItem(item: object, prefix = ''): string {
  return Object.entries(item)
    .map(([key, value]: [string, unknown]) => {
      if (typeof value === 'object' && value !== null) return describeItem(value, `${prefix}${key}.`);
      return value === '' || value === 0 || value === null ? '' : `${prefix}${key}:${formatValue(value)}`;
    })
    .filter((words) => words !== '')
    .join(' ');
}

function describeFunction(registered: RegisteredFunction): string[] {
  const { functionName, functionId, counter, averageWaitTimeSeconds, averageExecTimeSeconds } = registered;
  const mean = (seconds: number): string => (counter === 0 ? '-' : formatDuration(seconds * 1000));
  return [functionName, functionId, String(counter), mean(averageWaitTimeSeconds), mean(averageExecTimeSeconds)];
}
