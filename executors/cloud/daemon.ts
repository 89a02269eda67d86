import type { Logger } from 'pino';
import { type Environment, requireColonyName } from '../../colony/environment.ts';
import { startWorker, type Worker } from '../../colony/worker.ts';
import { cloud } from './cloud.ts';

/** How a cloud's daemon is started. */
export interface CloudOptions {
  /** What workflows address it by. @default cloud-hospital-executor */
  readonly executorType?: string | undefined;
  /** How many processes it works on at a time. @default 1 */
  readonly concurrency?: number | undefined;
  /** Where its own key is kept; a fresh key per start otherwise. */
  readonly identityFile?: string | undefined;
  readonly environment: Environment;
  readonly log: Logger;
}

/** Starts a cloud's daemon; it works until it is stopped. */
export function startCloud({
  executorType,
  concurrency,
  identityFile,
  environment,
  log,
}: CloudOptions): Promise<Worker> {
  return startWorker(cloud, {
    type: executorType,
    concurrency,
    identityFile,
    server: environment.server,
    colonyName: requireColonyName(environment),
    colonyIdentity: environment.colonyIdentity,
    log,
  });
}
