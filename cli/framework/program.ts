import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Io } from './io.ts';

/** Whether a module is what Node was started with, also through a symbolic link such as those of npm. */
export function isEntryPoint(moduleUrl: string): boolean {
  const started = process.argv[1];
  if (started === undefined) return false;
  try {
    return realpathSync(started) === fileURLToPath(moduleUrl);
  } catch {
    return false;
  }
}

/**
 * Runs a command line as the whole of this process: real streams, and Ctrl-C or SIGTERM fire its signal once. The second
 * one ends the process at once.
 */
export async function runAsProgram(
  main: (argv: readonly string[], io: Io) => Promise<number>,
  argv: readonly string[],
): Promise<void> {
  const { stdout, stderr, env } = process;
  const interruption = new AbortController();
  const interrupt = (): void => {
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  // A reader such as `head` that has seen enough is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  process.exitCode = await main(argv, { stdout, stderr, env, cwd: process.cwd(), signal: interruption.signal });
  // An interrupted command may have left connections behind that nobody waits for any more.
  if (interruption.signal.aborted) process.exit();
}
