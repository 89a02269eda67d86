import { PROCESS_STATES, type Process } from '../messages/processes.ts';
import type { Session } from './registration.ts';
import type { WorkerSettings } from './settings.ts';

/** Which attempts at which processes the daemon has taken on. */
export interface Ledger {
  note(process: Process): void;
  has(process: Process): boolean;
}

const REMEMBERED_ATTEMPTS = 10_000;
const MAX_PROCESSES_PER_LIST = 100;

/** Starts an empty ledger; it forgets what lies far back. */
export function createLedger(): Ledger {
  const attempts = new Set<string>();
  return {
    note(process) {
      attempts.add(attemptOf(process));
      const [oldest] = attempts;
      if (oldest !== undefined && attempts.size > REMEMBERED_ATTEMPTS) attempts.delete(oldest);
    },
    has: (process) => attempts.has(attemptOf(process)),
  };
}

function attemptOf({ processId, attempt, retries }: Process): string {
  return `${processId} ${attempt ?? retries}`;
}

/**
 * Processes that the server has assigned to this daemon. Those not in its ledger it does not know of: the answer to an
 * assign call was lost, or an earlier start with the same key died. They are the daemon's to run; otherwise they would wait
 * for their deadline, or for ever where they have none. Looks at the hundred running processes of its type that servers list at
 * most; what lies beyond waits for its deadline.
 */
export async function findAssigned(
  { colonyName, type }: WorkerSettings,
  { client, identity }: Session,
  signal: AbortSignal,
): Promise<readonly Process[]> {
  const running = await client.getProcesses(
    {
      colonyName,
      executorType: type,
      state: PROCESS_STATES.indexOf('running'),
      count: MAX_PROCESSES_PER_LIST,
      label: '',
      initiator: '',
    },
    { signal },
  );
  return running.filter(({ assignedExecutorId }) => assignedExecutorId === identity.id);
}
