import { formatAddress } from './address.ts';
import { sleep } from './back-off.ts';
import { ConnectionError, TerminalError, toError } from './errors.ts';
import type { ExecutorDefinition } from './executor.ts';
import type { Process } from './messages/processes.ts';
import { createPlaces, heartbeat, isRegistrationLost, type Places, poll } from './worker/assignment.ts';
import { createClosing } from './worker/closing.ts';
import { createLedger, findAssigned, type Ledger } from './worker/orphans.ts';
import { createOutage } from './worker/outage.ts';
import { runProcess } from './worker/process-runner.ts';
import { enlist, register, registerAgain, type Session, unregister } from './worker/registration.ts';
import { settleOptions, uniqueName, type WorkerOptions, type WorkerSettings } from './worker/settings.ts';

export type { WorkerOptions } from './worker/settings.ts';

/** A running daemon. */
export interface Worker {
  /** Its executor name; another one after it had to register anew. */
  readonly name: string;
  /** Its executor id. */
  readonly executorId: string;
  /** Resolves once it is approved and takes work; rejects when it never will. */
  readonly ready: Promise<void>;
  /** Resolves once it has stopped; rejects when it had to, for instance because the colony's owner rejected it. */
  readonly stopped: Promise<void>;
  /** How many processes it runs at the moment. */
  readonly running: number;
  /**
   * Takes no more work, lets what runs finish for `graceMs`, then aborts it, unregisters (the server puts what is
   * unfinished back into the queue) and resolves. A second call may shorten the grace.
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

interface State {
  readonly settings: WorkerSettings;
  readonly places: Places;
  session: Session;
  /** Whether the server may not know, or not yet have approved, the session. */
  isRegistrationOpen: boolean;
  /** The session of which it was said that the server has forgotten it. */
  forgotten?: Session;
  readonly ledger: Ledger;
  /** Whether the server may have assigned something that the daemon has not heard of. */
  mayHaveOrphans: boolean;
  /** Fires when no more work may be taken. */
  readonly stopping: AbortController;
  /** Fires when what still runs must end. */
  readonly graceOver: AbortController;
}

/**
 * Starts a daemon: registers it and its functions, waits for its approval, then takes processes and runs them until it
 * is stopped. It survives restarts of the server, and registers anew when the server has forgotten it.
 *
 * @throws UserError for options that make no sense, ServerError when the registration is refused, ConnectionError when
 * the server cannot be reached in the time that `retry` gives
 * @example const worker = await startWorker(hospital, { server, colonyName: 'dev', colonyIdentity, log });
 */
export async function startWorker(definition: ExecutorDefinition, options: WorkerOptions): Promise<Worker> {
  const settings = settleOptions(definition, options);
  const state: State = {
    settings,
    places: createPlaces(settings.concurrency),
    session: await registerFirst(settings),
    isRegistrationOpen: true,
    ledger: createLedger(),
    mayHaveOrphans: settings.lastingIdentity !== undefined,
    stopping: new AbortController(),
    graceOver: new AbortController(),
  };
  const { ready, stopped } = live(state);
  return {
    get name() {
      return state.session.name;
    },
    get executorId() {
      return state.session.identity.id;
    },
    get running() {
      return state.places.taken;
    },
    ready,
    stopped,
    stop: ({ graceMs = settings.graceMs } = {}) => stop(state, stopped, graceMs),
  };
}

/** Whoever starts a daemon while the server is away should not wonder why nothing happens. */
async function registerFirst(settings: WorkerSettings): Promise<Session> {
  const say = (): void => settings.log.warn(`waiting for the Colonies server at ${formatAddress(settings.server)}`);
  const timer = setTimeout(say, SAID_AFTER_MS);
  try {
    return await register(settings, settings.chosenName ?? uniqueName(settings.type));
  } finally {
    clearTimeout(timer);
  }
}

const SAID_AFTER_MS = 1_000;

function live(state: State): Pick<Worker, 'ready' | 'stopped'> {
  let stopped: Promise<void> = Promise.resolve();
  const ready = new Promise<void>((resolve, reject) => {
    stopped = work(state, resolve);
    stopped.then(() => reject(new TerminalError('stopped before it was approved', { code: 'STOPPED' })), reject);
  });
  // Whoever starts a daemon may look at one of the two promises only, or at neither; a failure is in the log as well.
  for (const promise of [ready, stopped]) promise.catch(() => {});
  return { ready, stopped };
}

