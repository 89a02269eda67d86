import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { sealFailure } from '../colony/envelope.ts';
import { toError } from '../colony/errors.ts';

/** One way in over HTTP. The first route of the table that fits a request answers it. */
export interface Route {
  /** In capitals. A route for `GET` answers `HEAD`, too. */
  readonly method: string;
  /** @param path what stands between host and query, as the client wrote it */
  readonly matches: (path: string) => boolean;
  /**
   * Whether it takes care of the request's body and of clients that first ask whether to send one (`expect`). A body that
   * nobody reads is not waited for.
   */
  readonly readsBody?: boolean;
  /** Answers, with {@link respond} say. What it throws is answered with status 500. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
}

/** The content type of nearly everything this server says. */
const TEXT = 'text/plain; charset=utf-8';

/** Browsers of any origin may ask: what is asked must be signed anyway. */
export const CROSS_ORIGIN = { 'access-control-allow-origin': '*' };
const PREFLIGHT = {
  'access-control-max-age': '43200',
  'access-control-allow-methods': 'GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS',
  // Beside what the official server names: the token of a blob, and a part of it.
  'access-control-allow-headers': 'Origin,Content-Length,Content-Type,Authorization,Range',
  vary: 'Access-Control-Request-Headers',
};

/** What a WebSocket's address says to whoever asks for none. */
export const pubSubRoute: Route = {
  method: 'GET',
  matches: (path) => path === '/pubsub',
  handle: (_request, response) => respond(response, 400, 'Bad Request\n'),
};

/**
 * Answers requests from a table of routes: 404 for what no route fits, 204 for the preflight requests of browsers, 500
 * in an envelope for what a route throws.
 */
export function createRequestHandler(
  routes: readonly Route[],
  log: Logger,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const route = findRoute(routes, request);
    if (route?.readsBody !== true) dropBody(request);
    if (route === undefined) {
      answerUnrouted(request, response);
      return;
    }
    handle(route, request, response).catch((thrown: unknown) => {
      log.error({ err: toError(thrown) }, 'a request failed');
      if (response.headersSent) response.destroy();
      else respondFailure(response, 500, 'Internal server error; the server has logged what happened');
    });
  };
}

/** How long the rest of a body is read, so that its sender comes to read the answer. */
const LINGER_MS = 30_000;

/** Reads on for a moment, then ends the connection of whoever still sends what nobody wants. */
export function dropBody(request: IncomingMessage): void {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  if (request.complete || (length === '0' && encoding === undefined)) return;
  request.resume();
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
  request.once('close', () => clearTimeout(timer));
}

/** Whether a client asks before it sends the body (RFC 9110, section 10.1.1). */
export function isAsking({ headers }: IncomingMessage): boolean {
  return headers.expect?.toLowerCase() === '100-continue';
}

async function handle(route: Route, request: IncomingMessage, response: ServerResponse): Promise<void> {
  await route.handle(request, response);
}

function findRoute(routes: readonly Route[], { method, url = '' }: IncomingMessage): Route | undefined {
  const [wanted, path] = [method === 'HEAD' ? 'GET' : method, pathOf(url)];
  return routes.find((route) => route.method === wanted && route.matches(path));
}

function answerUnrouted({ method }: IncomingMessage, response: ServerResponse): void {
  if (method === 'OPTIONS') response.writeHead(204, { ...CROSS_ORIGIN, ...PREFLIGHT }).end();
  else respond(response, 404, '404 page not found', { 'content-type': 'text/plain' });
}

/**
 * What stands between host and query of a request's target.
 *
 * @param target a path, or a whole address as proxies may send it (RFC 9112, section 3.2.2)
 */
export function pathOf(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?]*/i, '');
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}

/** Sends a whole answer. */
export function respond(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  const contentLength = Buffer.byteLength(body);
  response
    .writeHead(status, { ...CROSS_ORIGIN, 'content-type': TEXT, 'content-length': contentLength, ...headers })
    .end(body);
}

/** Refuses in the envelope of the protocol. */
export function respondFailure(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  respond(response, status, JSON.stringify(sealFailure(status, message)), headers);
}
