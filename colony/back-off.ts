import { setTimeout as delay } from 'node:timers/promises';

/** How long, and how fast, something is tried again. */
export interface RetryPolicy {
  /** After this much time no further attempt is started; 0 means a single attempt. */
  readonly forMs: number;
  /** The first pause; every further one is twice as long. */
  readonly firstPauseMs: number;
  /** No pause is longer. */
  readonly longestPauseMs: number;
}

/** Bridges the restart of a server. */
export const DEFAULT_RETRY: RetryPolicy = { forMs: 10_000, firstPauseMs: 50, longestPauseMs: 2_000 };

/** Tries again as long as it is not aborted. */
export const RETRY_FOREVER: RetryPolicy = { ...DEFAULT_RETRY, forMs: Number.POSITIVE_INFINITY };

/**
 * The pause before attempt number `attempt + 1`: exponential, with a random half so that many daemons that lost the
 * same server do not all return at once.
 */
export function pauseMs(policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  const full = Math.min(policy.longestPauseMs, policy.firstPauseMs * 2 ** attempt);
  return full / 2 + (full / 2) * random();
}

/** Waits; rejects with the signal's reason as soon as that fires. Keeps no timer behind. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