async function work(state: State, onReady: () => void): Promise<void> {
  const { settings, graceOver } = state;
  let graceTimer: NodeJS.Timeout | undefined;
  try {
    await takeWork(state, onReady);
  } catch (thrown) {
    settings.log.error({ executorName: state.session.name }, toError(thrown).message);
    state.stopping.abort();
    graceTimer = setTimeout(() => graceOver.abort(), settings.graceMs);
    throw thrown;
  } finally {
    await state.places.waitForAll();
    clearTimeout(graceTimer);
    await unregister(settings, state.session);
    settings.log.info({ executorName: state.session.name }, 'stopped');
  }
}

/** Until told to stop: registered, approved, one process after the other. Only a TerminalError ends it before. */
async function takeWork(state: State, onReady: () => void): Promise<void> {
  const stopping = state.stopping.signal;
  const outage = createOutage(state.settings.log);
  while (!stopping.aborted) {
    try {
      await settleRegistration(state, onReady);
      await adoptOrphans(state);
      const isFree = await state.places.waitForFree(state.settings.heartbeatMs, stopping);
      // What was assigned unheard meanwhile comes before anything new.
      if (state.mayHaveOrphans) continue;
      const process = await nextProcess(state, isFree);
      outage.ended();
      if (process !== undefined) takeOn(state, process);
    } catch (error) {
      if (stopping.aborted) return;
      if (error instanceof TerminalError) throw error;
      state.isRegistrationOpen ||= isRegistrationLost(error);
      state.mayHaveOrphans ||= error instanceof ConnectionError;
      await sleep(outage.failed(error), stopping).catch(() => {});
    }
  }
}

function takeOn(state: State, process: Process): void {
  state.ledger.note(process);
  state.places.occupy(runWithSuccessors(state, process));
}

/** Runs a process, then the one that the server gives with the answer to its close, and so on. */
async function runWithSuccessors(state: State, first: Process): Promise<void> {
  const { settings, session, places, ledger, stopping, graceOver } = state;
  const isRegistered = (): boolean => !state.isRegistrationOpen && state.session === session;
  const nextWork = {
    isWanted: () => !stopping.signal.aborted && !places.isOverfull && isRegistered(),
    hear(process: Process) {
      if (ledger.has(process)) return false;
      ledger.note(process);
      return true;
    },
    missed: () => (state.mayHaveOrphans = true),
  };
  for (let process: Process | undefined = first; process !== undefined;) {
    const closing = createClosing(settings, session, nextWork);
    await runProcess(settings, session, process, graceOver.signal, closing.send);
    process = closing.next;
    // Whoever does not unregister cannot hand it back: it is run in the time that is left.
    if (process === undefined || !stopping.signal.aborted || !session.isOwn) continue;
    settings.log.warn({ processId: process.processId }, 'left open: assigned while the daemon was told to stop');
    return;
  }
}

async function adoptOrphans(state: State): Promise<void> {
  if (!state.mayHaveOrphans) return;
  // First, because more may be lost while the server is asked.
  state.mayHaveOrphans = false;
  const { settings, session, ledger, stopping } = state;
  try {
    for (const process of await findAssigned(settings, session, stopping.signal)) {
      if (ledger.has(process)) continue;
      settings.log.warn({ processId: process.processId }, 'adopting a process whose assignment was not heard');
      takeOn(state, process);
    }
  } catch (error) {
    state.mayHaveOrphans = true;
    throw error;
  }
}

async function settleRegistration(state: State, onReady: () => void): Promise<void> {
  if (!state.isRegistrationOpen) return;
  const { settings, stopping } = state;
  // Kept before anything else can fail, so that the end of the daemon unregisters it.
  state.session = await registerAgain(settings, state.session, stopping.signal, () => sayForgotten(state));
  state.session = await enlist(settings, state.session, stopping.signal);
  // So that it is known when the first process is closed.
  await state.session.client.takesBatches(stopping.signal);
  state.isRegistrationOpen = false;
  onReady();
}

/** Once per session: a server that refuses the new registration is asked again and again. */
function sayForgotten(state: State): void {
  const { settings, session, forgotten } = state;
  if (forgotten === session) return;
  state.forgotten = session;
  settings.log.warn({ executorName: session.name }, 'the server no longer knows this executor; registering anew');
}

/** Waits for work; a sign of life stands in for a poll while every place is taken. */
async function nextProcess({ settings, session, stopping }: State, isPlaceFree: boolean): Promise<Process | undefined> {
  const ask = isPlaceFree ? poll : heartbeat;
  return ask(settings, session, stopping.signal);
}

async function stop(state: State, stopped: Promise<void>, graceMs: number): Promise<void> {
  state.settings.log.info({ running: state.places.taken, graceMs }, 'stopping');
  state.stopping.abort();
  const timer = setTimeout(() => state.graceOver.abort(), graceMs);
  try {
    await stopped;
  } finally {
    clearTimeout(timer);
  }
}
