import type { FunctionSpec, Process } from '../../colony/messages/processes.ts';
import type { Terminal } from '../framework/terminal.ts';
import { formatDuration, formatMoment, formatValue, shorten, shortenWithLength } from '../framework/text.ts';
import { STATE_TITLES } from './states.ts';

/** Prints everything about a process. */
export function showProcess(process: Process, out: Terminal): void {
  out.facts([...processFacts(process), ...specFacts(process.spec)]);
  if (process.attributes.length === 0) return;
  out.line('');
  out.table(
    [{ title: 'ATTRIBUTE' }, { title: 'VALUE', shrinks: true }],
    process.attributes.map(({ key, value }) => [key, value]),
  );
}

/** The named arguments on one line, as the official command line writes them; `format` writes each value. */
export function formatKwargs(kwargs: FunctionSpec['kwargs'], format: (value: unknown) => string): string {
  return Object.entries(kwargs)
    .map(([name, value]) => `${name}:${format(value)}`)
    .join(' ');
}

const CELL_WIDTH = 32;

/** A value in a list, where nobody needs a key of hundreds of characters; --json prints it whole. */
export function formatCell(value: unknown): string {
  return shorten(formatValue(value), CELL_WIDTH);
}

/** Keys and ciphertexts are long; "process get --out" and --json print them whole. */
const VALUE_WIDTH = 64;

function formatLong(value: unknown): string {
  return shortenWithLength(formatValue(value), VALUE_WIDTH);
}

function formatValues(values: readonly unknown[]): string {
  return values.map(formatLong).join(' ');
}

function processFacts(process: Process): [string, string][] {
  return [
    ['Id', process.processId],
    ['State', STATE_TITLES[process.state]],
    ['WorkflowId', process.workflowId || '-'],
    ['NodeName', process.spec.nodeName || '-'],
    ['Initiator', process.initiatorName || process.initiatorId],
    ['AssignedExecutorId', process.assignedExecutorId || '-'],
    ['SubmissionTime', formatMoment(process.submissionTime)],
    ['StartTime', formatMoment(process.startTime)],
    ['EndTime', formatMoment(process.endTime)],
    ['WaitDeadline', formatMoment(process.waitDeadline)],
    ['ExecDeadline', formatMoment(process.execDeadline)],
    ['WaitingTime', durationBetween(process.submissionTime, process.startTime)],
    ['ProcessingTime', durationBetween(process.startTime, process.endTime)],
    ['Retries', String(process.retries)],
    ['WaitingForParents', process.waitForParents ? 'yes' : 'no'],
    ['Input', formatValues(process.input)],
    ['Output', formatValues(process.output)],
    ['Errors', process.errors.join('; ')],
  ];
}

function specFacts(spec: FunctionSpec): [string, string][] {
  const { conditions } = spec;
  return [
    ['Function', spec.functionName],
    ['Args', formatValues(spec.args)],
    ['KwArgs', formatKwargs(spec.kwargs, formatLong)],
    ['MaxWaitTime', formatLimit(spec.maxWaitTimeSeconds)],
    ['MaxExecTime', formatLimit(spec.maxExecTimeSeconds)],
    ['MaxRetries', spec.maxRetries < 0 ? 'unlimited' : String(spec.maxRetries)],
    ['Priority', String(spec.priority)],
    ['Label', spec.label],
    ['Colony', conditions.colonyName],
    ['ExecutorType', conditions.executorType],
    ['ExecutorNames', conditions.executorNames.join(' ') || '-'],
    ['Dependencies', conditions.dependencies.join(' ') || '-'],
  ];
}

function formatLimit(seconds: number): string {
  return seconds <= 0 ? 'unlimited' : `${seconds} s`;
}

function durationBetween(start: Date | undefined, end: Date | undefined): string {
  return start === undefined || end === undefined ? '-' : formatDuration(end.getTime() - start.getTime());
}
