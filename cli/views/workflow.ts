import { mapInBatches } from '../../colony/batches.ts';
import type { ColoniesClient } from '../../colony/client.ts';
import type { Process } from '../../colony/messages/processes.ts';
import type { Workflow } from '../../colony/messages/workflows.ts';
import type { Terminal } from '../framework/terminal.ts';
import { formatMoment } from '../framework/text.ts';
import { STATE_TITLES } from './states.ts';

/** The processes of a workflow. Their positions differ between replies, so nodes are told apart by name. */
export function getNodes(
  client: ColoniesClient,
  processIds: readonly string[],
  signal: AbortSignal,
): Promise<Process[]> {
  return mapInBatches(processIds, (processId) => client.getProcess({ processId }, { signal }));
}

/** Prints a workflow and its nodes. */
export function showWorkflow(workflow: Workflow, nodes: readonly Process[], out: Terminal): void {
  out.facts([
    ['WorkflowId', workflow.workflowId],
    ['State', STATE_TITLES[workflow.state]],
    ['Initiator', workflow.initiatorName || workflow.initiatorId],
    ['SubmissionTime', formatMoment(workflow.submissionTime)],
    ['StartTime', formatMoment(workflow.startTime)],
    ['EndTime', formatMoment(workflow.endTime)],
  ]);
  out.line('');
  out.table(
    [
      { title: 'NODE' },
      { title: 'STATE' },
      { title: 'PROCESSID' },
      { title: 'FUNCNAME', shrinks: true },
      { title: 'EXECUTOR TYPE', shrinks: true },
      { title: 'ERRORS', shrinks: true },
    ],
    nodes.map(({ processId, state, spec, errors }) => [
      spec.nodeName,
      STATE_TITLES[state],
      processId,
      spec.functionName,
      spec.conditions.executorType,
      errors.join('; '),
    ]),
  );
}
