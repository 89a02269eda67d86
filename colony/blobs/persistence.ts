import { pauseMs, type RetryPolicy, sleep } from '../back-off.ts';
import { ColonyError, ConnectionError, toError } from '../errors.ts';
import { codeOf, isLostConnection } from '../transport.ts';

/** What storing and fetching blobs may do: how long it is tried, until when, and who hears of it. */
export interface Persistence {
  readonly retry: RetryPolicy;
  readonly signal: AbortSignal | undefined;
  /** Told before every pause. */
  readonly onRetry?: ((error: ConnectionError) => void) | undefined;
}

/** Counts attempts in vain. Whoever makes progress begins anew. */
export interface Patience {
  /** Waits before another attempt. @throws ConnectionError for what is not worth one, and once the time is over */
  afterFailure(thrown: unknown): Promise<void>;
  progress(): void;
}

/**
 * Tries again after lost connections and answers of servers that are busy, with growing pauses. Everything that is done
 * with blobs may be repeated: a name means the same bytes for ever.
 *
 * @param where what failed and with whom, for the message
 */
export function createPatience(where: string, { retry, signal, onRetry }: Persistence): Patience {
  // Counted from the first failure: whoever reads slowly has lost no time with it.
  let failingSince: number | undefined;
  let attempt = 0;
  return {
    progress() {
      failingSince = undefined;
      attempt = 0;
    },
    async afterFailure(thrown) {
      signal?.throwIfAborted();
      if (thrown instanceof ColonyError && !(thrown instanceof ConnectionError)) throw thrown;
      const code = codeOf(thrown);
      const error = lost(where, code, thrown);
      const pause = pauseMs(retry, attempt);
      failingSince ??= performance.now();
      if (!isLostConnection(code) || performance.now() - failingSince + pause >= retry.forMs) throw error;
      attempt += 1;
      onRetry?.(error);
      await sleep(pause, signal);
    },
  };
}

/** Does something until it succeeds, or must not be tried any more. */
export async function persevere<T>(where: string, persistence: Persistence, attempt: () => Promise<T>): Promise<T> {
  const patience = createPatience(where, persistence);
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      await patience.afterFailure(thrown);
    }
  }
}

function lost(where: string, code: string, thrown: unknown): ConnectionError {
  const isWordless = thrown instanceof ConnectionError || code === 'NO_ANSWER';
  const reason = isWordless ? toError(thrown).message : code;
  return new ConnectionError(`${where}: expected an answer, got ${reason}`, { code, cause: thrown });
}
