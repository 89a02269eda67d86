import { isFinalState, STATE, workflowState } from './graph.ts';
import type { WorkflowRow } from './store/workflows.ts';
import type { Transaction } from './transaction.ts';

/**
 * How many processes of a workflow are in which state, kept with the workflow: what a step costs must not depend on how
 * many nodes there are. Whatever changes the state of a process tells it here.
 */

/** By the numbers of the states. */
const COUNTS = ['waiting_count', 'running_count', 'success_count', 'failed_count', 'cancelled_count'] as const;

type CountedRow = Pick<WorkflowRow, 'workflow_id' | 'state' | 'start_ms' | (typeof COUNTS)[number]>;

/** Counts processes that were added to a workflow, in state waiting. */
export function countAdded(transaction: Transaction, workflowId: string, processCount: number): void {
  count(transaction, workflowId, 'waiting_count = waiting_count + ?1', processCount);
}

/** Counts a change of state of processes of a workflow. Nothing for a process outside workflows. */
export function countChange(
  transaction: Transaction,
  workflowId: string | null,
  from: number,
  to: number,
  processCount = 1,
): void {
  const [left, entered] = [COUNTS[from], COUNTS[to]];
  if (workflowId === null || from === to || left === undefined || entered === undefined) return;
  count(transaction, workflowId, `${left} = ${left} - ?1, ${entered} = ${entered} + ?1`, processCount);
}

/** @param assignments with `?1` for the number of processes */
function count(transaction: Transaction, workflowId: string, assignments: string, processCount: number): void {
  const row = transaction.database.get<CountedRow>(
    `UPDATE workflows SET ${assignments} WHERE workflow_id = ?2
     RETURNING workflow_id, state, start_ms, ${COUNTS.join(', ')}`,
    processCount,
    workflowId,
  );
  if (row === undefined) throw new Error(`workflow ${workflowId}: expected it in the store, got nothing`);
  const state = workflowState(new Map(COUNTS.map((name, number) => [number, row[name]])));
  if (state !== row.state) setWorkflowState(transaction, row, state);
}

/** Sets a workflow's state and what follows from it: when it started, and when it ended. */
export function setWorkflowState(
  { database, nowMs }: Transaction,
  { workflow_id: workflowId, start_ms: startMs }: Pick<WorkflowRow, 'workflow_id' | 'start_ms'>,
  state: number,
): void {
  database.run(
    'UPDATE workflows SET state = ?, start_ms = ?, end_ms = ? WHERE workflow_id = ?',
    state,
    startMs ?? (state === STATE.waiting ? null : nowMs),
    isFinalState(state) ? nowMs : null,
    workflowId,
  );
}
