import { createServer, type Socket } from 'node:net';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

/** A PostgreSQL server on a free port of this machine. */
export interface TestPostgres {
  readonly host: string;
  readonly port: number;
  /** Runs SQL on the server directly, without a client. */
  exec(sql: string): Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Starts PostgreSQL compiled to WebAssembly, in this process and in memory; it accepts any password. */
export async function startPostgres(): Promise<TestPostgres> {
  const database = await PGlite.create();
  const server = new PGLiteSocketServer({ db: database, host: '127.0.0.1', port: 0, maxConnections: 4 });
  await server.start();
  const [host = '', port = ''] = server.getServerConn().split(':');
  return {
    host,
    port: Number(port),
    exec: async (sql) => void (await database.exec(sql)),
    stop: async () => {
      await server.stop();
      await database.close();
    },
  };
}

/** What a server of {@link startRefusingPostgres} answers to the password. */
export interface Refusal {
  readonly sqlState: string;
  readonly message: string;
}

/** A server that is not PostgreSQL but answers as one that cannot be used would. */
export interface StandIn {
  readonly port: number;
  /** What clients sent. */
  readonly received: readonly Buffer[];
  readonly stop: () => Promise<void>;
}

/**
 * Starts a server that speaks just enough of PostgreSQL's protocol (manual, "Message Formats") to ask for a password
 * and refuse it.
 */
export async function startRefusingPostgres(refusal: Refusal): Promise<StandIn> {
  return await startStandIn((data) => {
    const isPassword = data[0] === 'p'.charCodeAt(0);
    return isPassword ? message('E', errorFields(refusal)) : message('R', int32(3));
  });
}

/** Starts a server that accepts connections and never answers. */
export async function startSilentServer(): Promise<StandIn> {
  return await startStandIn(() => undefined);
}

/** Starts a server that answers "no" to the request for TLS (manual, "SSL Session Encryption"). */
export async function startPostgresWithoutTls(): Promise<StandIn> {
  return await startStandIn(() => Buffer.from('N'));
}

async function startStandIn(answer: (data: Buffer) => Buffer | undefined): Promise<StandIn> {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      received.push(data);
      const reply = answer(data);
      if (reply) socket.write(reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    received,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function message(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function errorFields({ sqlState, message: text }: Refusal): Buffer {
  return Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0M${text}\0\0`);
}
