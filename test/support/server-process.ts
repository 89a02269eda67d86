import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ServerOptions } from '../../server/index.ts';
import type { Address } from './rpc.ts';

const MAIN = fileURLToPath(new URL('./server-main.ts', import.meta.url));

/** A server in a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  readonly address: Address;
  readonly pid: number;
  /** Ends it with a signal and waits for its end. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/**
 * Starts a server in a process of its own.
 *
 * @param program what Node.js runs; the sources unless given
 * @throws Error with what it printed when it ends before it listens
 */
export async function spawnServer(
  options: Omit<ServerOptions, 'log' | 'clock'>,
  program: readonly string[] = ['--import', 'tsx', MAIN],
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [...program, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  const port = await firstLine(child);
  return {
    address: { host: '127.0.0.1', port: Number(port), tls: false },
    pid: child.pid ?? 0,
    end,
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null || child.stderr === null) throw new Error('server process: expected pipes, got none');
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error(`server process: expected a port, got its end: ${complaint}`);
}
