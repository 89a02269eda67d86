import type { Logger } from 'pino';
import { toError, UserError } from '../colony/errors.ts';
import { forgetUnregisteredBefore } from './executor-forgetting.ts';
import { inOrder, removeEndedBefore } from './removal.ts';
import type { Transactor } from './transaction.ts';

/** How long what has ended is kept. */
export interface RetentionOptions {
  /** Undefined: for ever. */
  readonly retentionSeconds?: number | undefined;
  /** How often what has become too old is removed. */
  readonly retentionIntervalMs?: number | undefined;
}

const DEFAULT_RETENTION_INTERVAL_MS = 60_000;

/**
 * Checks how long things are to be kept.
 *
 * @throws UserError when that is no positive number of seconds
 */
export function requireRetention({ retentionSeconds }: RetentionOptions): void {
  if (retentionSeconds === undefined || (Number.isFinite(retentionSeconds) && retentionSeconds > 0)) return;
  throw new UserError(
    `server retention: expected a number of seconds above 0, got ${retentionSeconds}; leave it out to keep everything`,
  );
}

/**
 * Removes what has ended long enough ago, at the start and then every minute, a little at a time. A failure is logged, and
 * the next round tries again.
 *
 * @returns ends it
 */
export function startRetention(
  transactor: Transactor,
  log: Logger,
  { retentionSeconds, retentionIntervalMs = DEFAULT_RETENTION_INTERVAL_MS }: RetentionOptions,
): () => void {
  if (retentionSeconds === undefined) return () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const stopping = new AbortController();
  const round = async (): Promise<void> => {
    try {
      const beforeMs = transactor.read(({ nowMs }) => nowMs) - retentionSeconds * 1000;
      const step = inOrder(removeEndedBefore(beforeMs), forgetUnregisteredBefore(beforeMs));
      while (!stopping.signal.aborted && (await transactor.write(step)) === 'more');
    } catch (thrown) {
      log.error({ err: toError(thrown) }, 'could not remove what is too old; the next round tries again');
    }
    if (!stopping.signal.aborted) timer = setTimeout(() => void round(), retentionIntervalMs);
  };
  void round();
  return () => {
    stopping.abort();
    clearTimeout(timer);
  };
}
