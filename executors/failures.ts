import type { Logger } from 'pino';
import { ColonyError, RetryableError, TerminalError, UserError } from '../colony/errors.ts';
import { EngineError } from '../crypto/modular/engine-error.ts';
import { DataError } from '../data/errors.ts';

/**
 * Runs a function's body and turns the refusals of data and cryptography into errors that decide about retries: an
 * unreachable database may answer later, everything else fails the process at once. Their messages hold no data and may
 * travel; any other error is left as it is.
 *
 * @param log the daemon's own log, which hears what only its operator may know
 */
export async function refusing<T>(log: Logger, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof DataError && error.operatorNote !== undefined)
      log.warn({ code: error.code }, error.operatorNote);
    throw asRefusal(error);
  }
}

function asRefusal(error: unknown): unknown {
  if (error instanceof ColonyError) return error;
  if (error instanceof DataError) {
    const facts = { code: error.code };
    return error.retryable ? new RetryableError(error.message, facts) : new TerminalError(error.message, facts);
  }
  if (error instanceof RangeError) return new TerminalError(error.message, { code: 'OUT_OF_RANGE' });
  return error;
}

/** Whether the message alone helps the user, who can mend it or ask the server's owner; anything else is our bug. */
export function isMendable(error: unknown): boolean {
  return [UserError, ColonyError, DataError, EngineError].some((kind) => error instanceof kind);
}
