import type { Logger } from 'pino';
import { type Environment, requireColonyName } from '../colony/environment.ts';
import type { WorkerOptions } from '../colony/worker.ts';

/** How every daemon of this project is started. */
export interface DaemonOptions {
  /** What workflows address it by; the definition's type unless given. */
  readonly executorType?: string | undefined;
  /** How many processes it works on at a time. @default 1 */
  readonly concurrency?: number | undefined;
  /** Where its own key is kept; a fresh key per start otherwise. */
  readonly identityFile?: string | undefined;
  readonly environment: Environment;
  readonly log: Logger;
}

/**
 * What the worker of a daemon is started with.
 *
 * @throws UserError when the environment names no colony
 */
export function workerOptions(options: DaemonOptions): WorkerOptions {
  const { executorType, concurrency, identityFile, environment, log } = options;
  return {
    type: executorType,
    concurrency,
    identityFile,
    server: environment.server,
    colonyName: requireColonyName(environment),
    colonyIdentity: environment.colonyIdentity,
    log,
  };
}
