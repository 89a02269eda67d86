import { ColonyError } from '../errors.ts';
import { MAX_TIMER_MS } from './settings.ts';

/** Why a running function must end although it is not done. */
export type AbortCode = 'DEADLINE' | 'CANCELLED' | 'REASSIGNED' | 'DISMISSED' | 'STOPPING';

const WORDS: Readonly<Record<AbortCode, string>> = {
  DEADLINE: 'the process has run out of time',
  CANCELLED: 'the process was cancelled',
  REASSIGNED: 'the process is no longer assigned to the daemon',
  DISMISSED: 'the daemon is no longer an approved executor of the colony',
  STOPPING: 'the daemon must stop',
};

/** The reason of a function's abort signal. */
class AbortedError extends ColonyError {
  override readonly name = 'AbortedError';
  declare readonly code: AbortCode;

  constructor(code: AbortCode, processId: string) {
    super(WORDS[code], { code, processId });
  }
}

/** The signal of one run of one process. */
export interface RunSignal extends Disposable {
  readonly signal: AbortSignal;
  abort(code: AbortCode): void;
  /** Whether the server is being told how the process ended: that it has ended is no loss from then on. */
  isClosing: boolean;
  /** Fires when the run is over, however it ended. */
  readonly ended: AbortSignal;
}

/**
 * Starts the clock of a run. The server's deadline is counted from here, so that clocks that disagree do no harm.
 *
 * @param maxExecTimeSeconds 0 or less means no limit
 * @param stopping fires when the daemon must stop
 */
export function createRunSignal(processId: string, maxExecTimeSeconds: number, stopping: AbortSignal): RunSignal {
  const controller = new AbortController();
  const abort = (code: AbortCode): void => controller.abort(new AbortedError(code, processId));
  const stop = (): void => abort('STOPPING');
  const ended = new AbortController();
  if (stopping.aborted) stop();
  stopping.addEventListener('abort', stop, { once: true });
  const limitMs = maxExecTimeSeconds * 1000;
  const hasLimit = limitMs > 0 && limitMs <= MAX_TIMER_MS;
  const timer = hasLimit ? setTimeout(() => abort('DEADLINE'), limitMs) : undefined;
  return {
    signal: controller.signal,
    abort,
    isClosing: false,
    ended: ended.signal,
    [Symbol.dispose]() {
      ended.abort();
      clearTimeout(timer);
      stopping.removeEventListener('abort', stop);
    },
  };
}
