import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../colony/errors.ts';

/** How long to look for something. */
export interface PollOptions {
  readonly signal: AbortSignal;
  /** Gives up after this long; never when left out. */
  readonly timeoutMs?: number | undefined;
  /** What the user is told when the time is over. */
  readonly timeoutMessage: string;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Looks again and again, at first quickly, until `look` finds something. Events of a server would be quicker, but the
 * official one sends none for nodes that fail with their workflow, nor for cancelled ones.
 *
 * @param look its answer, or undefined to be asked again
 * @throws UserError when the time is over; the signal's reason when that fires
 */
export async function pollUntil<T>(look: () => Promise<T | undefined>, options: PollOptions): Promise<T> {
  const { signal, timeoutMs = Number.POSITIVE_INFINITY, timeoutMessage } = options;
  const deadlineMs = performance.now() + timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.3, LONGEST_PAUSE_MS)) {
    const found = await look();
    if (found !== undefined) return found;
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) throw new UserError(timeoutMessage);
    await sleep(Math.min(pauseMs, leftMs), undefined, { signal });
  }
}
