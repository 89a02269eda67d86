import type { ExecutorRow } from './store/members.ts';
import type { Transaction } from './transaction.ts';

/**
 * When each executor was last heard from. Every signed call of an executor counts, reads included, so moments are kept
 * in memory and stored now and then: a crash forgets the last seconds at most.
 */
export interface Presence {
  readonly heardFrom: (executor: ExecutorRow) => void;
  /** Milliseconds since 1970, null if never. */
  readonly lastHeardMs: (executor: ExecutorRow) => number | null;
  /** Stores what is new; what then does not become durable is stored the next time. */
  flush(transaction: Pick<Transaction, 'database' | 'afterwards'>): void;
}

/** @param clock milliseconds since 1970 */
export function createPresence(clock: () => number): Presence {
  const fresh = new Map<string, { readonly executor: ExecutorRow; readonly heardMs: number }>();
  return {
    heardFrom(executor) {
      fresh.set(keyOf(executor), { executor, heardMs: clock() });
    },
    lastHeardMs: (executor) => fresh.get(keyOf(executor))?.heardMs ?? executor.last_heard_ms,
    flush({ database, afterwards }) {
      const stored = [...fresh];
      for (const [, { executor, heardMs }] of stored) {
        database.run(
          'UPDATE executors SET last_heard_ms = ? WHERE colony_name = ? AND executor_name = ? AND executor_id = ?',
          heardMs,
          executor.colony_name,
          executor.executor_name,
          executor.executor_id,
        );
      }
      afterwards.push((failure) => {
        if (failure !== undefined) return;
        for (const [key, entry] of stored) if (fresh.get(key) === entry) fresh.delete(key);
      });
    },
  };
}

function keyOf(executor: ExecutorRow): string {
  return `${executor.colony_name}\0${executor.executor_name}\0${executor.executor_id}`;
}
