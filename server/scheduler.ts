import { toError } from '../colony/errors.ts';
import { STATE } from './graph.ts';
import type { JsonText } from './json-text.ts';
import { isStorageError } from './store/database.ts';
import { requeue } from './process-lifecycle.ts';
import { Refusal } from './refusal.ts';
import { EXECUTOR_STATE, type ExecutorRow, findColony, findExecutor } from './store/members.ts';
import { findProcessRow, processJson, type ProcessRow, termsOf } from './store/processes.ts';
import { type Transaction, type Transactor, undoable } from './transaction.ts';
import { assignTo, finish, InputTooLargeError } from './workflow-lifecycle.ts';

/** What an executor asks for. */
interface Want {
  readonly executor: ExecutorRow;
  /** Processors it has to spare; undefined for any number. */
  readonly cpuMilli: number | undefined;
  /** Memory it has to spare; undefined for any amount. */
  readonly memoryMebibytes: number | undefined;
}

/** A process that was given to somebody. */
interface Assignment {
  readonly processId: string;
  readonly attempt: number;
  /** The process, as it is answered. */
  readonly reply: JsonText;
}

/** Gives waiting processes to executors that ask for them, in the order in which they asked. */
export interface Scheduler {
  /**
   * The next process for an executor, as soon as there is one.
   *
   * @param timeoutSeconds negative: do not wait
   * @param disconnected when it fires, the executor has not got the answer: nothing is given to it, or it is taken back
   * @throws Refusal 404 when there was none in time, 408 or 503 when assignment is paused, 403 when the executor lost its approval
   */
  next(want: Want, timeoutSeconds: number, disconnected: AbortSignal): Promise<JsonText>;
  /** Gives out what the transaction has made assignable, as a part of it. */
  serveChanges(transaction: Transaction): void;
  /** Lets everybody who waits in a colony try again, after it was resumed or one of its executors changed state. */
  serveColony(transaction: Transaction, colonyName: string): void;
  /** Whether an executor waits for a process at the moment. */
  isWaiting(executor: ExecutorRow): boolean;
  /** Refuses everybody who waits, and will wait, as if their time were up. */
  stop(): void;
}

const NOTHING = 'No process available for assignment';
/** The longest delay of a timer in Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Somebody who asked and has not been answered. */
class Waiter {
  readonly want: Want;
  readonly answer: Promise<Assignment>;
  #resolve: ((assignment: Assignment) => void) | undefined;
  #reject: ((reason: Error) => void) | undefined;

  constructor(want: Want) {
    this.want = want;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Somebody can be refused before anyone looks at the answer.
    this.answer.catch(() => undefined);
  }

  resolve(assignment: Assignment): void {
    this.#resolve?.(assignment);
  }

  reject(reason: Error): void {
    this.#reject?.(reason);
  }
}

/** Who waits, in the order of arrival, by colony and executor type. */
class WaitingRoom {
  readonly #queues = new Map<string, Set<Waiter>>();

  add(waiter: Waiter): void {
    const key = keyOf(waiter);
    const queue = this.#queues.get(key);
    if (queue === undefined) this.#queues.set(key, new Set([waiter]));
    else queue.add(waiter);
  }

  /** Whether it was there. */
  remove(waiter: Waiter): boolean {
    const queue = this.#queues.get(keyOf(waiter));
    const wasThere = queue?.delete(waiter) === true;
    if (queue?.size === 0) this.#queues.delete(keyOf(waiter));
    return wasThere;
  }

  has(waiter: Waiter): boolean {
    return this.#queues.get(keyOf(waiter))?.has(waiter) === true;
  }

