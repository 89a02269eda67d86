import { toError } from '../colony/errors.ts';
import { createCommitPace } from './commit-pace.ts';
import type { Database } from './store/database.ts';

/** Something happened to a process; told to whoever waits for it once it is durable. */
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
  /** What is to be told to somebody: called without failure once the work is durable, with it when it was undone. */
  readonly afterwards: ((failure: Error | undefined) => void)[];
}

/** Runs units of work and announces what they changed. */
export interface Transactor {
  /**
   * Runs `work` atomically and soon; resolves when it is durable. What `work` throws undoes it, and nothing else.
   *
   * Waiting for the disk is what a change costs, so all works that are asked for in one turn of the event loop, or while
   * {@link createCommitPace} waits for more, wait for it together: they share a transaction of SQLite, each in a savepoint
   * of its own. What is left when that has taken {@link MOST_WORK_MS} has the next one, after whatever else waits for a turn.
   */
  write<T>(work: (transaction: Transaction) => T): Promise<T>;
  /** Runs `work`, which must not change anything, at once. */
  read<T>(work: (transaction: Transaction) => T): T;
}

/** What hears of changes. */
export interface ChangeListener {
  /** Works on what a batch of works has made assignable, in the same transaction. */
  beforeCommit(transaction: Transaction): void;
  /** Tells of what is durable now. */
  afterCommit(changes: readonly ProcessChange[]): void;
  /** Hears of errors of the other two, which concern no caller. */
  onError(error: Error): void;
  /** Hears how long the disk took, once per commit; with a failure when nothing was stored. */
  onCommit(durationMs: number, workCount: number, failure: Error | undefined): void;
}

/** SQLite has given up the transaction, and somebody has not noticed. */
class TransactionLostError extends Error {
  override readonly name = 'TransactionLostError';
  /** So that it counts as a failure of the store. */
  readonly code = 'SQLITE_ABORT';

  constructor() {
    super('the transaction was given up before its end');
  }
}

/** How long works that share a transaction keep everything else waiting, but for the last one of them. */
const MOST_WORK_MS = 50;

interface Queued {
  run(transaction: Transaction): void;
  fail(failure: Error): void;
}

/**
 * @param clock milliseconds since 1970
 * @param isMoreComing whether requests have come in that may soon have something to store
 */
export function createTransactor(
  database: Database,
  clock: () => number,
  listener: ChangeListener,
  isMoreComing: () => boolean = () => false,
): Transactor {
  let queue: Queued[] = [];
  const begin = (): Transaction => ({ database, nowMs: clock(), changes: [], afterwards: [] });
  const guarded = (action: () => void): void => {
    try {
      action();
    } catch (thrown) {
      listener.onError(toError(thrown));
    }
  };
  const runQueue = (): void => {
    const batch = queue;
    queue = [];
    const transaction = begin();
    const startedMs = performance.now();
    let [workedMs, doneCount] = [startedMs, 0];
    try {
      database.transaction(() => {
        doneCount = runInTime(batch, transaction, startedMs);
        guarded(() => announceAssignable(transaction, listener));
        if (!database.isInTransaction()) throw new TransactionLostError();
        workedMs = performance.now();
      });
      pace.stored(performance.now() - workedMs, doneCount);
    } catch (thrown) {
      const failure = toError(thrown);
      listener.onCommit(performance.now() - startedMs, batch.length, failure);
      for (const queued of batch) queued.fail(failure);
      settle(transaction.afterwards, failure);
      return;
    }
    listener.onCommit(performance.now() - startedMs, doneCount, undefined);
    if (doneCount < batch.length) {
      queue = [...batch.slice(doneCount), ...queue];
      pace.request();
    }
    settle(transaction.afterwards, undefined);
    guarded(() => listener.afterCommit(transaction.changes));
  };
  const pace = createCommitPace(runQueue, isMoreComing);
  return {
    write: (work) =>
      new Promise((resolve, reject) => {
        pace.request();
        queue.push({ run: (transaction) => runOne(transaction, work, resolve, reject), fail: reject });
      }),
    read: (work) => work(begin()),
  };
}

/** Runs one of the works that share a transaction; whoever asked for it is told with the others. */
function runOne<T>(
  transaction: Transaction,
  work: (transaction: Transaction) => T,
  resolve: (result: T) => void,
  reject: (reason: Error) => void,
): void {
  try {
    const result = undoable(transaction, () => work(transaction));
    transaction.afterwards.push((failure) => (failure === undefined ? resolve(result) : reject(failure)));
  } catch (thrown) {
    if (!transaction.database.isInTransaction()) throw thrown;
    reject(toError(thrown));
  }
}

/** Runs works in their order, at least one; says how many when there was no time for more. */
function runInTime(works: readonly Queued[], transaction: Transaction, startedMs: number): number {
  let doneCount = 0;
  for (const work of works) {
    work.run(transaction);
    doneCount += 1;
    if (performance.now() - startedMs > MOST_WORK_MS) break;
  }
  return doneCount;
}

function announceAssignable(transaction: Transaction, listener: ChangeListener): void {
  if (!transaction.changes.some(({ isAssignable }) => isAssignable)) return;
  undoable(transaction, () => listener.beforeCommit(transaction));
}

/**
 * Runs a part of a transaction in a savepoint: what it throws undoes it, and what it has announced is taken back.
 *
 * When the disk fails, SQLite may give up the whole transaction at once. Then there is nothing left to undo, and nothing
 * more may be done: outside a transaction it would stay whatever becomes of the rest.
 */
export function undoable<T>(transaction: Transaction, work: () => T): T {
  const { database, changes, afterwards } = transaction;
  if (!database.isInTransaction()) throw new TransactionLostError();
  const [changeCount, afterwardCount] = [changes.length, afterwards.length];
  database.run('SAVEPOINT work');
  try {
    const result = work();
    database.run('RELEASE work');
    return result;
  } catch (thrown) {
    if (database.isInTransaction()) {
      database.run('ROLLBACK TO work');
      database.run('RELEASE work');
    }
    changes.length = changeCount;
    settle(afterwards.splice(afterwardCount), toError(thrown));
    throw thrown;
  }
}

function settle(afterwards: Transaction['afterwards'], failure: Error | undefined): void {
  for (const afterward of afterwards) afterward(failure);
}
