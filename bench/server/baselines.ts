import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { openDatabase } from '../../server/store/database.ts';
import { Connection } from './connection.ts';

/**
 * What the official server v1.9.12 does with PostgreSQL 15 on two cores, as published with its measurements: not
 * measured here.
 */
export const OFFICIAL = {
  processesPerSecond: 146,
  handOverMs: 17,
  chainStepMs: 156,
  fanOut: '80 s for 300 leaves',
} as const;

/** A bare HTTP server that sends back what it gets, as a process of its own. */
export async function spawnEcho(): Promise<{ readonly port: number; readonly end: () => void }> {
  const program = `require('node:http')
    .createServer((request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => response.end(Buffer.concat(parts)));
    })
    .listen(0, '127.0.0.1', function () { console.log(this.address().port); })`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  return { port: Number(String(line)), end: () => child.kill() };
}

/** Milliseconds of single round trips to a server that echoes. */
export async function measureRoundTrips(port: number, body: string, count: number): Promise<number[]> {
  const connection = await Connection.open(port);
  const durations: number[] = [];
  while (durations.length < count) {
    const startedAt = performance.now();
    await connection.post(body);
    durations.push(performance.now() - startedAt);
  }
  connection.close();
  return durations;
}

/** Milliseconds of single durable commits of 3 kB. */
export function measureCommits(directory: string, count: number): number[] {
  const database = openDatabase(join(directory, 'commits.db'));
  const durations = Array.from({ length: count }, (_, index) => {
    const startedAt = performance.now();
    database.transaction(() =>
      database.run(
        'INSERT INTO colonies (colony_name, colony_id) VALUES (?, ?)',
        `${index}`,
        `${index}${'x'.repeat(3000)}`,
      ),
    );
    return performance.now() - startedAt;
  });
  database.close();
  return durations;
}
