import { unregisterExecutor } from './executor-lifecycle.ts';
import { STATE } from './graph.ts';
import type { Presence } from './presence.ts';
import { requeue } from './process-lifecycle.ts';
import { forgetOldAnswers, shiftAnswers } from './repeats.ts';
import { EXECUTOR_STATE, type ExecutorRow } from './store/members.ts';
import { type ProcessRow, termsOf } from './store/processes.ts';
import type { Transaction } from './transaction.ts';
import { finish } from './workflow-lifecycle.ts';

/** What there is to know of time. */
export interface Passing {
  /** Executors not heard from for so long are unregistered. */
  readonly staleAfterMs: number;
  /** By how much the clock was set since the last sweep; 0 mostly. */
  readonly jumpMs: number;
}

/** What time alone does: deadlines, stale executors, forgetting. Run about once a second. */
export function sweep(transaction: Transaction, presence: Presence, { staleAfterMs, jumpMs }: Passing): void {
  presence.flush(transaction);
  if (jumpMs !== 0) {
    // Nobody was silent because the clock was set. Deadlines are moments that clients know: they stay.
    forgiveDowntime(transaction);
    shiftAnswers(transaction, jumpMs);
  }
  expireRunning(transaction);
  expireWaiting(transaction);
  unregisterStaleExecutors(transaction, staleAfterMs);
  forgetOldAnswers(transaction);
}

function expireRunning(transaction: Transaction): void {
  const expired = transaction.database.all<ProcessRow>(
    'SELECT * FROM processes WHERE state = 1 AND exec_deadline_ms IS NOT NULL AND exec_deadline_ms < ?',
    transaction.nowMs,
  );
  for (const process of expired) {
    const { maxRetries, maxWaitTimeSeconds } = termsOf(process);
    if (maxRetries >= 0 && process.retries >= maxRetries) {
      finish(transaction, process, { state: STATE.failed, errors: ['Maximum execution time limit exceeded'] });
    } else {
      requeue(transaction, process, maxWaitTimeSeconds, process.retries + 1);
    }
  }
}

function expireWaiting(transaction: Transaction): void {
  const expired = transaction.database.all<{ process_id: string }>(
    'SELECT process_id FROM processes WHERE state = 0 AND wait_deadline_ms IS NOT NULL AND wait_deadline_ms < ?',
    transaction.nowMs,
  );
  for (const { process_id } of expired) {
    // One that failed with an earlier one of this list is final by now.
    const process = transaction.database.get<ProcessRow>(
      'SELECT * FROM processes WHERE process_id = ? AND state = 0',
      process_id,
    );
    if (process === undefined) continue;
    finish(transaction, process, { state: STATE.failed, errors: ['Maximum waiting time limit exceeded'] });
  }
}

function unregisterStaleExecutors(transaction: Transaction, staleAfterMs: number): void {
  const stale = transaction.database.all<ExecutorRow>(
    `SELECT * FROM executors WHERE state = ${EXECUTOR_STATE.approved} AND last_heard_ms < ?`,
    transaction.nowMs - staleAfterMs,
  );
  for (const executor of stale) unregisterExecutor(transaction, executor);
}

/** After a pause of the server every executor gets the full time again: it could not be heard meanwhile. */
export function forgiveDowntime({ database, nowMs }: Transaction): void {
  database.run(
    `UPDATE executors SET last_heard_ms = ? WHERE state = ${EXECUTOR_STATE.approved} AND last_heard_ms IS NOT NULL`,
    nowMs,
  );
}
