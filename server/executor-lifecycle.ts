import { requeue } from './process-lifecycle.ts';
import { EXECUTOR_STATE, type ExecutorRow } from './store/members.ts';
import { findProcessRow, termsOf } from './store/processes.ts';
import type { Transaction } from './transaction.ts';

/** Unregisters an executor: its name stays taken, its functions are forgotten, what it was running waits again. */
export function unregisterExecutor(transaction: Transaction, executor: ExecutorRow): void {
  const { database, nowMs } = transaction;
  const { colony_name: colonyName, executor_name: executorName } = executor;
  database.run(
    `UPDATE executors SET state = ${EXECUTOR_STATE.unregistered}, unregistered_ms = ?
     WHERE colony_name = ? AND executor_name = ?`,
    nowMs,
    colonyName,
    executorName,
  );
  database.run('DELETE FROM functions WHERE colony_name = ? AND executor_name = ?', colonyName, executorName);
  for (const processId of runningProcesses(transaction, executor)) {
    const process = findProcessRow(database, processId);
    if (process !== undefined) requeue(transaction, process, termsOf(process).maxWaitTimeSeconds, process.retries);
  }
}

/** Frees the name of an executor: its key is nobody's any more. */
export function forgetExecutor(transaction: Transaction, executor: ExecutorRow): void {
  unregisterExecutor(transaction, executor);
  transaction.database.run(
    'DELETE FROM executors WHERE colony_name = ? AND executor_name = ?',
    executor.colony_name,
    executor.executor_name,
  );
}

/** Their ids: all of them at once may be too large for the memory. */
function runningProcesses({ database }: Transaction, executor: ExecutorRow): readonly string[] {
  return database
    .all<{ process_id: string }>(
      'SELECT process_id FROM processes WHERE assigned_executor_id = ? AND state = 1 AND colony_name = ?',
      executor.executor_id,
      executor.colony_name,
    )
    .map((row) => row.process_id);
}
