import { resolve } from 'node:path';
import type { Environment } from '../../colony/environment.ts';
import { UserError } from '../../colony/errors.ts';
import type { Worker } from '../../colony/worker.ts';
import type { DaemonOptions } from '../../executors/daemon-options.ts';
import type { Context } from '../framework/context.ts';
import { colonyKey } from '../framework/global-options.ts';

/** Options of every command that runs a daemon. */
export const daemonOptions = {
  concurrency: { type: 'number', describe: 'processes worked on at a time', default: 1, minimum: 1, maximum: 10_000 },
  key: {
    type: 'string',
    describe:
      "file with the daemon's own private key, made where missing: with it, a start after a crash goes on with what was running (default: a fresh key)",
  },
  ...colonyKey,
} as const;

/** Starts a daemon and waits until it has stopped: gracefully when the user interrupts, or by itself. */
export async function runDaemon(
  context: Context,
  executorType: string,
  args: { readonly concurrency: number; readonly key: string | undefined; readonly colonyprvkey: string | undefined },
  start: (options: DaemonOptions) => Promise<Worker>,
): Promise<undefined> {
  const { signal, cwd } = context.io;
  const environment = await context.environment(args);
  requireColony(environment, context, args.colonyprvkey);
  const worker = await start({
    executorType,
    concurrency: args.concurrency,
    identityFile: args.key === undefined ? undefined : resolve(cwd, args.key),
    environment,
    log: await context.log(),
  });
  const stop = (): void => void worker.stop().catch(() => {});
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  const { name: executorName, executorId } = worker;
  context.print({
    json: { executorName, executorId, executorType },
    show: (_out, talk) => talk.line(`Executor ${executorName} of type ${executorType} started; Ctrl-C stops it.`),
  });
  try {
    await worker.stopped;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return undefined;
}

/** Without any colony a daemon would wait for one for ever. */
function requireColony({ source }: Environment, { flags }: Context, colonyKeyFlag: string | undefined): void {
  if (source !== 'none' || flags.host !== undefined || colonyKeyFlag !== undefined) return;
  throw new UserError(
    'colony: expected a development colony or ColonyOS variables, got neither; run "colonies server start" first',
  );
}
