import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Env } from './http.ts';
import type { Subscriptions } from './subscriptions.ts';

/** What takes connections. */
export interface Listener {
  /** Starts to listen; resolves with the port. */
  listen(host: string, port: number): Promise<number>;
  /** Hears of failures after the start. */
  onError(report: (error: Error) => void): void;
  /** Lets answers that are on their way go out, then drops idle connections. */
  close(): Promise<void>;
}

/** What a listener is made of. */
export interface ListenerOptions {
  readonly app: Hono<Env>;
  readonly subscriptions: Subscriptions;
  /** PEM texts; with them it speaks HTTPS. */
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
  /** Further connections are dropped. */
  readonly maxConnections: number;
}

/** Creates a listener that does not listen yet. */
export function createListener({ app, subscriptions, tls, maxConnections }: ListenerOptions): Listener {
  const handleRequest = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    void handleRequest(request, response);
  };
  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  server.maxConnections = maxConnections;
  // The header must come soon; a body that makes progress within five minutes. Answers may take long.
  server.headersTimeout = 10_000;
  server.requestTimeout = 300_000;
  server.keepAliveTimeout = 120_000;
  server.on('upgrade', (request, socket, head) => {
    if (request.url?.split('?')[0] === '/pubsub') subscriptions.upgrade(request, socket, head);
    else socket.destroy();
  });
  const unused = trackUnused(server);
  return {
    listen: (host, port) => listen(server, host, port),
    onError: (report) => server.on('error', report),
    close: () => close(server, unused),
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
  server.on('request', use).on('upgrade', use);
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
