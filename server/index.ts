import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { type Logger, pino } from 'pino';
import { UserError } from '../colony/errors.ts';
import { applyBootstrap, type Bootstrap } from './bootstrap.ts';
import type { Services } from './dispatch.ts';
import { createHttpApp } from './http.ts';
import { DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_INPUT_BYTES, DEFAULT_STALE_EXECUTOR_SECONDS } from './limits.ts';
import { createPresence } from './presence.ts';
import { createScheduler } from './scheduler.ts';
import { openDatabase } from './store/database.ts';
import { createSubscriptions, type Subscriptions } from './subscriptions.ts';
import { forgiveDowntime, sweep } from './sweep.ts';
import { createTransactor, type Transactor } from './transaction.ts';

export type { Bootstrap } from './bootstrap.ts';

/** How a server is started. */
export interface ServerOptions {
  /** Where it listens; the loopback interface by default. */
  readonly host?: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** A SQLite file, created if missing, readable by its owner only; one server per file. Or `:memory:`. */
  readonly databasePath: string;
  /** The id of the server's owner, who founds colonies. */
  readonly serverId: string;
  /** A colony and users to create if they are missing. */
  readonly bootstrap?: Bootstrap;
  /** PEM texts; with them the server speaks HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Allows plain HTTP on an address that others can reach, for a proxy that adds TLS. */
  readonly allowInsecure?: boolean;
  /** Larger requests are refused with status 413. */
  readonly maxBodyBytes?: number;
  /** A process that gets more input than this from its parents fails, in bytes of JSON. */
  readonly maxInputBytes?: number;
  /** An executor not heard from for so long is unregistered, and what it was running waits again. */
  readonly staleExecutorSeconds?: number;
  /** How often deadlines are looked at. */
  readonly sweepIntervalMs?: number;
  /** Receives message types, statuses and our own errors; never payloads. */
  readonly log?: Logger;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  /** What the server says its version is. */
  readonly version?: string;
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  readonly address: { readonly host: string; readonly port: number; readonly tls: boolean };
  /** Ends polls and sockets, then closes the database. May be called again. */
  stop(): Promise<void>;
}

type Listener = Server | TlsServer;

const DEFAULT_SWEEP_INTERVAL_MS = 1000;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1']);

/**
 * Starts an embedded Colonies server; resolves when it listens.
 *
 * @throws UserError when the address would expose plain HTTP, or the database belongs to a running server
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', tls } = options;
  requireProtectedAddress(host, options);
  const clock = options.clock ?? Date.now;
  const log = options.log ?? pino({ name: 'colonies-server', level: 'warn' }, pino.destination(2));
  const database = openDatabase(options.databasePath);
  let port = options.port;
  const scheduler = createScheduler({
    transactor: () => transactor,
    maxInputBytes: options.maxInputBytes ?? DEFAULT_MAX_INPUT_BYTES,
    onUnreadable: (processId, error) => log.error({ processId, err: error }, 'a process could not be given out'),
  });
  const transactor: Transactor = createTransactor(database, clock, {
    beforeCommit: (transaction) => scheduler.serveChanges(transaction),
    afterCommit: (changes) => subscriptions.onChanges(changes),
    onError: (error) => log.error({ err: error }, 'changes were made, but not everybody heard of them'),
  });
  const services: Services = {
    transactor,
    scheduler,
    presence: createPresence(clock),
    serverId: options.serverId,
    facts: {
      version: options.version ?? 'sealed-colonies',
      startedAt: new Date(clock()),
      host,
      port: () => port,
      tls: tls !== undefined,
    },
    log,
  };
  const maxBodyBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
  const subscriptions = createSubscriptions(services, maxBodyBytes);
  const server = createListener(services, subscriptions, maxBodyBytes, tls);
  const unused = trackUnused(server);
  try {
    await transactor.write((transaction) => {
      forgiveDowntime(transaction);
      if (options.bootstrap !== undefined) applyBootstrap(transaction, options.bootstrap);
    });
    port = await listen(server, host, options.port);
  } catch (thrown) {
    database.close();
    throw thrown;
  }
  server.on('error', (error) => log.error({ err: error }, 'the listener failed'));
  const stopSweeping = startSweeping(services, options);
  log.info({ host, port, tls: tls !== undefined }, 'the server listens');

  const shutDown = async (): Promise<void> => {
    stopSweeping();
    services.scheduler.stop();
    subscriptions.stop();
    await closeListener(server, unused);
    await transactor.write((transaction) => services.presence.flush(transaction.database));
    database.close();
    log.info({ port }, 'the server has stopped');
  };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= shutDown());
  return { port, address: { host, port, tls: tls !== undefined }, stop, [Symbol.asyncDispose]: stop };
}

function requireProtectedAddress(host: string, { tls, allowInsecure = false }: ServerOptions): void {
  if (tls !== undefined || allowInsecure || LOOPBACK.has(host)) return;
  throw new UserError(
    `server address: expected TLS or the loopback interface, got plain HTTP on ${host}; give a key and a certificate, or allow plain HTTP explicitly when a proxy adds TLS`,
  );
}

function createListener(
  services: Services,
  subscriptions: Subscriptions,
  maxBodyBytes: number,
  tls: ServerOptions['tls'],
): Listener {
  const app = createHttpApp(services, maxBodyBytes);
  const handleRequest = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    void handleRequest(request, response);
  };
  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  // The header must come soon; the body within the five minutes that Node gives it. Answers may take long.
  server.headersTimeout = 10_000;
  server.keepAliveTimeout = 120_000;
  server.on('upgrade', (request, socket, head) => {
    if (request.url?.split('?')[0] === '/pubsub') subscriptions.upgrade(request, socket, head);
    else socket.destroy();
  });
  return server;
}

function listen(server: Listener, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function startSweeping({ transactor, presence, log }: Services, options: ServerOptions): () => void {
  const staleAfterMs = (options.staleExecutorSeconds ?? DEFAULT_STALE_EXECUTOR_SECONDS) * 1000;
  const timer = setInterval(() => {
    transactor
      .write((transaction) => sweep(transaction, presence, staleAfterMs))
      .catch((thrown: unknown) => log.error({ err: thrown }, 'the sweep failed; the next one tries again'));
  }, options.sweepIntervalMs ?? DEFAULT_SWEEP_INTERVAL_MS);
  return () => clearInterval(timer);
}

/** The connections on which no request has come yet. Clients keep some in reserve, and Node does not count them as idle. */
function trackUnused(server: Listener): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  const use = ({ socket }: IncomingMessage): boolean => unused.delete(socket);
  server.on('request', use).on('upgrade', use);
  return unused;
}

/** Lets answers that are on their way go out, then drops idle connections. */
async function closeListener(server: Listener, unused: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const drop = setTimeout(() => server.closeAllConnections(), 1000);
  server.closeIdleConnections();
  for (const socket of unused) socket.destroy();
  await closed;
  clearTimeout(drop);
}
