import { realpathSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
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
  const { stdin, stdout, stderr, env } = process;
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
  const { signal } = interruption;
  const ask = stdin.isTTY ? (question: string): Promise<string> => askAtTerminal(question, interruption) : undefined;
  process.exitCode = await main(argv, { stdout, stderr, env, cwd: process.cwd(), signal, ask });
  // An interrupted command may have left connections behind that nobody waits for any more.
  if (signal.aborted) process.exit();
}

/** Standard output may be a file, so people are asked on standard error. The end of the input is an empty answer. */
async function askAtTerminal(question: string, interruption: AbortController): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // While it reads a line, the terminal hands Ctrl-C to readline instead of making a signal of it.
  terminal.once('SIGINT', () => interruption.abort());
  const ended = new Promise<string>((done) => terminal.once('close', () => done('')));
  try {
    return await Promise.race([terminal.question(question, { signal: interruption.signal }), ended]);
  } finally {
    terminal.close();
  }
}
