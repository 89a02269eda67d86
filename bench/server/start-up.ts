import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '../../server/store/database.ts';
import { spawnServer } from '../../test/support/server-process.ts';

/** What a server takes that has much stored. */
export interface StartUp {
  /** From starting the process until it listens, compilation of the sources included. */
  readonly startMs: number;
  /** The same with an empty database. */
  readonly emptyStartMs: number;
  /** Resident memory once it listens. */
  readonly residentMegabytes: number;
}

/** Starts a server on a database in which so many finished processes are stored. */
export async function measureStartUp(processCount: number): Promise<StartUp> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-start-'));
  try {
    await start(join(directory, 'warm.db'));
    const empty = await start(join(directory, 'empty.db'));
    const path = join(directory, 'full.db');
    fill(path, processCount);
    const full = await start(path);
    return { startMs: full.startMs, emptyStartMs: empty.startMs, residentMegabytes: full.residentMegabytes };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function start(databasePath: string): Promise<{ startMs: number; residentMegabytes: number }> {
  const startedAt = performance.now();
  await using server = await spawnServer({ port: 0, databasePath, serverId: 'f'.repeat(64) });
  const startMs = performance.now() - startedAt;
  const resident = residentMegabytes(server.pid);
  await server.end('SIGTERM');
  return { startMs, residentMegabytes: resident };
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
