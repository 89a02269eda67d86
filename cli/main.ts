#!/usr/bin/env node
import { toError } from '../colony/errors.ts';
import { isMendable } from '../executors/failures.ts';
import { EXIT_CODES, UsageError } from './command.ts';
import { createContext } from './framework/context.ts';
import type { Io } from './framework/io.ts';
import { type Parsed, parseCommandLine } from './framework/parser.ts';
import { isEntryPoint, runAsProgram } from './framework/program.ts';
import { printable } from './framework/text.ts';
import { COMMANDS } from './registry.ts';

/** The width of help texts where the terminal does not say its own. */
const HELP_WIDTH = 100;

/**
 * Runs one command line inside this process.
 *
 * @param argv the words after the program's name
 * @returns the exit code, see {@link EXIT_CODES}; nothing is thrown, and the process goes on
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    const words = argv[0] === '--version' ? ['version', ...argv.slice(1)] : argv;
    const parsed = await parseCommandLine(COMMANDS, words, Math.min(io.stdout.columns || HELP_WIDTH, 120));
    if (parsed.kind === 'help') {
      io.stdout.write(`${parsed.text}\n`);
      return EXIT_CODES.success;
    }
    return await runCommand(parsed, io);
  } catch (thrown) {
    return explain(toError(thrown), io);
  }
}

async function runCommand(parsed: Extract<Parsed, { kind: 'command' }>, io: Io): Promise<number> {
  const { command, args, globalArguments } = parsed;
  const context = createContext(io, globalArguments);
  const work = command.run(args, context);
  const report = command.stopsItself === true ? await work : await Promise.race([work, interruption(io.signal)]);
  if (report !== undefined) context.print(report);
  return report?.exitCode ?? EXIT_CODES.success;
}

/** Rejects when the user interrupts. */
function interruption(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(new InterruptedError('interrupted'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

function explain(error: Error, io: Io): number {
  const say = (text: string): void => void io.stderr.write(`${printable(text)}\n`);
  if (error instanceof InterruptedError || (io.signal.aborted && error.name === 'AbortError')) {
    return EXIT_CODES.interrupted;
  }
  if (error instanceof UsageError) {
    say(`${error.message}\nSee "${['colonies', ...error.path, '--help'].join(' ')}".`);
    return EXIT_CODES.usage;
  }
  if (isMendable(error)) {
    say(`error: ${error.message}`);
    return EXIT_CODES.error;
  }
  say(`This is a bug of sealed-colonies, please report it:\n${error.stack ?? error.message}`);
  return EXIT_CODES.bug;
}

if (isEntryPoint(import.meta.url)) await runAsProgram(main, process.argv.slice(2));
