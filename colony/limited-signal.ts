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
