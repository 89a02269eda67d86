import { pino, type Logger } from 'pino';
import { type Environment, loadEnvironment } from '../colony/environment.ts';
import { toError } from '../colony/errors.ts';
import { runUntilSignal } from '../colony/run-until-signal.ts';
import type { Worker } from '../colony/worker.ts';
import { isMendable } from './failures.ts';

/**
 * Runs a daemon as a program of its own: starts it with the colony of the environment, and stops it gracefully on
 * SIGINT or SIGTERM. What the user can mend is told in one line.
 */
export async function daemonMain(start: (environment: Environment, log: Logger) => Promise<Worker>): Promise<void> {
  try {
    await runUntilSignal(start(loadEnvironment(), pino(pino.destination(2))));
  } catch (error) {
    const { message, stack } = toError(error);
    process.stderr.write(`${isMendable(error) ? message : (stack ?? message)}\n`);
    process.exitCode = isMendable(error) ? 1 : 70;
  }
}
