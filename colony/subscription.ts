import { RETRY_FOREVER } from './back-off.ts';
import type { ColoniesClient } from './client.ts';
import { ColonyError } from './errors.ts';
import type { Identity } from './identity.ts';
import { isFinal, type Process, type ProcessState } from './messages/processes.ts';
import type { Workflow } from './messages/workflows.ts';
import { type Hints, openHints } from './process-hints.ts';

/** How to wait. */
export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** After this time the wait ends with a ColonyError `WAIT_TIMEOUT`; without it there is no limit. */
  readonly timeoutMs?: number | undefined;
  /** Who asks, where it is not the client's own identity. */
  readonly identity?: Identity | undefined;
  /** How often to look without having heard of a change; 2 s unless given. */
  readonly pollMs?: number | undefined;
}

const DEFAULT_POLL_MS = 2_000;
const READ_AGAIN_MS = 25;

/** How long to wait for the next hint: short right after one, since it may come a moment before the change can be read. */
function createPace(pollMs: number) {
  let waitMs = pollMs;
  return {
    get waitMs() {
      return waitMs;
    },
    next(wasHinted: boolean) {
      waitMs = wasHinted ? Math.min(READ_AGAIN_MS, pollMs) : Math.min(2 * waitMs, pollMs);
    },
  };
}

/**
 * The states of a process from now on, ending with its final one; each element is the process as it then is, with its
 * output. States that last too short a time may be skipped. Survives restarts of the server; leaves neither a socket
 * nor a timer behind, also when it is not read to its end.
 *
 * @throws ServerError for an unknown process or a stranger; the signal's reason
 * @example for await (const process of subscribeToProcess(client, { processId })) console.log(process.state);
 */
export async function* subscribeToProcess(
  client: ColoniesClient,
  {
    processId,
    signal,
    identity,
    pollMs = DEFAULT_POLL_MS,
  }: Omit<WaitOptions, 'timeoutMs'> & { readonly processId: string },
): AsyncGenerator<Process, void, undefined> {
  let state: ProcessState | undefined;
  const pace = createPace(pollMs);
  using hints = openHints(client, identity);
  hints.watch(processId);
  for (;;) {
    const process = await client.getProcess({ processId }, { signal, identity, retry: RETRY_FOREVER });
    if (process.state !== state) yield process;
    if (isFinal(process.state)) return;
    state = process.state;
    pace.next(await hints.wait(pace.waitMs, signal));
  }
}

/**
 * Waits until a process has succeeded, failed or been cancelled.
 *
 * @returns the process with its output and errors
 * @throws ColonyError `WAIT_TIMEOUT`; ServerError for an unknown process or a stranger; the signal's reason
 */
export async function waitForProcess(
  client: ColoniesClient,
  { processId, timeoutMs, ...options }: WaitOptions & { readonly processId: string },
): Promise<Process> {
  return withTimeout(`process ${processId}`, timeoutMs, options.signal, async (signal) => {
    for await (const process of subscribeToProcess(client, { ...options, processId, signal })) {
      if (isFinal(process.state)) return process;
    }
    throw new ColonyError(`process ${processId}: expected a final state, got none`, { processId });
  });
}

/** A workflow and its processes, in the order of the server's list. */
export interface WorkflowProgress {
  readonly workflow: Workflow;
  readonly processes: readonly Process[];
}

/**
 * Waits until a workflow has succeeded, failed or been cancelled, and tells of every change of one of its processes on
 * the way. A failed workflow ends the wait although some of its processes may still run.
 *
 * @param onChange told of each process when it is first seen and whenever its state has changed
 * @throws ColonyError `WAIT_TIMEOUT`; ServerError for an unknown workflow or a stranger; the signal's reason
 */
export async function followWorkflow(
  client: ColoniesClient,
  {
    workflowId,
    timeoutMs,
    onChange,
    pollMs = DEFAULT_POLL_MS,
    ...options
  }: WaitOptions & { readonly workflowId: string; readonly onChange?: (process: Process) => void },
): Promise<WorkflowProgress> {
  return withTimeout(`workflow ${workflowId}`, timeoutMs, options.signal, async (signal) => {
    const call = { signal, identity: options.identity, retry: RETRY_FOREVER };
    const known = new Map<string, Process>();
    const pace = createPace(pollMs);
    using hints = openHints(client, options.identity);
    for (;;) {
      const workflow = await client.getWorkflow({ workflowId }, call);
      await refresh(client, workflow, { known, hints, call, onChange });
      const processes = workflow.processIds.flatMap((processId) => known.get(processId) ?? []);
      if (isFinal(workflow.state)) return { workflow, processes };
      pace.next(await hints.wait(pace.waitMs, signal));
    }
  });
}

interface Following {
  readonly known: Map<string, Process>;
  readonly hints: Hints;
  readonly call: { readonly signal: AbortSignal | undefined; readonly identity: Identity | undefined };
  readonly onChange: ((process: Process) => void) | undefined;
}

/** Looks at every process that was not final when it was last seen; one after the other, so that no server is flooded. */
async function refresh(
  client: ColoniesClient,
  workflow: Workflow,
  { known, hints, call, onChange }: Following,
): Promise<void> {
  for (const processId of workflow.processIds) {
    const before = known.get(processId);
    // The official server turns even finished processes of a failed workflow into failed ones.
    if (before !== undefined && isFinal(before.state) && workflow.state !== 'failed') continue;
    const process = await client.getProcess({ processId }, call);
    known.set(processId, process);
    hints.watch(processId);
    if (process.state !== before?.state) onChange?.(process);
  }
}

async function withTimeout<T>(
  what: string,
  timeoutMs: number | undefined,
  outer: AbortSignal | undefined,
  wait: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (timeoutMs === undefined) return wait(outer);
  const limit = new AbortController();
  const abort = (): void => limit.abort(outer?.reason);
  if (outer?.aborted === true) abort();
  outer?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => {
    limit.abort(
      new ColonyError(`${what}: expected its end within ${timeoutMs} ms, got none`, { code: 'WAIT_TIMEOUT' }),
    );
  }, timeoutMs);
  try {
    return await wait(limit.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', abort);
  }
}