  waitingFor(key: string): readonly Waiter[] {
    return [...(this.#queues.get(key) ?? [])];
  }

  /** The keys of all queues of a colony. */
  queuesOf(colonyName: string): readonly string[] {
    return [...this.#queues.keys()].filter((key) => key.startsWith(queueKey(colonyName, '')));
  }

  everybody(): readonly Waiter[] {
    return [...this.#queues.values()].flatMap((queue) => [...queue]);
  }
}

function queueKey(colonyName: string, executorType: string): string {
  return `${colonyName}\0${executorType}`;
}

function keyOf({ want }: Waiter): string {
  return queueKey(want.executor.colony_name, want.executor.executor_type);
}

/** What a scheduler is made of. */
export interface SchedulerOptions {
  readonly transactor: () => Transactor;
  /** The largest input that a process may get from its parents, in bytes of JSON. */
  readonly maxInputBytes: number;
  /** Hears of processes that could not be given out because of what is stored of them. */
  readonly onUnreadable: (processId: string, error: Error) => void;
}

/** Creates a scheduler for whom nobody waits. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { transactor } = options;
  const room = new WaitingRoom();
  let isStopped = false;

  const serveQueue = (transaction: Transaction, key: string): void => {
    for (const waiter of room.waitingFor(key)) {
      if (serve(transaction, room, waiter, options) === 'nothing for anybody') return;
    }
  };

  return {
    async next(want, timeoutSeconds, disconnected) {
      const waiter = new Waiter(want);
      const leave = (): void => {
        // Whoever leaves must not be found any more: what is given to it now would be lost.
        if (room.remove(waiter)) waiter.reject(refusal(transactor(), want, timeoutSeconds));
      };
      room.add(waiter);
      disconnected.addEventListener('abort', leave);
      const patienceMs = timeoutSeconds < 0 ? MAX_TIMER_MS : Math.min(timeoutSeconds * 1000, MAX_TIMER_MS);
      const timer = setTimeout(leave, patienceMs);
      try {
        await transactor()
          .write((transaction) => {
            if (room.has(waiter)) serve(transaction, room, waiter, options);
          })
          .catch((thrown: unknown) => {
            // Unless an earlier commit has given it something: that must be heard of.
            if (room.remove(waiter)) throw thrown;
          });
        if (timeoutSeconds < 0 || isStopped || disconnected.aborted) leave();
        const assignment = await waiter.answer;
        handBackUnlessDelivered(transactor(), assignment, disconnected);
        return assignment.reply;
      } finally {
        clearTimeout(timer);
        disconnected.removeEventListener('abort', leave);
        room.remove(waiter);
      }
    },
    serveChanges(transaction) {
      const assignable = transaction.changes.filter((change) => change.isAssignable);
      const keys = assignable.map(({ colonyName, executorType }) => queueKey(colonyName, executorType));
      for (const key of new Set(keys)) serveQueue(transaction, key);
    },
    serveColony(transaction, colonyName) {
      for (const key of room.queuesOf(colonyName)) serveQueue(transaction, key);
    },
    isWaiting: ({ colony_name, executor_type, executor_id }) =>
      room
        .waitingFor(queueKey(colony_name, executor_type))
        .some(({ want }) => want.executor.executor_id === executor_id),
    stop() {
      isStopped = true;
      for (const waiter of room.everybody()) {
        room.remove(waiter);
        waiter.reject(new Refusal(404, NOTHING));
      }
    },
  };
}

/** A process whose executor vanished before it got the answer waits again, as if it had not been given out. */
function handBackUnlessDelivered(transactor: Transactor, assignment: Assignment, disconnected: AbortSignal): void {
  const handBack = (): void => {
    // Should this fail, because the server stops say, the process's deadline still hands it on.
    transactor.write((transaction) => returnToQueue(transaction, assignment)).catch(() => undefined);
  };
  if (disconnected.aborted) handBack();
  else disconnected.addEventListener('abort', handBack, { once: true });
}

function returnToQueue(transaction: Transaction, { processId, attempt }: Assignment): void {
  const row = findProcessRow(transaction.database, processId);
  if (row?.state !== STATE.running || row.attempt !== attempt) return;
  requeue(transaction, row, termsOf(row).maxWaitTimeSeconds, row.retries);
}

/** Why somebody who waited, or did not want to, got nothing. */
function refusal(transactor: Transactor, want: Want, timeoutSeconds: number): Refusal {
  const isPaused = transactor.read((transaction) => isColonyPaused(transaction, want.executor.colony_name));
  if (!isPaused) return new Refusal(404, NOTHING);
  return timeoutSeconds < 0
    ? new Refusal(503, 'No processes available: colony assignments are paused')
    : new Refusal(408, 'Assignment timeout: colony assignments are paused');
}

/**
 * Gives somebody the best process there is. The answer goes out when the transaction is durable. Says when there is
 * nothing for anybody of the same type, so that the others need not be asked.
 */
function serve(
  transaction: Transaction,
  room: WaitingRoom,
  waiter: Waiter,
  options: SchedulerOptions,
): 'done' | 'nothing for anybody' {
  const { executor } = waiter.want;
  if (isColonyPaused(transaction, executor.colony_name)) return 'nothing for anybody';
  if (!isApproved(transaction, executor)) {
    room.remove(waiter);
    waiter.reject(new Refusal(403, `Access denied, not a member of Colony with name <${executor.colony_name}>`));
    return 'done';
  }
  const process = takeNext(transaction, waiter.want, options);
  if (process === undefined) return hasAny(transaction, executor) ? 'done' : 'nothing for anybody';
  room.remove(waiter);
  transaction.afterwards.push((failure) => {
    if (failure === undefined) waiter.resolve(process);
    else waiter.reject(failure);
  });
  return 'done';
}

/** The first process of the queue that can be given out. Those that cannot fail, so that nobody waits behind them. */
function takeNext(transaction: Transaction, want: Want, options: SchedulerOptions): Assignment | undefined {
  for (;;) {
    const candidate = findCandidate(transaction, want);
    if (candidate === undefined) return undefined;
    try {
      return undoable(transaction, () => give(transaction, candidate, want.executor, options.maxInputBytes));
    } catch (thrown) {
      if (isStorageError(thrown)) throw thrown;
      finish(transaction, candidate, { state: STATE.failed, errors: [reasonOf(candidate, thrown, options)] });
    }
  }
}

function give(
  transaction: Transaction,
  candidate: ProcessRow,
  { executor_id: executorId }: ExecutorRow,
  maxInputBytes: number,
): Assignment {
  const given = assignTo(transaction, candidate, executorId, maxInputBytes);
  // What cannot be put into an answer must not be given out: nobody would hear of it.
  const reply = processJson(transaction.database, given);
  return { processId: given.process_id, attempt: given.attempt, reply };
}

function reasonOf({ process_id: processId }: ProcessRow, thrown: unknown, options: SchedulerOptions): string {
  if (thrown instanceof InputTooLargeError) return thrown.message;
  options.onUnreadable(processId, toError(thrown));
  return 'Not run: the server cannot read what it has stored of this process; its log says more';
}

function isColonyPaused({ database }: Transaction, colonyName: string): boolean {
  return findColony(database, colonyName)?.is_paused === 1;
}

function isApproved({ database }: Transaction, executor: ExecutorRow): boolean {
  const current = findExecutor(database, executor.colony_name, executor.executor_name);
  return current?.state === EXECUTOR_STATE.approved && current.executor_id === executor.executor_id;
}

const QUEUE = 'colony_name = ? AND executor_type = ? AND state = 0 AND waits_for_parents = 0';

function findCandidate({ database }: Transaction, want: Want): ProcessRow | undefined {
  const { executor, cpuMilli, memoryMebibytes } = want;
  return database.get<ProcessRow>(
    `SELECT * FROM processes WHERE ${QUEUE} AND cpu_milli <= ? AND memory_mebibytes <= ?
       AND location_name IN ('', ?)
       AND (executor_names IS NULL OR instr(executor_names, ?) > 0
         AND EXISTS (SELECT 1 FROM json_each(executor_names) WHERE value = ?))
     ORDER BY priority_ms, sequence LIMIT 1`,
    executor.colony_name,
    executor.executor_type,
    cpuMilli ?? Number.MAX_SAFE_INTEGER,
    memoryMebibytes ?? Number.MAX_SAFE_INTEGER,
    executor.location_name.toLowerCase(),
    // Where its text does not occur, many names need not be taken apart.
    JSON.stringify(executor.executor_name),
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
