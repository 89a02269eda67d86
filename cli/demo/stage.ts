import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ColoniesClient, createColoniesClient } from '../../colony/client.ts';
import { loadEnvironment, requireColonyName } from '../../colony/environment.ts';
import { UserError } from '../../colony/errors.ts';
import { Fleet } from './fleet.ts';

const PATIENCE_MS = 30_000;
const GLANCE_MS = 50;

/** What a stage is told from outside. */
export interface StageOptions {
  /** Ends whatever is under way. */
  readonly signal: AbortSignal;
  /** Hears what is started. */
  readonly note: (message: string) => void;
}

/** A directory, a development colony and a free port of their own, so that a demonstration touches nothing of the user's. */
export class Stage implements AsyncDisposable {
  readonly directory: string;
  readonly #fleet: Fleet;
  readonly #env: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal;
  readonly #note: (message: string) => void;

  private constructor(directory: string, env: NodeJS.ProcessEnv, { signal, note }: StageOptions) {
    this.directory = directory;
    this.#env = env;
    this.#signal = signal;
    this.#note = note;
    this.#fleet = new Fleet(directory, env);
  }

  /** Sets the stage; dispose of it to end every process and remove every file. */
  static async open(env: NodeJS.ProcessEnv, options: StageOptions): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), 'sealed-colonies-demo-'));
    const inherited = Object.entries(env).filter(([name]) => !name.startsWith('COLONIES_'));
    return new Stage(directory, { ...Object.fromEntries(inherited), SEALED_COLONIES_HOME: directory }, options);
  }

  /** Starts the embedded server and waits until it answers. */
  async startServer(): Promise<void> {
    const port = await freePort();
    this.#start('the server', ['server', 'start', '--port', String(port)]);
    const health = `http://127.0.0.1:${port}/health`;
    await this.#until('the server to answer', async () => (await fetch(health).catch(() => undefined))?.ok === true);
  }

  /** Starts daemons and waits until each is an approved executor. */
  async startExecutors(
    daemons: readonly { readonly executorType: string; readonly words: readonly string[] }[],
  ): Promise<void> {
    for (const { executorType, words } of daemons) this.#start(executorType, ['executor', 'start', ...words]);
    const { client, colonyName } = this.#connect();
    await this.#until('the executors to register', async () => {
      const executors = await client.getExecutors({ colonyName });
      const types = new Set(
        executors.filter(({ state }) => state === 'approved').map((executor) => executor.executorType),
      );
      return daemons.every(({ executorType }) => types.has(executorType));
    });
  }

  /** Runs `colonies <words>` as its user would; gives what it printed. */
  async run(words: readonly string[]): Promise<string> {
    return (await this.#fleet.run(words, this.#signal)).trim();
  }

  /** Writes a JSON file of the package into the stage's directory, with some fields changed; gives its path. */
  async writeJson(name: string, original: string, changes: object): Promise<string> {
    const document: unknown = JSON.parse(await readFile(original, 'utf8'));
    const path = join(this.directory, name);
    await writeFile(path, JSON.stringify(Object.assign({}, document, changes)));
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fleet.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  #start(title: string, words: readonly string[]): void {
    const { pid } = this.#fleet.start(title, words);
    this.#note(`started ${title} as process ${pid}`);
  }

  #connect(): { client: ColoniesClient; colonyName: string } {
    const environment = loadEnvironment(this.#env);
    const { server, identity } = environment;
    return { client: createColoniesClient({ server, identity }), colonyName: requireColonyName(environment) };
  }

  async #until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await condition())) {
      this.#fleet.requireRunning();
      if (Date.now() > deadline) throw new UserError(`demo: waited ${PATIENCE_MS / 1000} s in vain for ${what}`);
      await delay(GLANCE_MS, undefined, { signal: this.#signal });
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('freePort: expected a TCP address');
  return address.port;
}
