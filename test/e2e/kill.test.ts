import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import * as z from 'zod';
import type { ServerAddress } from '../../colony/address.ts';
import { type ColoniesClient, createColoniesClient } from '../../colony/client.ts';
import { defineExecutor, defineFunction, rootFunction } from '../../colony/executor.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { startWorker } from '../../colony/worker.ts';
import { inspectBackup } from '../../server/store/backup-file.ts';
import { freePort, until } from '../support/processes.ts';
import { bundleServer } from '../support/server-bundle.ts';
import { spawnServer } from '../support/server-process.ts';
import { functionSpec } from '../support/test-colony.ts';

const KILLS = 200;
const WORKERS = 4;
const SUBMITTERS = 3;
const COLONY = 'test';
const SEED = 20_261_120;

/** Numbers in [0, 1) that are the same in every run (mulberry32, Tommy Ettinger, public domain). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const echo = defineExecutor({
  type: 'echo',
  functions: {
    repeat: rootFunction({
      description: 'Gives back a text.',
      kwargs: z.object({ text: z.string() }),
      output: z.string(),
      run: async ({ kwargs }) => kwargs.text,
    }),
    join: defineFunction({
      description: 'Joins the texts of its parents.',
      kwargs: z.object({}),
      inputs: z.array(z.string()),
      output: z.string(),
      run: async ({ inputs }) => inputs.join('+'),
    }),
  },
});

async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'kill-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** What was acknowledged: processes, and what each must put out. */
type Acknowledged = Map<string, string>;

/** An executor that dies with the server hears nothing of its process: another attempt follows after two seconds. */
function spec(functionName: string, nodeName: string, text: string, dependencies: readonly string[] = []) {
  return functionSpec(COLONY, 'echo', {
    functionName,
    nodeName,
    kwargs: functionName === 'join' ? {} : { text },
    label: text,
    maxExecTimeSeconds: 2,
    maxRetries: 1000,
    conditions: { dependencies },
  });
}

/** Submits one process, or a workflow of three; notes what was acknowledged. */
async function submitOne(client: ColoniesClient, text: string, acknowledged: Acknowledged): Promise<void> {
  if (!text.endsWith('w')) {
    const { processId } = await client.submitFunctionSpec({ spec: spec('repeat', '', text) });
    acknowledged.set(processId, JSON.stringify(text));
    return;
  }
  const functionSpecs = [
    spec('repeat', 'a', `${text}a`),
    spec('repeat', 'b', `${text}b`),
    spec('join', 'j', text, ['b', 'a']),
  ];
  const { processIds } = await client.submitWorkflowSpec({ spec: { colonyName: COLONY, functionSpecs } });
  const outputs = [`${text}a`, `${text}b`, `${text}b+${text}a`];
  for (const [index, processId] of processIds.entries()) acknowledged.set(processId, JSON.stringify(outputs[index]));
}

/** Runs a server again and again, and kills each of its lives at a random moment. */
async function killRepeatedly(program: string, options: object, acknowledged: Acknowledged): Promise<void> {
  const random = randomNumbers(SEED);
  for (let life = 0; life < KILLS; life += 1) {
    const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    // One life in ten ends while the server starts, when it repairs what the life before has left.
    const isEarly = random() < 0.1;
    const delayMs = random() * (isEarly ? 250 : 30);
    const goal = acknowledged.size + Math.floor(random() * 10);
    if (!isEarly) {
      await Promise.race([once(child.stdout, 'data'), ended]);
      await until(
        () => acknowledged.size >= goal || child.exitCode !== null,
        () => `life ${life}: nothing more was acknowledged`,
      );
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), delayMs);
    const [exitCode] = await ended;
    clearTimeout(timer);
    // Whatever a life has left, the next one must be able to start on it.
    expect(exitCode, `life ${life}`).toBeNull();
  }
}

/** Executors that end with the test. */
async function startWorkers(server: ServerAddress, colonyIdentity: Identity, directory: string) {
  const log = pino({ level: 'silent' });
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, (_, index) =>
      startWorker(echo, {
        server,
        colonyName: COLONY,
        colonyIdentity,
        // With a key of its own that lasts, it finds again what it was given by an answer it did not get.
        identityFile: join(directory, `worker-${index}.key`),
        name: `worker-${index}`,
        log,
        concurrency: 2,
        graceMs: 0,
      }),
    ),
  );
  await Promise.all(workers.map(({ ready }) => ready));
  const stop = async (): Promise<void> => void (await Promise.all(workers.map((worker) => worker.stop())));
  return { [Symbol.asyncDispose]: stop };
}

