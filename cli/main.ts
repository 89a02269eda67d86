#!/usr/bin/env node
import { toError } from '../colony/errors.ts';
import { isMendable } from '../executors/failures.ts';
import { EXIT_CODES, UsageError } from './command.ts';
import { COMPLETE_FLAG, completionsOf } from './framework/completion.ts';
import { createContext } from './framework/context.ts';
import type { Io, TextStream } from './framework/io.ts';
import { type Parsed, parseCommandLine } from './framework/parser.ts';
import { isEntryPoint, runAsProgram } from './framework/program.ts';
import { describeError } from './framework/refusals.ts';
import { printable, printableJson } from './framework/text.ts';
import { COMMANDS } from './registry.ts';

/** The width of help texts where the terminal does not say its own. */
const HELP_WIDTH = 100;

/**
 * Runs one command line inside this process.
 *
 * @param argv the words after the program's name
 * @returns the exit code, see {@link EXIT_CODES}; nothing is thrown, and the process goes on
 */
export async function main(argv: readonly string[], outer: Io): Promise<number> {
  const { io, hasPrinted } = watchOutput(outer);
  try {
    if (argv[0] === COMPLETE_FLAG) {
      for (const candidate of await completionsOf(COMMANDS, argv.slice(1))) io.stdout.write(`${candidate}\n`);
      return EXIT_CODES.success;
    }
    const words = argv[0] === '--version' ? ['version', ...argv.slice(1)] : argv;
    const parsed = await parseCommandLine(COMMANDS, words, Math.min(io.stdout.columns || HELP_WIDTH, 120));
    if (parsed.kind === 'help') {
      io.stdout.write(`${parsed.text}\n`);
      return EXIT_CODES.success;
    }
    return await runCommand(parsed, io);
  } catch (thrown) {
    const failure = explain(toError(thrown), io);
    for (const text of failure.said) io.stderr.write(`${printable(text)}\n`);
    // A command that fails after its document has nothing more to say to programs than its exit code.
    if (argv.includes('--json') && !hasPrinted()) {
      io.stdout.write(`${printableJson({ error: failure.error, exitCode: failure.exitCode })}\n`);
    }
    return failure.exitCode;
  }
}

/** Notes whether anything was printed. */
function watchOutput(io: Io): { readonly io: Io; readonly hasPrinted: () => boolean } {
  let printed = false;
  const { stdout } = io;
  const watched: TextStream = {
    write(text) {
      printed = true;
      return stdout.write(text);
    },
    isTTY: stdout.isTTY === true,
    columns: stdout.columns ?? 0,
    rows: stdout.rows ?? 0,
  };
  return { io: { ...io, stdout: watched }, hasPrinted: () => printed };
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

/** How a command line failed. */
interface Failure {
  readonly exitCode: number;
  /** The reason alone. */
  readonly error: string;
  /** What people are told. */
  readonly said: readonly string[];
}

function explain(error: Error, io: Io): Failure {
  if (error instanceof InterruptedError || (io.signal.aborted && error.name === 'AbortError')) {
    return { exitCode: EXIT_CODES.interrupted, error: 'interrupted', said: [] };
  }
  if (error instanceof UsageError) {
    const pointer = `See "${['colonies', ...error.path, '--help'].join(' ')}".`;
    return { exitCode: EXIT_CODES.usage, error: error.message, said: [error.message, pointer] };
  }
  if (isMendable(error)) {
    const message = describeError(error);
    return { exitCode: EXIT_CODES.error, error: message, said: [`error: ${message}`] };
  }
  const report = `This is a bug of sealed-colonies, please report it:\n${error.stack ?? error.message}`;
  return { exitCode: EXIT_CODES.bug, error: error.message, said: [report] };
}

if (isEntryPoint(import.meta.url)) await runAsProgram(main, process.argv.slice(2));
