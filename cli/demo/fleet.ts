import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { UserError } from '../../colony/errors.ts';

const execute = promisify(execFile);

const KEPT_LOG_LINES = 20;
const GRACE_MS = 8_000;

interface Member {
  readonly title: string;
  readonly child: ChildProcess;
  /** The last lines it wrote on standard error. */
  readonly log: string[];
}

/** Operating-system processes that run this very program, started and ended together. */
export class Fleet {
  readonly #members: Member[] = [];
  readonly #directory: string;
  readonly #env: NodeJS.ProcessEnv;

  /**
   * @param directory working directory of the processes
   * @param env their complete environment
   */
  constructor(directory: string, env: NodeJS.ProcessEnv) {
    this.#directory = directory;
    this.#env = env;
  }

  /** Starts `colonies <words>`; the caller waits until it is ready in its own way. */
  start(title: string, words: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [...programWords(), ...words], {
      cwd: this.#directory,
      env: this.#env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const member: Member = { title, child, log: [] };
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      member.log.push(...text.split('\n').filter((line) => line !== ''));
      member.log.splice(0, member.log.length - KEPT_LOG_LINES);
    });
    child.on('error', (error) => member.log.push(error.message));
    this.#members.push(member);
    return child;
  }

  /**
   * Runs `colonies <words>` to its end.
   *
   * @returns what it printed on standard output
   * @throws UserError with what it said, when it failed or `signal` fired
   */
  async run(words: readonly string[], signal: AbortSignal): Promise<string> {
    const options = { cwd: this.#directory, env: this.#env, signal };
    try {
      const { stdout } = await execute(process.execPath, [...programWords(), ...words], options);
      return stdout;
    } catch (error) {
      signal.throwIfAborted();
      const said =
        error instanceof Error ? ['stderr', 'stdout'].map((name) => String(Reflect.get(error, name)).trim()) : [];
      throw new UserError(`colonies ${words.join(' ')}: failed\n${said.join('\n')}`, { cause: error });
    }
  }

  /**
   * Throws when a process has ended by itself.
   *
   * @throws UserError with the last lines it wrote
   */
  requireRunning(): void {
    const ended = this.#members.find(({ child }) => hasEnded(child));
    if (ended === undefined) return;
    const { exitCode, signalCode } = ended.child;
    throw new UserError(
      `${ended.title} ended by itself (${signalCode ?? `exit code ${exitCode}`}); its last words:\n${ended.log.join('\n')}`,
    );
  }

  /** Ends all processes, the newest first, and waits until they are gone. */
  async stop(): Promise<void> {
    for (const { child } of this.#members.toReversed()) await end(child);
    this.#members.length = 0;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  child.kill('SIGTERM');
  await gone;
  clearTimeout(timer);
}

function hasEnded(child: ChildProcess): boolean {
  // Without a number it was never there: the system had no room for another process.
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** How Node.js is told to run this program, from its sources (with the loader that runs this very process) or as built. */
function programWords(): string[] {
  const entry = import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js';
  return [...process.execArgv, fileURLToPath(new URL(entry, import.meta.url))];
}