/** What was seen in a final state must never be seen otherwise. */
class Ends {
  readonly seen = new Map<string, string>();
  readonly changed: string[] = [];
  readonly #client: ColoniesClient;

  constructor(client: ColoniesClient) {
    this.#client = client;
  }

  async look(processId: string): Promise<void> {
    const { state, output, errors, endTime } = await this.#client.getProcess({ processId });
    const now = JSON.stringify({ state, output, errors, endTime });
    const before = this.seen.get(processId);
    if (before !== undefined && before !== now) this.changed.push(`${before} became ${now}`);
    if (state !== 'waiting' && state !== 'running') this.seen.set(processId, now);
  }

  /** Looks at some that have not ended, and again at some that have. */
  async lookAround(acknowledged: Acknowledged): Promise<void> {
    const open = this.open(acknowledged).slice(0, 20);
    const ended = [...this.seen.keys()];
    await Promise.all([...open, ...ended.slice(-5), ...ended.slice(0, 5)].map((processId) => this.look(processId)));
  }

  open(acknowledged: Acknowledged): readonly string[] {
    return [...acknowledged.keys()].filter((processId) => !this.seen.has(processId));
  }
}

test(
  `nothing acknowledged is lost or changed while the server is killed ${KILLS} times under load`,
  {
    timeout: 900_000,
  },
  async () => {
    await using directory = await temporaryDirectory();
    const [owner, user] = [generateIdentity(), generateIdentity()];
    const server = { host: '127.0.0.1', port: await freePort(), tls: false };
    const databasePath = join(directory.path, 'server.db');
    const bootstrap = { colony: { id: owner.id, name: COLONY }, users: [{ id: user.id, name: 'user' }] };
    const options = { port: server.port, databasePath, serverId: owner.id, sweepIntervalMs: 50, bootstrap };
    const program = await bundleServer(directory.path);
    const retry = { forMs: 60_000, firstPauseMs: 20, longestPauseMs: 200 };
    const client = createColoniesClient({ server, identity: user, retry });
    const first = await spawnServer(options, [program]);
    const workers = await startWorkers(server, owner, directory.path);
    await first.end('SIGKILL');

    const acknowledged: Acknowledged = new Map();
    const ends = new Ends(client);
    const phase = { isOver: false };
    const submit = async (submitter: number): Promise<void> => {
      for (let count = 0; !phase.isOver; count += 1) {
        await submitOne(client, `${submitter}-${count}${count % 3 === 0 ? 'w' : ''}`, acknowledged);
        // Work in hand is kept to what the executors do between two deaths.
        await until(() => phase.isOver || ends.open(acknowledged).length < 60);
      }
    };
    const watch = async (): Promise<void> => {
      while (!phase.isOver) {
        await until(() => phase.isOver || acknowledged.size > 0);
        await ends.lookAround(acknowledged);
      }
    };
    const clients = Promise.all([...Array.from({ length: SUBMITTERS }, (_, index) => submit(index)), watch()]);
    try {
      await killRepeatedly(program, options, acknowledged);
    } finally {
      phase.isOver = true;
    }
    await using last = await spawnServer(options, [program]);
    await clients;
    await until(
      async () => {
        await Promise.all(ends.open(acknowledged).map((processId) => ends.look(processId)));
        return ends.open(acknowledged).length === 0;
      },
      () => `${ends.open(acknowledged).length} of ${acknowledged.size} processes did not end`,
    );
    for (const processId of acknowledged.keys()) await ends.look(processId);
    expect(ends.changed).toEqual([]);
    const outputs = [...acknowledged].map(([processId, output]) => [processId, successWith(output)] as const);
    const found = [...ends.seen].map(([processId, seen]) => [processId, seen.replace(/,"endTime":.*/u, '}')] as const);
    expect(new Map(found)).toEqual(new Map(outputs));
    const counts = await client.getColonyStatistics({ colonyName: COLONY });
    expect(counts).toMatchObject({ successfulProcesses: acknowledged.size, failedProcesses: 0, waitingProcesses: 0 });
    await workers[Symbol.asyncDispose]();
    await last.end('SIGTERM');
    expect(inspectBackup(databasePath).processCount).toBe(acknowledged.size);
  },
);

function successWith(output: string): string {
  return `{"state":"success","output":[${output}],"errors":[]}`;
}
