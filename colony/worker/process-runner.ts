import type { Logger } from 'pino';
import { DEFAULT_RETRY, pauseMs, RETRY_FOREVER, sleep } from '../back-off.ts';
import { openBlobStore } from '../blobs.ts';
import { withBlobs } from '../blobs/scope.ts';
import type { BlobStore } from '../blobs/store.ts';
import { ConnectionError, ColonyError, RetryableError, ServerError, TerminalError, toError } from '../errors.ts';
import type { ColonyFunction } from '../executor.ts';
import { unlessAborted } from '../limited-signal.ts';
import { call } from '../message-batches.ts';
import { closeFailed, closeSuccessful, type Process } from '../messages/processes.ts';
import { createRunSignal, type RunSignal } from './abort.ts';
import type { SendClose } from './closing.ts';
import { type Call, decodeCall, encodeOutput } from './function-call.ts';
import type { Session } from './registration.ts';
import type { WorkerSettings } from './settings.ts';
import { watchProcess } from './watch.ts';

/** What became of a process that the daemon was given. */
export type Outcome = 'success' | 'failed' | 'dropped';

/** One process in the hands of the daemon. */
interface Run {
  readonly settings: WorkerSettings;
  readonly session: Session;
  readonly process: Process;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly blobs: BlobStore;
  readonly sendClose: SendClose;
}

/**
 * Runs one assigned process from decoding to closing. Never throws: whatever goes wrong is told to the server, where
 * that is of use, and to the log.
 *
 * @param stopping fires when the daemon must stop; the process is then left open, to be handed back
 * @param sendClose tells the server how the process ended
 */
export async function runProcess(
  settings: WorkerSettings,
  session: Session,
  process: Process,
  stopping: AbortSignal,
  sendClose: SendClose,
): Promise<Outcome> {
  const { processId, workflowId, spec } = process;
  const log = settings.log.child({ processId, workflowId, functionName: spec.functionName });
  using runSignal: RunSignal = createRunSignal(processId, spec.maxExecTimeSeconds, stopping);
  void watchProcess(session, process, settings.watchMs, runSignal);
  const startedAt = performance.now();
  log.info({ nodeName: spec.nodeName, retries: process.retries }, 'assigned');
  const { signal } = runSignal;
  const outcome = await runAndClose({
    settings,
    session,
    process,
    log,
    signal,
    blobs: blobsFor(settings, session, log, signal),
    async sendClose(...closing) {
      runSignal.isClosing = true;
      await sendClose(...closing);
    },
  });
  log.info({ outcome, durationMs: Math.round(performance.now() - startedAt) }, 'done');
  return outcome;
}

/** Waits for a storage that is away as long as the process may run: what is computed shall not be lost to it. */
function blobsFor(
  { colonyName, s3 }: WorkerSettings,
  { client }: Session,
  log: Logger,
  signal: AbortSignal,
): BlobStore {
  const onRetry = ({ code }: ConnectionError): void => log.warn({ code }, 'the storage of blobs is away; trying again');
  return openBlobStore({ client, colonyName, s3, signal, retry: RETRY_FOREVER, onRetry });
}

/** How a run ended, as far as the server is to hear of it. */
type Result = { readonly output: string } | { readonly error: string };

async function runAndClose(run: Run): Promise<Outcome> {
  let result: Result;
  try {
    requireForMe(run);
    result = { output: await callUntilDone(run) };
  } catch (thrown) {
    if (run.signal.aborted) return drop(run);
    const error = toError(thrown);
    run.log.error(loggable(error), 'failed');
    result = { error: wordsForServer(run, error) };
  }
  return close(run, result);
}

/**
 * A server must hand out only what names this daemon's colony, its type and, where it names executors, this one: the
 * owner of the data has agreed to nothing else.
 *
 * @throws TerminalError naming what does not fit
 */
function requireForMe({ settings, session, process }: Run): void {
  const { colonyName, executorType, executorNames } = process.spec.conditions;
  const isNamed = executorNames.length === 0 || executorNames.some((name) => name === '*' || name === session.name);
  if (colonyName !== settings.colonyName) throw notForMe('colony', settings.colonyName);
  if (executorType !== settings.type) throw notForMe('executor type', settings.type);
  if (!isNamed) throw notForMe('executor name', session.name);
}

function notForMe(what: string, mine: string): TerminalError {
  return new TerminalError(`conditions: expected the ${what} "${mine}", got another one; it was not run`, {
    code: 'NOT_FOR_ME',
  });
}

/**
 * Runs the function again, on the same data, for as long as it asks for that and the deadline allows. Why it had to is
 * told once in the process's log: when time runs out, the server itself only says so.
 */
