import {
  addChild,
  cancelWorkflow,
  getWorkflow,
  getWorkflows,
  removeAllWorkflows,
  removeWorkflow,
  submitWorkflowSpec,
} from '../../colony/messages/workflows.ts';
import { addChildProcess } from '../add-child.ts';
import { STATE } from '../graph.ts';
import { type Call, faultTexts, type Handler, reads, writes, writesInSteps } from '../handler.ts';
import { requireSay } from '../ownership.ts';
import { Refusal, required } from '../refusal.ts';
import { removeWorkflows } from '../removal.ts';
import { colonyOwner, member, requireMember, requireProcess, type RoleContext } from '../roles.ts';
import { requireModestSpec, requireModestWorkflow } from '../submission.ts';
import { findProcessRow, processJson } from '../store/processes.ts';
import { findWorkflow, listWorkflows, toWorkflow, type WorkflowRow } from '../store/workflows.ts';
import { cancelWorkflow as cancel, submitWorkflow } from '../workflow-lifecycle.ts';
import { requireCount } from './processes.ts';

/** Workflows. */
export const workflowHandlers: readonly Handler[] = [
  writes({
    message: submitWorkflowSpec,
    texts: faultTexts('Failed to submit workkflow', 'Failed to submit workflow', {
      spec: 'Failed to submit workflow, msg.WorkflowSpec is nil',
    }),
    screen: requireModestWorkflow,
    role: ({ spec }, call) => requireMember(call, spec.colonyName),
    handle({ spec }, initiator, call) {
      const row = findWorkflow(call.database, submitWorkflow(call, spec, initiator));
      return toWorkflow(call.database, required(row, 500, 'Failed to submit workflow'));
    },
  }),
  reads({
    message: getWorkflow,
    texts: faultTexts('Failed to get processgraph'),
    role: memberOfWorkflow('Failed to get processgraph, graph is nil'),
    handle: (_request, workflow, { database }) => toWorkflow(database, workflow),
  }),
  reads({
    message: getWorkflows,
    texts: faultTexts('Failed to get processgraphs'),
    role: member,
    handle({ colonyName, count, state }, _member, { database }) {
      requireCount(count);
      if (state < STATE.waiting || state > STATE.cancelled) throw new Refusal(400, 'invalid msg.State');
      return listWorkflows(database, colonyName, state, count);
    },
  }),
  writes({
    message: removeWorkflow,
    texts: faultTexts('Failed to remove processgraph'),
    role: ownWorkflow('Failed to remove processgraph, graph is nil'),
    handle(_request, workflow, { database }) {
      if (workflow.state === STATE.running) {
        throw new Refusal(400, 'Failed to remove processgraph, cannot remove a running processgraph');
      }
      database.run('DELETE FROM workflows WHERE workflow_id = ?', workflow.workflow_id);
    },
  }),
  writesInSteps({
    message: removeAllWorkflows,
    texts: faultTexts('Failed to remove all processgraphs'),
    role: colonyOwner,
    handle({ colonyName, state }) {
      if (state === STATE.running) throw new Refusal(400, 'not possible to remove running processgraphs');
      if (state < -1 || state > STATE.cancelled) {
        throw new Refusal(400, 'invalid state when deleting all processgraphs');
      }
      return removeWorkflows(colonyName, state);
    },
  }),
  writes({
    message: cancelWorkflow,
    texts: faultTexts('Failed to cancel processgraph'),
    role: ownWorkflow('Failed to cancel processgraph, graph is nil'),
    handle: (_request, workflow, call) => cancel(call, workflow),
  }),
  writes({
    message: addChild,
    texts: faultTexts('Failed to add child to processgraph', undefined, {
      spec: 'Failed to add child to processgraph, msg.FunctionSpec is nil',
    }),
    screen: requireModestSpec,
    role: ({ parentProcessId }, call) =>
      requireProcess(call, parentProcessId, [400, `Process with Id ${parentProcessId} does not exist`]),
    handle(request, { process: parent, member: caller }, call) {
      const row = findProcessRow(call.database, addChildProcess(call, request, parent, caller.id));
      return processJson(call.database, required(row, 500, 'Failed to submit process spec, addedProcess is nil'));
    },
  }),
];

function memberOfWorkflow(
  notFound: string,
): (request: { readonly workflowId: string }, context: RoleContext) => WorkflowRow {
  return ({ workflowId }, context) => {
    const workflow = required(findWorkflow(context.database, workflowId), 500, notFound);
    requireMember(context, workflow.colony_name);
    return workflow;
  };
}

/** Role of a message that ends a workflow for all: whoever has a say in it. */
function ownWorkflow(notFound: string): (request: { readonly workflowId: string }, call: Call) => WorkflowRow {
  return ({ workflowId }, call) => {
    const workflow = required(findWorkflow(call.database, workflowId), 500, notFound);
    requireSay(call, { colonyName: workflow.colony_name, ownerIds: [workflow.initiator_id], what: 'workflow' });
    return workflow;
  };
}
