import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { listeningPort } from './processes.ts';

/** A wire that breaks: each of the first connections ends after some bytes have come back over it. */
export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
  /** How many connections have been cut. */
  readonly cuts: () => number;
}

/**
 * Listens on a free port of this machine and forwards connections to `targetPort`.
 *
 * @param cutCount so many connections are cut
 * @param answerBytes after so many bytes of what the target says
 */
export async function startCuttingProxy(
  targetPort: number,
  cutCount: number,
  answerBytes: number,
): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let cuts = 0;
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1');
    let passed = 0;
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from
        .on('error', () => to.destroy())
        .on('close', () => {
          sockets.delete(from);
          to.destroy();
        });
    }
    client.on('data', (part: Buffer) => target.write(part));
    target.on('data', (part: Buffer) => {
      passed += part.length;
      client.write(part);
      if (passed < answerBytes || cuts >= cutCount) return;
      cuts += 1;
      client.end();
      target.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: listeningPort(server),
    cuts: () => cuts,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
