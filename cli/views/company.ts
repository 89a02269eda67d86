import type { Process } from '../../colony/messages/processes.ts';
import type { Connection, Context } from '../framework/context.ts';

/** What the user is kept informed of while a command waits. */
export interface Waiting {
  /** The processes as they now are. */
  readonly look: () => Promise<readonly Process[]>;
  /** Told what the user should know. */
  readonly say: (message: string) => void;
  /** Fires when the user interrupts the command. */
  readonly signal: AbortSignal;
  /** Said then: that the work goes on, and how to look at it. */
  readonly goesOn: string;
}

const LOOK_EVERY_MS = 3_000;

/**
 * Keeps a user company who waits for `end`: says, once per process, that nobody is there to run it, and after an
 * interruption that the work goes on.
 */
export async function keepCompany<T>(connection: Connection, waiting: Waiting, end: () => Promise<T>): Promise<T> {
  const told = new Set<string>();
  const onInterrupt = (): void => waiting.say(waiting.goesOn);
  waiting.signal.addEventListener('abort', onInterrupt, { once: true });
  const timer = setInterval(() => {
    // Advice only: whoever waits hears of a server that is away.
    sayWhatIsMissing(connection, waiting, told).catch(() => {});
  }, LOOK_EVERY_MS);
  try {
    return await end();
  } finally {
    clearInterval(timer);
    waiting.signal.removeEventListener('abort', onInterrupt);
  }
}

/** {@link keepCompany} while one process is waited for. */
export async function keepCompanyWith<T>(
  connection: Connection,
  processId: string,
  { io: { signal }, say }: Context,
  end: () => Promise<T>,
): Promise<T> {
  const waiting: Waiting = {
    look: async () => [await connection.client.getProcess({ processId }, { signal })],
    say,
    signal,
    goesOn: `The process goes on; look at it with "colonies process get ${processId}"`,
  };
  return keepCompany(connection, waiting, end);
}

async function sayWhatIsMissing(
  { client, colonyName }: Connection,
  { look, say, signal }: Waiting,
  told: Set<string>,
): Promise<void> {
  const idle = idleAmong(await look()).filter(({ processId }) => !told.has(processId));
  if (idle.length === 0) return;
  const executors = await client.getExecutors({ colonyName }, { signal });
  const types = new Set(executors.filter(({ state }) => state === 'approved').map(({ executorType }) => executorType));
  for (const { processId, spec } of idle) {
    const { executorType } = spec.conditions;
    if (types.has(executorType) || told.has(processId)) continue;
    told.add(processId);
    const who = spec.nodeName === '' ? `process ${processId}` : spec.nodeName;
    say(
      `${who}: no approved executor of type "${executorType}" is registered; start one with "colonies executor start ..."`,
    );
  }
}

/** Processes that an executor could take now. Those of an older look may not know yet that their parents are done. */
function idleAmong(processes: readonly Process[]): readonly Process[] {
  const states = new Map(processes.map(({ processId, state }) => [processId, state]));
  return processes.filter(
    ({ state, parents, waitForParents }) =>
      state === 'waiting' && (!waitForParents || parents.every((parent) => states.get(parent) === 'success')),
  );
}
