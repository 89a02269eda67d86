import type { FunctionSpec } from '../colony/messages/processes.ts';
import type { WorkflowSpec } from '../colony/messages/workflows.ts';
import {
  descendants,
  InvalidGraphError,
  isFinalState,
  isReady,
  joinOutputs,
  STATE,
  validateGraph,
  workflowState,
} from './graph.ts';
import { type Ending, type Initiator, insertProcess, markFinal, markReady, markRunning } from './process-lifecycle.ts';
import { Refusal } from './refusal.ts';
import { childrenOf, findProcessRow, type ProcessRow, specOf } from './store/processes.ts';
import { randomId } from './store/values.ts';
import type { Transaction } from './transaction.ts';

/** What happens to workflows when their processes are submitted, assigned, closed and cancelled. */

/**
 * Stores a workflow and its processes.
 *
 * @returns its id
 * @throws Refusal 500, as the official server has it, when the specs are no DAG; nothing is stored then
 */
export function submitWorkflow(transaction: Transaction, spec: WorkflowSpec, initiator: Initiator): string {
  requireDag(spec);
  const workflowId = randomId();
  transaction.database.run(
    `INSERT INTO workflows (workflow_id, colony_name, initiator_id, initiator_name, state, submission_ms)
     VALUES (?, ?, ?, ?, ${STATE.waiting}, ?)`,
    workflowId,
    spec.colonyName,
    initiator.id,
    initiator.name,
    transaction.nowMs,
  );
  const processIds = new Map<string, string>();
  for (const nodeSpec of spec.functionSpecs) {
    const processId = insertProcess(transaction, {
      spec: memberSpec(nodeSpec, spec.colonyName),
      initiator,
      workflowId,
      waitsForParents: nodeSpec.conditions.dependencies.length > 0,
    });
    processIds.set(nodeSpec.nodeName, processId);
  }
  for (const nodeSpec of spec.functionSpecs) linkParents(transaction, nodeSpec, processIds);
  return workflowId;
}

function requireDag(spec: WorkflowSpec): void {
  try {
    validateGraph(
      spec.functionSpecs.map(({ nodeName, conditions }) => ({ nodeName, dependencies: conditions.dependencies })),
    );
  } catch (thrown) {
    throw thrown instanceof InvalidGraphError ? new Refusal(500, thrown.message) : thrown;
  }
}

/** The workflow's colony counts for all its processes; 0 seconds mean no limit, as everywhere in workflows. */
export function memberSpec(spec: FunctionSpec, colonyName: string): FunctionSpec {
  return {
    ...spec,
    maxExecTimeSeconds: spec.maxExecTimeSeconds === 0 ? -1 : spec.maxExecTimeSeconds,
    conditions: { ...spec.conditions, colonyName },
  };
}

function linkParents(
  transaction: Transaction,
  { nodeName, conditions }: FunctionSpec,
  processIds: ReadonlyMap<string, string>,
): void {
  for (const [position, dependency] of conditions.dependencies.entries()) {
    insertEdge(transaction, processIds.get(nodeName) ?? '', position, processIds.get(dependency) ?? '');
  }
}

/** Makes one process the parent of another, at a position of the child's input. */
export function insertEdge({ database }: Transaction, childId: string, position: number, parentId: string): void {
  database.run('INSERT INTO edges (child_id, position, parent_id) VALUES (?, ?, ?)', childId, position, parentId);
}

const PARENTS = 'FROM edges JOIN processes ON processes.process_id = edges.parent_id WHERE edges.child_id = ?';

function parentStates({ database }: Transaction, processId: string): number[] {
  return database.all<{ state: number }>(`SELECT processes.state ${PARENTS}`, processId).map(({ state }) => state);
}

/** A process gets more input from its parents than the server hands out. */
export class InputTooLargeError extends Error {
  override readonly name = 'InputTooLargeError';
}

/**
 * Hands a process that may be taken to an executor, with what its parents gave it.
 *
 * @param maxInputBytes how long the JSON of what the parents gave may be
 * @throws InputTooLargeError when it is longer
 */
