import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const PROGRAM = join(ROOT, 'dist', 'cli', 'main.js');

/** What a command printed, and how it ended. */
export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program of the built package. */
export interface RunningProgram {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
  readonly stderr: () => string;
  readonly stdout: () => string;
  /** Sends a signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<Outcome>;
}

/**
 * A user's desk: a directory of its own, a home for the development colony, a port, and programs that are all ended and
 * forgotten with it.
 */
export class Desk implements AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  readonly #programs: RunningProgram[] = [];

  constructor(directory: string, port: number) {
    this.directory = directory;
    this.port = port;
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('COLONIES_'));
    this.env = { ...Object.fromEntries(inherited), SEALED_COLONIES_HOME: join(directory, 'home') };
  }

  /** Starts `colonies <words>` as a process of its own. */
  start(words: readonly string[], env: NodeJS.ProcessEnv = {}): RunningProgram {
    return this.startProgram([PROGRAM, ...words], env);
  }

  /** Starts Node.js with these words. */
  startProgram(words: readonly string[], env: NodeJS.ProcessEnv = {}): RunningProgram {
    const program = run(words, { cwd: this.directory, env: { ...this.env, ...env } });
    this.#programs.push(program);
    return program;
  }

  /** Runs `colonies <words>` to its end. */
  async run(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    return await this.start(words, env).outcome;
  }

  /** Starts the embedded server on the desk's port and waits until it answers. */
  async startServer(): Promise<RunningProgram> {
    const server = this.start(['server', 'start', '--port', String(this.port)]);
    await until(
      () => isHealthy(this.port),
      () => `server: ${server.stderr()}`,
    );
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.end('SIGKILL')));
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Sets up a desk. */
export async function openDesk(): Promise<Desk> {
  return new Desk(await mkdtemp(join(tmpdir(), 'sealed-colonies-')), await freePort());
}

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = listeningPort(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** The TCP port a server listens on. */
export function listeningPort(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('listeningPort: expected a TCP address');
  return address.port;
}

const PATIENCE_MS = 60_000;
const GLANCE_MS = 25;

/** Waits until a condition holds; after a minute it fails with `explain`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  explain: () => string = () => 'the condition never held',
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE_MS} ms in vain: ${explain()}`);
    await new Promise((resolve) => setTimeout(resolve, GLANCE_MS));
  }
}

async function isHealthy(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
  return response?.ok === true;
}

function run(words: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }): RunningProgram {
  const child = spawn(process.execPath, words, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
  const outcome = once(child, 'close').then(() => ({ exitCode: child.exitCode, ...texts }));
  return {
    child,
    outcome,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    async end(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return await outcome;
    },
  };
}
