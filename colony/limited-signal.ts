import { toError } from './errors.ts';

/** A signal with a time limit; disposing of it leaves neither a timer nor a listener behind. */
export interface LimitedSignal extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * A signal that fires with `outer`, for its reason, or after a time. (`AbortSignal.any` and `AbortSignal.timeout` would
 * keep listener and timer until they fire.)
 *
 * @param timeoutReason what it then fires with
 */
export function limitSignal(
  outer: AbortSignal | undefined,
  timeoutMs: number,
  timeoutReason: () => Error,
): LimitedSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort(outer?.reason);
  if (outer?.aborted === true) abort();
  outer?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => controller.abort(timeoutReason()), timeoutMs);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      outer?.removeEventListener('abort', abort);
    },
  };
}

/** Settles as the promise does, or rejects with the signal's reason as soon as that fires. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(toError(signal.reason));
    const settled = (): void => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(settled);
    if (signal.aborted) abort();
  });
}