async function callUntilDone(run: Run): Promise<string> {
  const { definition } = run.settings;
  const { spec, input } = run.process;
  const { colonyFunction, values } = await withBlobs(run.blobs, () => decodeCall(definition, spec, input));
  let told = '';
  for (let attempt = 0; ; attempt++) {
    try {
      const output = await unlessAborted(callOnce(run, colonyFunction, values), run.signal);
      return await withBlobs(run.blobs, () => encodeOutput(colonyFunction, output));
    } catch (error) {
      if (!(error instanceof RetryableError)) throw error;
      const pause = error.retryAfterMs ?? pauseMs(DEFAULT_RETRY, attempt);
      run.log.warn({ attempt, code: error.code, pauseMs: Math.round(pause) }, `${error.message}; trying again`);
      if (error.message !== told) await report(run, `${error.message}; trying again until the deadline`);
      told = error.message;
      await sleep(pause, run.signal);
    }
  }
}

/** Adds a line to the process's log; the work goes on when that fails. */
async function report({ process, session, log, signal }: Run, message: string): Promise<void> {
  try {
    const { processId, attempt } = process;
    await session.client.addLog({ processId, attempt, message }, { signal });
  } catch (thrown) {
    log.warn({ code: thrown instanceof ColonyError ? thrown.code : undefined }, 'could not add to the process log');
  }
}

/** Asynchronous, so that a body that throws before its first await rejects like any other. */
async function callOnce(run: Run, colonyFunction: ColonyFunction, values: Call['values']) {
  const { processId, workflowId, retries, spec } = run.process;
  const { nodeName } = spec;
  const { signal, log, blobs } = run;
  const context = { processId, workflowId, nodeName, retries, signal, log, blobs };
  return colonyFunction.run({ ...values, ...context, report: (message) => report(run, message) });
}

/**
 * Closes, through outages of the server, until the deadline. A refusal means that the process is no longer ours, or that it
 * was closed by a request of which the answer was lost.
 */
async function close(run: Run, result: Result): Promise<Outcome> {
  let mayBeClosed = false;
  for (let attempt = 0; ; attempt++) {
    try {
      return await closeOnce(run, result);
    } catch (thrown) {
      if (run.signal.aborted) return drop(run);
      mayBeClosed ||= thrown instanceof ConnectionError;
      if (thrown instanceof ServerError && thrown.status === TOO_LARGE && 'output' in result) {
        return close(run, { error: `output: expected one that the server takes, got "${thrown.serverMessage}"` });
      }
      if (!isWorthAnotherCall(thrown, attempt)) {
        if (mayBeClosed && (await isClosed(run, result))) return outcomeOf(result);
        run.log.warn(loggable(toError(thrown)), 'the result is dropped');
        return 'dropped';
      }
      await sleep(pauseMs(DEFAULT_RETRY, attempt), run.signal).catch(() => {});
    }
  }
}

async function closeOnce({ process, signal, sendClose }: Run, result: Result): Promise<Outcome> {
  const closed = { processId: process.processId, attempt: process.attempt };
  const message =
    'output' in result
      ? call(closeSuccessful, { ...closed, output: [result.output] })
      : call(closeFailed, { ...closed, errors: [result.error] });
  await sendClose(message, signal);
  return outcomeOf(result);
}

function outcomeOf(result: Result): 'success' | 'failed' {
  return 'output' in result ? 'success' : 'failed';
}

/** Whether this attempt at the process has ended with such a result. */
async function isClosed({ process: { processId, attempt }, session, signal }: Run, result: Result): Promise<boolean> {
  try {
    const current = await session.client.getProcess({ processId }, { signal });
    const isOurs = current.assignedExecutorId === session.identity.id && current.attempt === attempt;
    return isOurs && current.state === outcomeOf(result);
  } catch {
    return false;
  }
}

const TOO_LARGE = 413;
/** The server says itself that it takes the request later; others, who fill it, must not make a result be dropped. */
const TOO_BUSY: ReadonlySet<number> = new Set([429, 503, 507]);
const ATTEMPTS_AT_A_FAILING_SERVER = 5;

/** What stands between may answer nonsense for a while, and a server may fail for a moment. */
function isWorthAnotherCall(error: unknown, attempt: number): boolean {
  if (error instanceof ConnectionError) return true;
  if (!(error instanceof ServerError)) return false;
  return TOO_BUSY.has(error.status) || (error.status >= 500 && attempt < ATTEMPTS_AT_A_FAILING_SERVER);
}

function drop(run: Run): Outcome {
  const reason = toError(run.signal.reason);
  run.log.warn({ code: reason instanceof ColonyError ? reason.code : undefined }, `left open: ${reason.message}`);
  return 'dropped';
}

/** The message of an unknown error may carry data, so only its class leaves the daemon. */
function wordsForServer({ settings, session, process }: Run, error: Error): string {
  if (error instanceof ColonyError) return error.message;
  const kind = /^\w{1,64}$/u.test(error.name) ? error.name : 'Error';
  return `${process.spec.functionName}: ${kind}; see the log of ${session.name} (${settings.type})`;
}

function loggable(error: Error): object {
  if (error instanceof ColonyError && !(error instanceof ConnectionError))
    return { code: error.code, reason: error.message };
  return { err: error };
}
