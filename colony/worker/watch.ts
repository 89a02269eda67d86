import { sleep } from '../back-off.ts';
import { ServerError } from '../errors.ts';
import type { Process } from '../messages/processes.ts';
import type { AbortCode, RunSignal } from './abort.ts';
import type { Session } from './registration.ts';

/**
 * Looks at a running process every now and then, until its run has ended, and aborts the run once the process is no
 * longer this daemon's: a server tells nobody that it was cancelled, removed, or handed to another executor.
 */
export async function watchProcess(session: Session, process: Process, watchMs: number, run: RunSignal): Promise<void> {
  while (!run.ended.aborted) {
    await sleep(watchMs, run.ended).catch(() => {});
    const loss = await findLoss(session, process, run);
    if (loss !== undefined) run.abort(loss);
  }
}

/** Why the process is no longer ours; undefined while it is, or while the server cannot be asked. */
async function findLoss(
  session: Session,
  { processId, attempt }: Process,
  run: RunSignal,
): Promise<AbortCode | undefined> {
  try {
    const current = await session.client.getProcess({ processId }, { signal: run.ended, retry: { forMs: 0 } });
    const { state } = current;
    if (state === 'running') {
      const isOurs = current.assignedExecutorId === session.identity.id && current.attempt === attempt;
      return isOurs ? undefined : 'REASSIGNED';
    }
    if (run.isClosing && state !== 'waiting' && state !== 'cancelled') return undefined;
    return state === 'waiting' ? 'REASSIGNED' : 'CANCELLED';
  } catch (error) {
    if (!(error instanceof ServerError)) return undefined;
    if (error.status === 403) return 'DISMISSED';
    return error.status === 404 ? 'CANCELLED' : undefined;
  }
}
