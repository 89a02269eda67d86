import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../../cli/main.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

/** What a command line printed, and how it ended. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where and how a command line runs. */
export interface RunOptions {
  readonly env?: Record<string, string | undefined>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Makes both streams terminals of this width. */
  readonly columns?: number;
  /** What a user at the terminal answers to every question; nobody sits there unless given. */
  readonly answer?: string;
  /** Sees text on standard error as it comes. */
  readonly onTalk?: (stderrSoFar: string) => void;
}

/** Runs a command line inside this process. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Run> {
  const texts = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    write(text: string) {
      texts[name] += text;
      if (name === 'stderr') options.onTalk?.(texts.stderr);
    },
    ...(options.columns === undefined ? {} : { isTTY: true, columns: options.columns }),
  });
  const code = await main(argv, {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    env: options.env ?? {},
    cwd: options.cwd ?? tmpdir(),
    signal: options.signal ?? new AbortController().signal,
    ask:
      options.answer === undefined
        ? undefined
        : async (question) => {
            stream('stderr').write(question);
            return options.answer ?? '';
          },
  });
  return { code, ...texts };
}

/** A directory that is removed when it goes out of scope. */
export async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'colonies-cli-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A real server with a colony, and command lines that work in it. */
export interface CliColony extends AsyncDisposable {
  readonly colony: TestColony;
  readonly env: Record<string, string>;
  readonly run: (argv: readonly string[], options?: Omit<RunOptions, 'env'>) => Promise<Run>;
  /** Runs with `--json`; gives the one document on standard output. */
  readonly json: (argv: readonly string[], options?: Omit<RunOptions, 'env'>) => Promise<unknown>;
}

/** Starts a {@link CliColony}. */
export async function startCliColony(): Promise<CliColony> {
  const colony = await startTestColony();
  const env = {
    COLONIES_SERVER_HOST: colony.address.host,
    COLONIES_SERVER_HTTP_PORT: String(colony.address.port),
    COLONIES_TLS: 'false',
    COLONIES_COLONY_NAME: colony.colonyName,
    COLONIES_PRVKEY: colony.user.privateKey,
    COLONIES_COLONY_PRVKEY: colony.colonyOwner.privateKey,
    COLONIES_SERVER_PRVKEY: colony.serverOwner.privateKey,
  };
  const cli: CliColony = {
    colony,
    env,
    run: (argv, options) => run(argv, { cwd: colony.directory, ...options, env }),
    async json(argv, options) {
      const { stdout } = await cli.run([...argv, '--json'], options);
      return JSON.parse(stdout);
    },
    [Symbol.asyncDispose]: () => colony.stop(),
  };
  return cli;
}
