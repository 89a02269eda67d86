import { sleep } from '../back-off.ts';
import { type CallOptions, isNothingToAssign } from '../client.ts';
import { ServerError } from '../errors.ts';
import { call, type MessageCall } from '../message-batches.ts';
import { assignProcess, type Process } from '../messages/processes.ts';
import type { Session } from './registration.ts';
import type { WorkerSettings } from './settings.ts';

/**
 * Asks for work, up to `pollTimeoutSeconds` long.
 *
 * @returns undefined when there was none
 * @throws ServerError, ConnectionError
 */
export async function poll(
  settings: WorkerSettings,
  session: Session,
  signal: AbortSignal,
): Promise<Process | undefined> {
  return assign(session, { ...offer(settings), timeoutSeconds: settings.pollTimeoutSeconds }, { signal });
}

/** The question for work that is at hand, to be sent along with something else. */
export function pollWithoutWaiting(settings: WorkerSettings): MessageCall<Process> {
  return call(assignProcess, { ...offer(settings), timeoutSeconds: -1 });
}

/**
 * Shows the server that the daemon lives. Only assign calls count as a sign of life, and a daemon that gives none for
 * ten minutes is unregistered although it may be computing; so this asks for work that uses less than nothing, of
 * which there is none.
 */
export async function heartbeat(
  settings: WorkerSettings,
  session: Session,
  signal: AbortSignal,
): Promise<Process | undefined> {
  return assign(session, { ...offer(settings), timeoutSeconds: -1, availableCpu: '-1m' }, { signal });
}

/** Whether the server no longer takes this daemon for an approved executor of the colony. */
export function isRegistrationLost(error: unknown): boolean {
  if (!(error instanceof ServerError)) return false;
  return error.status === 403 || (error.status === 500 && error.serverMessage.includes('executor not found'));
}

function offer({ colonyName }: WorkerSettings) {
  return { colonyName, availableCpu: '', availableMemory: '' };
}

type Request = ReturnType<typeof offer> & { readonly timeoutSeconds: number };

async function assign(session: Session, request: Request, options: CallOptions): Promise<Process | undefined> {
  try {
    return await session.client.assignProcess(request, { ...options, retry: { forMs: 0 } });
  } catch (error) {
    if (saysNoWork(error)) return undefined;
    throw error;
  }
}

/** Whether a refused poll says that nothing was assigned, and nothing else. */
export function saysNoWork(error: unknown): boolean {
  return isNothingToAssign(error) || isPaused(error);
}

/** The owner paused the colony: the request waited as long as it would have for work. */
function isPaused(error: unknown): boolean {
  return error instanceof ServerError && (error.status === 408 || error.status === 503);
}

/** The places for running processes. */
export interface Places {
  /** How many are taken. */
  readonly taken: number;
  /** Whether more are taken than there are, since what was assigned already is never turned away. */
  readonly isOverfull: boolean;
  /** Takes a place until the task has ended. */
  occupy(task: Promise<unknown>): void;
  /** Waits until a place is free, at most `limitMs`; tells whether one is. */
  waitForFree(limitMs: number, signal: AbortSignal): Promise<boolean>;
  /** Waits until every place is free. */
  waitForAll(): Promise<void>;
}

/** Makes `count` places. */
export function createPlaces(count: number): Places {
  const tasks = new Set<Promise<unknown>>();
  return {
    get taken() {
      return tasks.size;
    },
    get isOverfull() {
      return tasks.size > count;
    },
    occupy(task) {
      const tracked = task.finally(() => tasks.delete(tracked));
      tasks.add(tracked);
    },
    async waitForFree(limitMs, signal) {
      if (tasks.size < count) return true;
      const over = new AbortController();
      const either = AbortSignal.any([over.signal, signal]);
      await Promise.race([...tasks, sleep(limitMs, either).catch(() => {})]);
      over.abort();
      return tasks.size < count;
    },
    async waitForAll() {
      while (tasks.size > 0) await Promise.allSettled(tasks);
    },
  };
}
