import type { Worker } from './worker.ts';

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof SIGNALS;

/**
 * Waits until the daemon has stopped, and stops it on SIGINT or SIGTERM: what runs may finish within its grace, the
 * rest goes back to the queue. A second signal ends the process at once, with the exit code that shells expect.
 *
 * @param starting the daemon, or its start: a signal during the registration is then obeyed as soon as that is done, and
 * the daemon unregistered
 * @throws whatever made the daemon stop by itself, or kept it from starting
 */
export async function runUntilSignal(
  starting: Worker | Promise<Worker>,
  options: { readonly graceMs?: number } = {},
): Promise<void> {
  let isStopping = false;
  let worker: Worker | undefined;
  const stop = (name: StopSignal): void => {
    if (isStopping) process.exit(SIGNALS[name]);
    isStopping = true;
    // Its failure, if any, is that of `worker.stopped`.
    worker?.stop(options).catch(() => {});
  };
  const onInterrupt = (): void => stop('SIGINT');
  const onTerminate = (): void => stop('SIGTERM');
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate);
  try {
    worker = await starting;
    if (isStopping) await worker.stop(options);
    await worker.stopped;
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate);
  }
}
