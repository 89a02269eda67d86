import type { Process } from '../colony/messages/processes.ts';
import { Refusal } from './refusal.ts';
import { EXECUTOR_STATE, type ExecutorRow, findColony, findExecutor } from './store/members.ts';
import { findProcessRow, type ProcessRow, toProcess } from './store/processes.ts';
import type { ProcessChange, Transaction, Transactor } from './transaction.ts';
import { assignTo } from './workflow-lifecycle.ts';

/** What an executor asks for. */
export interface Want {
  readonly executor: ExecutorRow;
  /** Processors it has to spare; undefined for any number. */
  readonly cpuMilli: number | undefined;
  /** Memory it has to spare; undefined for any amount. */
  readonly memoryMebibytes: number | undefined;
}

/** Gives waiting processes to executors that ask for them, in the order in which they asked. */
export interface Scheduler {
  /**
   * The next process for an executor, as soon as there is one.
   *
   * @param timeoutSeconds negative: do not wait
   * @param disconnected when it fires, the executor is gone: nothing will be given to it
   * @throws Refusal 404 when there was none in time, 408 or 503 when assignment is paused, 403 when the executor lost its approval
   */
  next(want: Want, timeoutSeconds: number, disconnected: AbortSignal): Promise<Process>;
  /** Gives out what has become assignable. */
  readonly onChanges: (changes: readonly ProcessChange[]) => void;
  /** Lets everybody who waits in a colony try again, after it was resumed or an executor was removed. */
  retryColony(colonyName: string): void;
  /** Refuses everybody who waits, as if their time were up. */
  stop(): void;
}

interface Waiter {
  readonly want: Want;
  readonly resolve: (process: Process) => void;
  readonly reject: (reason: Error) => void;
}

const NOTHING = 'No process available for assignment';
/** The longest delay of a timer in Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Creates a scheduler without waiters. */
export function createScheduler(transactor: Transactor): Scheduler {
  const queues = new Map<string, Set<Waiter>>();
  let isStopped = false;

  const serve = (key: string): void => {
    const queue = queues.get(key);
    for (const waiter of queue ?? []) {
      try {
        const process = transactor.write((transaction) => take(transaction, waiter.want));
        if (process === 'none') return;
        if (process === 'none for this one') continue;
        waiter.resolve(process);
      } catch (thrown) {
        waiter.reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
      }
    }
  };

  return {
    async next(want, timeoutSeconds, disconnected) {
      const { colony_name: colonyName } = want.executor;
      const taken = transactor.write((transaction) => take(transaction, want));
      if (typeof taken === 'object') return taken;
      const isPaused = (): boolean => transactor.read((transaction) => isColonyPaused(transaction, colonyName));
      if (timeoutSeconds < 0 || isStopped) {
        throw isPaused()
          ? new Refusal(503, 'No processes available: colony assignments are paused')
          : new Refusal(404, NOTHING);
      }
      return await wait(queues, want, timeoutSeconds, disconnected, () =>
        isPaused() ? new Refusal(408, 'Assignment timeout: colony assignments are paused') : new Refusal(404, NOTHING),
      );
    },
    onChanges(changes) {
      const keys = changes
        .filter((change) => change.isAssignable)
        .map((change) => queueKey(change.colonyName, change.executorType));
      for (const key of new Set(keys)) serve(key);
    },
    retryColony(colonyName) {
      for (const key of queues.keys()) if (key.startsWith(queueKey(colonyName, ''))) serve(key);
    },
    stop() {
      isStopped = true;
      for (const queue of queues.values()) for (const waiter of queue) waiter.reject(new Refusal(404, NOTHING));
    },
  };
}

function queueKey(colonyName: string, executorType: string): string {
  return `${colonyName}\0${executorType}`;
}

function wait(
  queues: Map<string, Set<Waiter>>,
  want: Want,
  timeoutSeconds: number,
  disconnected: AbortSignal,
  onTimeout: () => Refusal,
): Promise<Process> {
  const key = queueKey(want.executor.colony_name, want.executor.executor_type);
  const queue = queues.get(key) ?? new Set();
  queues.set(key, queue);
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      clearTimeout(timer);
      disconnected.removeEventListener('abort', onDisconnect);
      queue.delete(waiter);
      if (queue.size === 0) queues.delete(key);
    };
    const waiter: Waiter = {
      want,
      resolve(process) {
        leave();
        resolve(process);
      },
      reject(reason) {
        leave();
        reject(reason);
      },
    };
    const onDisconnect = (): void => waiter.reject(new Refusal(404, NOTHING));
    const timer = setTimeout(() => waiter.reject(onTimeout()), Math.min(timeoutSeconds * 1000, MAX_TIMER_MS));
    disconnected.addEventListener('abort', onDisconnect);
    queue.add(waiter);
    if (disconnected.aborted) onDisconnect();
  });
}

/**
 * Gives the best waiting process to an executor. Says apart whether there is nothing for anybody of its type, so that
 * the others who wait need not be asked.
 */
function take(transaction: Transaction, want: Want): Process | 'none' | 'none for this one' {
  const { database } = transaction;
  const { executor } = want;
  if (isColonyPaused(transaction, executor.colony_name)) return 'none';
  if (findExecutor(database, executor.colony_name, executor.executor_name)?.state !== EXECUTOR_STATE.approved) {
    throw new Refusal(403, `Access denied, not a member of Colony with name <${executor.colony_name}>`);
  }
  const candidate = findCandidate(transaction, want);
  if (candidate === undefined) return hasAny(transaction, executor) ? 'none for this one' : 'none';
  assignTo(transaction, candidate, executor.executor_id);
  const assigned = findProcessRow(database, candidate.process_id);
  return assigned === undefined ? 'none' : toProcess(database, assigned);
}

function isColonyPaused({ database }: Transaction, colonyName: string): boolean {
  return findColony(database, colonyName)?.is_paused === 1;
}

const QUEUE = 'colony_name = ? AND executor_type = ? AND state = 0 AND waits_for_parents = 0';

function findCandidate({ database }: Transaction, want: Want): ProcessRow | undefined {
  const { executor, cpuMilli, memoryMebibytes } = want;
  return database.get<ProcessRow>(
    `SELECT * FROM processes WHERE ${QUEUE} AND cpu_milli <= ? AND memory_mebibytes <= ?
       AND location_name IN ('', ?)
       AND (executor_names IS NULL OR EXISTS (SELECT 1 FROM json_each(executor_names) WHERE value = ?))
     ORDER BY priority_ms, sequence LIMIT 1`,
    executor.colony_name,
    executor.executor_type,
    cpuMilli ?? Number.MAX_SAFE_INTEGER,
    memoryMebibytes ?? Number.MAX_SAFE_INTEGER,
    executor.location_name.toLowerCase(),
    executor.executor_name,
  );
}

function hasAny({ database }: Transaction, executor: ExecutorRow): boolean {
  const found = database.get(
    `SELECT 1 FROM processes WHERE ${QUEUE} LIMIT 1`,
    executor.colony_name,
    executor.executor_type,
  );
  return found !== undefined;
}
