import type { FunctionSpec } from '../colony/messages/processes.ts';
import type { WorkflowSpec } from '../colony/messages/workflows.ts';
import { descendants, InvalidGraphError, isFinalState, joinOutputs, STATE, validateGraph } from './graph.ts';
import {
  type Ending,
  type Initiator,
  type Input,
  insertProcess,
  markAllFinal,
  markFinal,
  markReady,
  markRunning,
  type ProcessState,
} from './process-lifecycle.ts';
import { Refusal } from './refusal.ts';
import { childrenOf, type ProcessRow, termsOf } from './store/processes.ts';
import { randomId } from './store/values.ts';
import type { WorkflowRow } from './store/workflows.ts';
import type { Transaction } from './transaction.ts';
import { countAdded, setWorkflowState } from './workflow-counts.ts';

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
    const { process_id: processId } = insertProcess(transaction, {
      spec: memberSpec(nodeSpec, spec.colonyName),
      initiator,
      workflowId,
      waitsForParents: nodeSpec.conditions.dependencies.length > 0,
    });
    processIds.set(nodeSpec.nodeName, processId);
  }
  countAdded(transaction, workflowId, spec.functionSpecs.length);
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
  const [processId, { dependencies }] = [processIds.get(nodeName) ?? '', conditions];
  for (const [position, dependency] of dependencies.entries()) {
    insertEdge(transaction, processId, position, processIds.get(dependency) ?? '');
  }
  if (dependencies.length > 0) expectParents(transaction, processId, dependencies.length);
}

function expectParents({ database }: Transaction, processId: string, missingCount: number): void {
  database.run(
    'INSERT OR REPLACE INTO missing_parents (process_id, missing_count) VALUES (?, ?)',
    processId,
    missingCount,
  );
}

/** Counts the parents again that a process waits for, after it has got others. */
export function recountParents(transaction: Transaction, processId: string): void {
  const missing = transaction.database.get<{ count: number }>(
    `SELECT count(DISTINCT edges.parent_id) AS count ${PARENTS} AND processes.state <> ${STATE.success}`,
    processId,
  );
  expectParents(transaction, processId, missing?.count ?? 0);
}

/** Makes one process the parent of another, at a position of the child's input. */
export function insertEdge({ database }: Transaction, childId: string, position: number, parentId: string): void {
  database.run('INSERT INTO edges (child_id, position, parent_id) VALUES (?, ?, ?)', childId, position, parentId);
}

const PARENTS = 'FROM edges JOIN processes ON processes.process_id = edges.parent_id WHERE edges.child_id = ?';

/** A process gets more input from its parents than the server hands out. */
export class InputTooLargeError extends Error {
  override readonly name = 'InputTooLargeError';
}

/**
 * Hands a process that may be taken to an executor, with what its parents gave it.
 *
 * @param maxInputBytes how long the JSON of what the parents gave may be
 * @returns the process as it is now
 * @throws InputTooLargeError when it is longer
 */
export function assignTo(
  transaction: Transaction,
  process: ProcessRow,
  executorId: string,
  maxInputBytes: number,
): ProcessRow {
  const { maxExecTimeSeconds } = termsOf(process);
  const own = { json: process.input, counts: null };
  const input = process.workflow_id === null ? own : (inputOf(transaction, process, maxInputBytes) ?? own);
  return markRunning(transaction, process, executorId, input, maxExecTimeSeconds);
}

/** How many elements an output has. Outputs stored by versions that did not count are counted now. */
const OUTPUT_COUNT = `coalesce(processes.output_count,
  iif(json_valid(processes.output), json_array_length(processes.output), 0)) AS count`;

/** What a node's parents give it. What begins a workflow has none, and may have got its input from a cron. */
function inputOf({ database }: Transaction, process: ProcessRow, maxInputBytes: number): Input | undefined {
  const { process_id: processId } = process;
  // Asked before anything is read: what is too long for an answer can be too long for the memory, too.
  const byteCount =
    database.get<{ bytes: number | null }>(`SELECT sum(octet_length(processes.output)) AS bytes ${PARENTS}`, processId)
      ?.bytes ?? 0;
  if (byteCount > maxInputBytes) {
    throw new InputTooLargeError(
      `Not run: expected at most ${maxInputBytes} bytes of input from the nodes it depends on, got ${byteCount}; let them give out less, or split the node`,
    );
  }
  const parents = database.all<{ output: string; count: number }>(
    `SELECT processes.output, ${OUTPUT_COUNT} ${PARENTS} ORDER BY edges.position`,
    processId,
  );
  if (parents.length === 0) return undefined;
  return {
    json: joinOutputs(parents.map(({ output }) => output)),
    counts: `[${parents.map(({ count }) => count).join(',')}]`,
  };
}

/** Ends a process and does what that means for its workflow: children become ready, or fail with it. */
export function finish(transaction: Transaction, process: ProcessRow, ending: Ending): void {
  markFinal(transaction, process, ending);
  if (process.workflow_id === null) return;
  if (ending.state === STATE.success) readyChildren(transaction, process.process_id);
  if (ending.state === STATE.failed) failDescendants(transaction, process);
}

/** What {@link ProcessState} says, as columns. */
const PROCESS_STATE = `processes.process_id, processes.colony_name, processes.workflow_id, processes.executor_type,
  processes.state`;

function readyChildren(transaction: Transaction, processId: string): void {
  const { database } = transaction;
  const children = 'process_id IN (SELECT child_id FROM edges WHERE parent_id = ?)';
  database.run(`UPDATE missing_parents SET missing_count = missing_count - 1 WHERE ${children}`, processId);
  const ready = database.all<ProcessState>(
    `SELECT ${PROCESS_STATE} FROM missing_parents JOIN processes USING (process_id)
     WHERE ${children} AND missing_count = 0 AND state = ${STATE.waiting} AND waits_for_parents = 1 ORDER BY sequence`,
    processId,
  );
  for (const child of ready) {
    database.run('DELETE FROM missing_parents WHERE process_id = ?', child.process_id);
    markReady(transaction, child);
  }
}

function failDescendants(transaction: Transaction, failed: ProcessRow): void {
  const { database } = transaction;
  const errors = [`Not run: node ${failed.node_name} (process ${failed.process_id}), which it depends on, has failed`];
  const open: ProcessState[] = [];
  for (const processId of descendants(failed.process_id, (nodeId) => childrenOf(database, nodeId))) {
    const descendant = database.get<ProcessState>(
      `SELECT ${PROCESS_STATE} FROM processes WHERE process_id = ?`,
      processId,
    );
    if (descendant !== undefined && !isFinalState(descendant.state)) open.push(descendant);
  }
  if (failed.workflow_id !== null) {
    markAllFinal(transaction, failed.workflow_id, open, { state: STATE.failed, errors });
  }
}

/** Cancels what is waiting or running in a workflow; one in which nothing is keeps its state. */
export function cancelWorkflow(transaction: Transaction, workflow: WorkflowRow): void {
  const open = transaction.database.all<ProcessState>(
    `SELECT ${PROCESS_STATE} FROM processes
     WHERE workflow_id = ? AND state IN (${STATE.waiting}, ${STATE.running}) ORDER BY sequence`,
    workflow.workflow_id,
  );
  markAllFinal(transaction, workflow.workflow_id, open, { state: STATE.cancelled });
  if (open.length > 0) setWorkflowState(transaction, workflow, STATE.cancelled);
}
