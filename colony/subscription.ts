import { RETRY_FOREVER, type RetryPolicy } from './back-off.ts';
import { mapInBatches } from './batches.ts';
import type { CallOptions, ColoniesClient } from './client.ts';
import { ColonyError } from './errors.ts';
import type { Identity } from './identity.ts';
import { limitSignal } from './limited-signal.ts';
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
  /** How long a server that is away is waited for; for ever unless given. */
  readonly retry?: Partial<RetryPolicy> | undefined;
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
    retry = RETRY_FOREVER,
  }: Omit<WaitOptions, 'timeoutMs'> & { readonly processId: string },
): AsyncGenerator<Process, void, undefined> {
  let state: ProcessState | undefined;
  const pace = createPace(pollMs);
  using hints = openHints(client, identity);
  hints.watch(processId);
  for (;;) {
    const process = await client.getProcess({ processId }, { signal, identity, retry });
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
 * Waits until a workflow has succeeded, failed or been cancelled, and tells of the changes of its processes on the
 * way. A failed workflow ends the wait although some of its processes may still run.
 *
 * @param onProgress told of all processes, in the order of the server's list, whenever the state of one has changed
 * @throws ColonyError `WAIT_TIMEOUT`; ServerError for an unknown workflow or a stranger; the signal's reason
 */
export async function followWorkflow(
  client: ColoniesClient,
  {
    workflowId,
    timeoutMs,
    onProgress,
    pollMs = DEFAULT_POLL_MS,
    retry = RETRY_FOREVER,
    ...options
  }: WaitOptions & {
    readonly workflowId: string;
    readonly onProgress?: (processes: readonly Process[]) => void;
  },
): Promise<WorkflowProgress> {
  return withTimeout(`workflow ${workflowId}`, timeoutMs, options.signal, async (signal) => {
    const call = { signal, identity: options.identity, retry };
    const known = new Map<string, Process>();
    const pace = createPace(pollMs);
    using hints = openHints(client, options.identity);
    for (;;) {
      const workflow = await client.getWorkflow({ workflowId }, call);
      const hasChanged = await refresh(client, workflow, { known, hints, call });
      const processes = workflow.processIds.flatMap((processId) => known.get(processId) ?? []);
      if (hasChanged) onProgress?.(processes);
      if (isFinal(workflow.state)) return { workflow, processes };
      pace.next(await hints.wait(pace.waitMs, signal));
    }
  });
}

interface Following {
  readonly known: Map<string, Process>;
  readonly hints: Hints;
  readonly call: CallOptions;
}

/** Looks at every process that was not final when it was last seen; tells whether the state of one has changed. */
async function refresh(client: ColoniesClient, workflow: Workflow, { known, hints, call }: Following) {
  // The official server turns even finished processes of a failed workflow into failed ones.
  const isOpen = (processId: string): boolean =>
    workflow.state === 'failed' || !isFinal(known.get(processId)?.state ?? 'waiting');
  const processes = await mapInBatches(workflow.processIds.filter(isOpen), (processId) =>
    client.getProcess({ processId }, call),
  );
  let hasChanged = false;
  for (const process of processes) {
    hasChanged ||= process.state !== known.get(process.processId)?.state;
    known.set(process.processId, process);
    // Also of one that has ended: its event says that the workflow may have, too.
    if (!isFinal(workflow.state)) hints.watch(process.processId);
  }
  return hasChanged;
}

async function withTimeout<T>(
  what: string,
  timeoutMs: number | undefined,
  outer: AbortSignal | undefined,
  wait: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (timeoutMs === undefined) return wait(outer);
  const message = `${what}: expected its end within ${timeoutMs / 1000} s, got none; it goes on`;
  using limit = limitSignal(outer, timeoutMs, () => new ColonyError(message, { code: 'WAIT_TIMEOUT' }));
  return await wait(limit.signal);
}