export function assignTo(
  transaction: Transaction,
  process: ProcessRow,
  executorId: string,
  maxInputBytes: number,
): void {
  const { maxExecTimeSeconds } = specOf(process);
  const input = process.workflow_id === null ? process.input : inputOf(transaction, process, maxInputBytes);
  markRunning(transaction, process, executorId, input, maxExecTimeSeconds);
  refreshWorkflow(transaction, process.workflow_id);
}

function inputOf({ database }: Transaction, { process_id: processId }: ProcessRow, maxInputBytes: number): string {
  // Asked before anything is read: what is too long for an answer can be too long for the memory, too.
  const byteCount =
    database.get<{ bytes: number | null }>(`SELECT sum(octet_length(processes.output)) AS bytes ${PARENTS}`, processId)
      ?.bytes ?? 0;
  if (byteCount > maxInputBytes) {
    throw new InputTooLargeError(
      `Not run: expected at most ${maxInputBytes} bytes of input from the nodes it depends on, got ${byteCount}; let them give out less, or split the node`,
    );
  }
  const parents = database.all<{ output: string }>(
    `SELECT processes.output ${PARENTS} ORDER BY edges.position`,
    processId,
  );
  return joinOutputs(parents.map(({ output }) => output));
}

/** Ends a process and does what that means for its workflow: children become ready, or fail with it. */
export function finish(transaction: Transaction, process: ProcessRow, ending: Ending): void {
  markFinal(transaction, process.process_id, ending);
  if (process.workflow_id === null) return;
  if (ending.state === STATE.success) readyChildren(transaction, process.process_id);
  if (ending.state === STATE.failed) failDescendants(transaction, process);
  refreshWorkflow(transaction, process.workflow_id);
}

function readyChildren(transaction: Transaction, processId: string): void {
  for (const childId of childrenOf(transaction.database, processId)) {
    const child = findProcessRow(transaction.database, childId);
    const isWaiting = child?.state === STATE.waiting && child.waits_for_parents === 1;
    if (isWaiting && isReady(parentStates(transaction, childId))) {
      markReady(transaction, childId);
    }
  }
}

function failDescendants(transaction: Transaction, failed: ProcessRow): void {
  const { database } = transaction;
  const errors = [`Not run: node ${failed.node_name} (process ${failed.process_id}), which it depends on, has failed`];
  for (const processId of descendants(failed.process_id, (nodeId) => childrenOf(database, nodeId))) {
    const descendant = findProcessRow(database, processId);
    if (descendant !== undefined && !isFinalState(descendant.state)) {
      markFinal(transaction, processId, { state: STATE.failed, errors });
    }
  }
}

/** Derives a workflow's state and times from its processes. Nothing for a process outside workflows. */
export function refreshWorkflow(transaction: Transaction, workflowId: string | null): void {
  if (workflowId === null) return;
  const { database, nowMs } = transaction;
  const counts = database.all<{ state: number; count: number }>(
    'SELECT state, count(*) AS count FROM processes WHERE workflow_id = ? GROUP BY state',
    workflowId,
  );
  setWorkflowState(transaction, workflowId, workflowState(new Map(counts.map(({ state, count }) => [state, count]))));
  database.run(
    'UPDATE workflows SET start_ms = ? WHERE workflow_id = ? AND start_ms IS NULL AND state > 0',
    nowMs,
    workflowId,
  );
}

function setWorkflowState({ database, nowMs }: Transaction, workflowId: string, state: number): void {
  database.run(
    'UPDATE workflows SET state = ?, end_ms = ? WHERE workflow_id = ? AND state <> ?',
    state,
    isFinalState(state) ? nowMs : null,
    workflowId,
    state,
  );
}

/** Cancels what is waiting or running in a workflow; one in which nothing is keeps its state. */
export function cancelWorkflow(transaction: Transaction, workflowId: string): void {
  const open = transaction.database.all<{ process_id: string }>(
    `SELECT process_id FROM processes WHERE workflow_id = ? AND state IN (${STATE.waiting}, ${STATE.running}) ORDER BY sequence`,
    workflowId,
  );
  for (const { process_id } of open) markFinal(transaction, process_id, { state: STATE.cancelled });
  if (open.length > 0) setWorkflowState(transaction, workflowId, STATE.cancelled);
}
