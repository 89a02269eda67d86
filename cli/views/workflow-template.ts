import * as z from 'zod';
import { WorkflowSpec } from '../../colony/messages/workflows.ts';
import type { Terminal } from '../framework/terminal.ts';
import { formatCell, formatKwargs } from './process.ts';

/** Prints the nodes of the workflow that a cron or generator submits. Text that is no workflow is printed as it is. */
export function showWorkflowTemplate(text: string, out: Terminal): void {
  const spec = readTemplate(text);
  out.line('');
  if (spec === undefined) {
    out.line(text);
    return;
  }
  out.table(
    [
      { title: 'NODE' },
      { title: 'FUNCNAME' },
      { title: 'ARGS', shrinks: true },
      { title: 'KWARGS', shrinks: true },
      { title: 'EXECUTOR TYPE' },
      { title: 'DEPENDENCIES', shrinks: true },
    ],
    spec.functionSpecs.map(({ nodeName, functionName, args, kwargs, conditions }) => [
      nodeName,
      functionName,
      args.map(formatCell).join(' '),
      formatKwargs(kwargs, formatCell),
      conditions.executorType,
      conditions.dependencies.join(' '),
    ]),
  );
}

function readTemplate(text: string): WorkflowSpec | undefined {
  try {
    return z.safeDecode(WorkflowSpec, JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
