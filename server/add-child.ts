import type { RequestOf } from '../colony/messages/message.ts';
import type { addChild } from '../colony/messages/workflows.ts';
import { STATE } from './graph.ts';
import { MAX_NODE_DEPENDENCIES, MAX_WORKFLOW_NODES } from './limits.ts';
import { insertProcess, requireAttempt } from './process-lifecycle.ts';
import { Refusal } from './refusal.ts';
import { findProcessRow, type ProcessRow } from './store/processes.ts';
import { findWorkflow, nodeCountOf } from './store/workflows.ts';
import type { Transaction } from './transaction.ts';
import { countAdded } from './workflow-counts.ts';
import { insertEdge, memberSpec, recountParents } from './workflow-lifecycle.ts';

/**
 * Adds a node below a running one. With `insert` it takes over all present children of the parent; otherwise it stands
 * beside them, and `childProcessId`, if given, gets it as a further parent.
 *
 * @returns the new process's id
 * @throws Refusal 400 unless the caller runs the parent, the parent is in that workflow, and the child still waits in it
 */
export function addChildProcess(
  transaction: Transaction,
  request: RequestOf<typeof addChild>,
  parent: ProcessRow,
  callerId: string,
): string {
  const workflowId = requireParent(parent, request, callerId);
  const childIds = followers(transaction, request, parent);
  const { process_id: processId } = insertProcess(transaction, {
    spec: memberSpec(request.spec, parent.colony_name),
    initiator: { id: '', name: '' },
    workflowId,
    waitsForParents: true,
  });
  countAdded(transaction, workflowId, 1);
  requireRoom(transaction, workflowId, childIds);
  if (request.insert) {
    for (const childId of childIds) removeParent(transaction, childId, parent.process_id);
  }
  insertEdge(transaction, processId, 0, parent.process_id);
  for (const childId of childIds) insertEdge(transaction, childId, nextPosition(transaction, childId), processId);
  for (const changedId of [processId, ...childIds]) recountParents(transaction, changedId);
  return processId;
}

function requireParent(
  parent: ProcessRow,
  { workflowId, attempt }: Pick<RequestOf<typeof addChild>, 'workflowId' | 'attempt'>,
  callerId: string,
): string {
  const where = `Process with Id ${parent.process_id}`;
  if (parent.state !== STATE.running) throw new Refusal(400, `${where} is not running`);
  if (parent.assigned_executor_id !== callerId) {
    throw new Refusal(400, `${where} is not assigned to executor with Id ${callerId}`);
  }
  requireAttempt(parent, attempt, 'Failed to add child');
  if (parent.workflow_id === null || parent.workflow_id !== workflowId) {
    throw new Refusal(400, `${where} does not belong to a processgraph`);
  }
  return parent.workflow_id;
}

/** The processes that get the new one as a parent. */
function followers(
  { database }: Transaction,
  request: RequestOf<typeof addChild>,
  parent: ProcessRow,
): readonly string[] {
  if (request.insert) {
    return database
      .all<{ child_id: string }>('SELECT DISTINCT child_id FROM edges WHERE parent_id = ?', parent.process_id)
      .map((edge) => edge.child_id);
  }
  if (request.childProcessId === '') return [];
  const child = findProcessRow(database, request.childProcessId);
  if (child?.workflow_id !== parent.workflow_id) {
    throw new Refusal(400, `Process with Id ${request.childProcessId} does not belong to the processgraph`);
  }
  // Only a process that waits for its parents can get another one; the running parent itself does not wait, so this
  // also keeps the graph free of cycles through it.
  if (child.state !== STATE.waiting || child.waits_for_parents === 0) {
    throw new Refusal(400, `Process with Id ${request.childProcessId} is not waiting for its parents`);
  }
  return [child.process_id];
}

/** The limits of a submitted workflow hold for one that grows, too. */
function requireRoom({ database }: Transaction, workflowId: string, childIds: readonly string[]): void {
  const workflow = findWorkflow(database, workflowId);
  if (workflow !== undefined && nodeCountOf(workflow) > MAX_WORKFLOW_NODES) {
    throw new Refusal(400, `Failed to add child, expected at most ${MAX_WORKFLOW_NODES} nodes in a workflow`);
  }
  for (const childId of childIds) {
    const parents = database.get<{ count: number }>('SELECT count(*) AS count FROM edges WHERE child_id = ?', childId);
    if ((parents?.count ?? 0) >= MAX_NODE_DEPENDENCIES) {
      throw new Refusal(400, `Failed to add child, expected at most ${MAX_NODE_DEPENDENCIES} parents of a process`);
    }
  }
}

function removeParent({ database }: Transaction, childId: string, parentId: string): void {
  database.run('DELETE FROM edges WHERE child_id = ? AND parent_id = ?', childId, parentId);
}

function nextPosition({ database }: Transaction, childId: string): number {
  const last = database.get<{ position: number | null }>(
    'SELECT max(position) AS position FROM edges WHERE child_id = ?',
    childId,
  );
  return (last?.position ?? -1) + 1;
}
