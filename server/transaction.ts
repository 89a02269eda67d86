import type { Database } from './store/database.ts';

/** Something happened to a process; told to whoever waits for it after the transaction is durable. */
export interface ProcessChange {
  readonly processId: string;
  readonly colonyName: string;
  readonly executorType: string;
  /** The number of the state it is in now. */
  readonly state: number;
  /** Whether an executor may take it now. */
  readonly isAssignable: boolean;
}

/** One unit of work on the store: atomic, at one moment, with a list of what it changed. */
export interface Transaction {
  readonly database: Database;
  readonly nowMs: number;
  readonly changes: ProcessChange[];
  /** What is to be done once the changes are durable. */
  readonly afterCommit: (() => void)[];
}

/** Runs units of work and announces what they changed. */
export interface Transactor {
  /** Runs `work` atomically; after the commit, before it returns, the listener hears of the changes. */
  write<T>(work: (transaction: Transaction) => T): T;
  /** Runs `work`, which must not change anything. */
  read<T>(work: (transaction: Transaction) => T): T;
}

/** @param clock milliseconds since 1970 */
export function createTransactor(
  database: Database,
  clock: () => number,
  listener: (changes: readonly ProcessChange[]) => void,
): Transactor {
  return {
    write(work) {
      const transaction: Transaction = { database, nowMs: clock(), changes: [], afterCommit: [] };
      const result = database.transaction(() => work(transaction));
      if (transaction.changes.length > 0) listener(transaction.changes);
      for (const action of transaction.afterCommit) action();
      return result;
    },
    read: (work) => work({ database, nowMs: clock(), changes: [], afterCommit: [] }),
  };
}
