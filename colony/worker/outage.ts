import type { Logger } from 'pino';
import { DEFAULT_RETRY, pauseMs, type RetryPolicy } from '../back-off.ts';
import { ColonyError, ServerError, toError } from '../errors.ts';

/** A stretch of time in which the server does not answer as it should: said once, not with every attempt. */
export interface Outage {
  /** Notes one more failure; returns how long to wait before the next attempt. */
  failed(error: unknown): number;
  /** Notes that the server answers. */
  ended(): void;
}

/** A server that is away comes back within seconds; one that refuses needs somebody who changes something. */
const REFUSED_RETRY: RetryPolicy = { ...DEFAULT_RETRY, longestPauseMs: 60_000 };

/** Starts watching; `log` hears when an outage begins, when its reason changes, and when it is over. */
export function createOutage(log: Pick<Logger, 'warn' | 'info'>): Outage {
  let failures = 0;
  let reason = '';
  return {
    failed(thrown) {
      const error = toError(thrown);
      if (error.message !== reason) {
        log.warn({ code: error instanceof ColonyError ? error.code : error.name }, `${error.message}; trying again`);
        reason = error.message;
      }
      return pauseMs(isRefusal(error) ? REFUSED_RETRY : DEFAULT_RETRY, failures++);
    },
    ended() {
      if (failures > 0) log.info({ failures }, 'the server answers again');
      failures = 0;
      reason = '';
    },
  };
}

function isRefusal(error: Error): boolean {
  return error instanceof ServerError && error.status === 403;
}
