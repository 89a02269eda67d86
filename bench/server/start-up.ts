import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Database, openDatabase } from '../../server/store/database.ts';
import { spawnServer } from '../../test/support/server-process.ts';

/** How a server is started: `built` is `colonies server start` as users run it, `sources` compiles TypeScript first. */
type Program = 'built' | 'sources';

/** What a server takes that has much stored. */
export interface StartUp {
  /** From starting the process until it listens. */
  readonly startMs: Readonly<Record<Program, number>>;
  /** The same with an empty database. */
  readonly emptyStartMs: Readonly<Record<Program, number>>;
  /** Resident memory of the built one once it listens. */
  readonly residentMegabytes: number;
}

/** Starts servers on a database in which so many finished processes are stored. */
export async function measureStartUp(processCount: number): Promise<StartUp> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-start-'));
  try {
    const [empty, full] = [join(directory, 'empty'), join(directory, 'full')];
    // The first start makes the keys and warms the caches of the disk.
    for (const home of [empty, full]) await startBuilt(home);
    fill(databaseIn(full), processCount);
    const builtEmpty = await middle(() => startBuilt(empty));
    const sourcesEmpty = await middle(() => startSources(empty));
    const built = await middle(() => startBuilt(full));
    const sources = await middle(() => startSources(full));
    return {
      startMs: { built: built.startMs, sources: sources.startMs },
      emptyStartMs: { built: builtEmpty.startMs, sources: sourcesEmpty.startMs },
      residentMegabytes: built.residentMegabytes,
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Start {
  readonly startMs: number;
  readonly residentMegabytes: number;
}

const ROUNDS = 3;

/** The one in the middle of several starts, by its time. */
async function middle(start: () => Promise<Start>): Promise<Start> {
  const starts: Start[] = [];
  while (starts.length < ROUNDS) starts.push(await start());
  const [found = { startMs: Number.NaN, residentMegabytes: Number.NaN }] = starts
    .toSorted((left, right) => left.startMs - right.startMs)
    .slice(Math.floor(ROUNDS / 2));
  return found;
}

/** Where `colonies server start` keeps its database. */
function databaseIn(home: string): string {
  return join(home, 'server.db');
}

async function startSources(home: string): Promise<Start> {
  const startedAt = performance.now();
  await using server = await spawnServer({ port: 0, databasePath: databaseIn(home), serverId: 'f'.repeat(64) });
  const startMs = performance.now() - startedAt;
  const resident = residentMegabytes(server.pid);
  await server.end('SIGTERM');
  return { startMs, residentMegabytes: resident };
}

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Runs the built command line; it says that it listens with a JSON document. */
async function startBuilt(home: string): Promise<Start> {
  const startedAt = performance.now();
  const words = [COMMAND, 'server', 'start', '--port', '0', '--datadir', home, '--json'];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  try {
    const ended = exited.then(([code]) => {
      throw new Error(`bench: the built server ended with ${String(code)} before it listened; run "npm run build"`);
    });
    await Promise.race([once(child.stdout, 'data'), ended]);
    const startMs = performance.now() - startedAt;
    return { startMs, residentMegabytes: residentMegabytes(child.pid ?? 0) };
  } finally {
    child.kill('SIGTERM');
    await exited;
  }
}

/** The resident memory of a process. */
export function residentMegabytes(pid: number): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.toString()) / 1024;
}

/** Stores processes that have succeeded, with about as much in them as the others of this benchmark have. */
function fill(path: string, processCount: number): void {
  const database = openDatabase(path);
  database.run('INSERT INTO colonies (colony_name, colony_id) VALUES (?, ?)', 'bench', 'f'.repeat(64));
  database.transaction(() => insertFinished(database, processCount));
  database.close();
}

function insertFinished(database: Database, processCount: number): void {
  database.run(
    `WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?)
     INSERT INTO processes (process_id, colony_name, initiator_id, initiator_name, assigned_executor_id, state,
       executor_type, location_name, cpu_milli, memory_mebibytes, label, node_name, priority_ms, submission_ms,
       start_ms, end_ms, waits_for_parents, spec, output)
     SELECT lower(hex(randomblob(32))), 'bench', '', '', ?, 2, 'worker', '', 0, 0, '', '', number, number, number,
       number, 0, ?, ? FROM numbers`,
    processCount,
    'f'.repeat(64),
    JSON.stringify({ kwargs: { 'paillier-pubkey': 'x'.repeat(1500) } }),
    JSON.stringify(['y'.repeat(1024)]),
  );
}
