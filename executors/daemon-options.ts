import type { Logger } from 'pino';
import { loadS3Settings } from '../colony/blobs.ts';
import { type Environment, requireColonyName } from '../colony/environment.ts';
import type { WorkerOptions } from '../colony/worker.ts';
import { describeEngine } from '../crypto/paillier/index.ts';

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
 * @throws UserError when the environment names no colony, EngineError when it forces an engine that is not there
 */
export function workerOptions(options: DaemonOptions): WorkerOptions {
  const { executorType, concurrency, identityFile, environment, log } = options;
  announceEngine(log);
  return {
    type: executorType,
    concurrency,
    identityFile,
    server: environment.server,
    colonyName: requireColonyName(environment),
    colonyIdentity: environment.colonyIdentity,
    s3: loadS3Settings(),
    log,
  };
}

/** Chooses and tests the engine before the first process needs it. */
function announceEngine(log: Logger): void {
  const { name, constantTime, threads, passedOver } = describeEngine();
  log.info({ engine: name, constantTime, threads }, 'chose the engine that computes');
  for (const { name: engine, reason } of passedOver) log.debug({ engine, reason }, 'passed over an engine');
}
