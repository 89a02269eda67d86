import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { createRequestHandler, pathOf, type Route } from './http.ts';
import type { Subscriptions } from './subscriptions.ts';
import { LEAST_TLS_VERSION, type TlsPair } from './tls.ts';
import { limitUnread, type UnreadLimits } from './unread.ts';

/** What takes connections. */
export interface Listener {
  /** Starts to listen; resolves with the port. */
  listen(host: string, port: number): Promise<number>;
  /** Hears of failures after the start. */
  onError(report: (error: Error) => void): void;
  /** How many connections are open. */
  connections(): Promise<number>;
  /** Shows another certificate to whoever connects from now on. */
  renew(pair: TlsPair): void;
  /** Lets answers that are on their way go out, then drops idle connections. */
  close(): Promise<void>;
}

/** What a listener is made of. */
export interface ListenerOptions {
  /** The ways in over HTTP; the first one that fits a request answers it. */
  readonly routes: readonly Route[];
  readonly subscriptions: Subscriptions;
  /** With it, it speaks HTTPS. */
  readonly tls: TlsPair | undefined;
  /** Further connections are dropped. */
  readonly maxConnections: number;
  /** A header that is not whole after so long is given up. */
  readonly headerMs: number;
  readonly unread: UnreadLimits;
  /** Hears of routes that failed. */
  readonly log: Logger;
}

/** Creates a listener that does not listen yet. */
export function createListener(options: ListenerOptions): Listener {
  const { routes, subscriptions, tls, log, headerMs } = options;
  const onRequest = createRequestHandler(routes, log);
  // The header must come soon. How long a body may take, whoever reads it decides. Answers may take long.
  const times = { headersTimeout: headerMs, requestTimeout: 0, connectionsCheckingInterval: headerMs };
  const server =
    tls === undefined
      ? createServer(times, onRequest)
      : createTlsServer({ ...tls, ...LEAST_TLS_VERSION, ...times }, onRequest);
  server.maxConnections = options.maxConnections;
  server.keepAliveTimeout = 120_000;
  server.on('checkContinue', onRequest);
  server.on('upgrade', (request, socket, head) => {
    if (pathOf(request.url ?? '') === '/pubsub') subscriptions.upgrade(request, socket, head);
    else socket.destroy();
  });
  const unused = trackUnused(server);
  const stopLooking = limitUnread(server, options.unread, log);
  return {
    listen: (host, port) => listen(server, host, port),
    onError: (report) => server.on('error', report),
    connections: promisify(server.getConnections.bind(server)),
    renew(pair) {
      if (server instanceof TlsServer) server.setSecureContext({ ...pair, ...LEAST_TLS_VERSION });
    },
    close() {
      stopLooking();
      return close(server, unused);
    },
  };
}

function listen(server: Server | TlsServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** The connections on which no request has come yet. Clients keep some in reserve, and Node does not count them as idle. */
function trackUnused(server: Server | TlsServer): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  const use = ({ socket }: IncomingMessage): boolean => unused.delete(socket);
  server.on('request', use).on('checkContinue', use).on('upgrade', use);
  return unused;
}

async function close(server: Server | TlsServer, unused: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const drop = setTimeout(() => server.closeAllConnections(), 1000);
  server.closeIdleConnections();
  for (const socket of unused) socket.destroy();
  await closed;
  clearTimeout(drop);
}
