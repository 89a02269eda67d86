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
  /** Whether somebody is heard all the time, because it waits for work. */
  readonly isWaiting: (executor: ExecutorRow) => boolean;
  /** By how much the clock was set since the last sweep; 0 mostly. */
  readonly jumpMs: number;
}

/**
 * What time alone does: deadlines, stale executors, forgetting. Run about once a second.
 *
 * @returns whether more deadlines may have passed, for {@link expire}
 */
export function sweep(transaction: Transaction, presence: Presence, passing: Passing): boolean {
  presence.flush(transaction);
  const { jumpMs } = passing;
  if (jumpMs !== 0) {
    // Nobody was silent because the clock was set. Deadlines are moments that clients know: they stay.
    forgiveDowntime(transaction);
    shiftAnswers(transaction, jumpMs);
  }
  const isMore = expire(transaction);
  unregisterStaleExecutors(transaction, presence, passing);
  forgetOldAnswers(transaction);
  return isMore;
}

/** So long others may be kept waiting. */
const EXPIRING_MS = 20;
/** So many are looked up at a time. */
const EXPIRING_COUNT = 200;

/**
 * Ends some of the processes whose deadline has passed, or lets them wait again: as many as fit into a little time, one
 * after the other, since each may be large.
 *
 * @returns whether there may be more
 */
export function expire(transaction: Transaction): boolean {
  const endMs = performance.now() + EXPIRING_MS;
  return (
    expireSome(transaction, EXPIRED_RUNNING, expireRunning, endMs) ||
    expireSome(transaction, EXPIRED_WAITING, expireWaiting, endMs)
  );
}

const EXPIRED_RUNNING = 'state = 1 AND exec_deadline_ms IS NOT NULL AND exec_deadline_ms < ?';
const EXPIRED_WAITING = 'state = 0 AND wait_deadline_ms IS NOT NULL AND wait_deadline_ms < ?';

function expireSome(
  transaction: Transaction,
  condition: string,
  expireOne: (transaction: Transaction, process: ProcessRow) => void,
  endMs: number,
): boolean {
  const { database, nowMs } = transaction;
  const expired = database.all<{ process_id: string }>(
    `SELECT process_id FROM processes WHERE ${condition} LIMIT ${EXPIRING_COUNT}`,
    nowMs,
  );
  for (const { process_id: processId } of expired) {
    // One that failed with an earlier one of this list is final by now.
    const process = database.get<ProcessRow>(
      `SELECT * FROM processes WHERE ${condition} AND process_id = ?`,
      nowMs,
      processId,
    );
    if (process !== undefined) expireOne(transaction, process);
    if (performance.now() > endMs) return true;
  }
  return expired.length === EXPIRING_COUNT;
}

function expireRunning(transaction: Transaction, process: ProcessRow): void {
  const { maxRetries, maxWaitTimeSeconds } = termsOf(process);
  if (maxRetries >= 0 && process.retries >= maxRetries) {
    finish(transaction, process, { state: STATE.failed, errors: ['Maximum execution time limit exceeded'] });
  } else {
    requeue(transaction, process, maxWaitTimeSeconds, process.retries + 1);
  }
}

function expireWaiting(transaction: Transaction, process: ProcessRow): void {
  finish(transaction, process, { state: STATE.failed, errors: ['Maximum waiting time limit exceeded'] });
}

function unregisterStaleExecutors(
  transaction: Transaction,
  presence: Presence,
  { staleAfterMs, isWaiting }: Passing,
): void {
  const stale = transaction.database.all<ExecutorRow>(
    `SELECT * FROM executors WHERE state = ${EXECUTOR_STATE.approved} AND last_heard_ms < ?`,
    transaction.nowMs - staleAfterMs,
  );
  for (const executor of stale) {
    if (isWaiting(executor)) presence.heardFrom(executor);
    else unregisterExecutor(transaction, executor);
  }
}

/** After a pause of the server every executor gets the full time again: it could not be heard meanwhile. */
export function forgiveDowntime({ database, nowMs }: Transaction): void {
  database.run(
    `UPDATE executors SET last_heard_ms = ? WHERE state = ${EXECUTOR_STATE.approved} AND last_heard_ms IS NOT NULL`,
    nowMs,
  );
}
