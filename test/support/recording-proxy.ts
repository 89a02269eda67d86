import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { listeningPort } from './processes.ts';

/** A wire between a party and a server that notes everything that passes, in both directions. */
export interface RecordingProxy extends AsyncDisposable {
  readonly port: number;
  /** Everything that can be read from the traffic so far: the raw text, and what base64 in it decodes to. */
  readableText(): string;
}

/** Listens on a free port of this machine and forwards every connection to `targetPort`. */
export async function startRecordingProxy(targetPort: number): Promise<RecordingProxy> {
  const recordings: Buffer[][] = [];
  const sockets = new Set<ReturnType<typeof connect>>();
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      const parts: Buffer[] = [];
      from.on('data', (part: Buffer) => parts.push(part));
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('error', () => to.destroy());
      from.pipe(to);
      recordings.push(parts);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: listeningPort(server),
    readableText: () => readable(recordings.map((parts) => Buffer.concat(parts).toString('latin1')).join('\n')),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const BASE64 = /[A-Za-z0-9+/]{16,}={0,2}/g;
const DEEPEST_NESTING = 4;

/** The text, and the text of the base64 in it, and of the base64 in that. */
function readable(text: string): string {
  const layers = [text];
  for (let depth = 0; depth < DEEPEST_NESTING; depth += 1) {
    const inner = [...(layers.at(-1) ?? '').matchAll(BASE64)].map(([word]) =>
      Buffer.from(word, 'base64').toString('latin1'),
    );
    if (inner.length === 0) break;
    layers.push(inner.join('\n'));
  }
  return layers.join('\n');
}
