import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../../colony/address.ts';
import type { Route } from '../http.ts';
import { EXPOSITION_TYPE } from './exposition.ts';

/**
 * What is measured, at `GET /metrics`: with a token for whoever shows it (`authorization: Bearer …`), without one for
 * this machine only. Proxies on this machine speak for others, so what they pass on is not from here; and a name of
 * somebody else's that leads here is how a page in a browser on this machine could ask (DNS rebinding).
 */
export function createMetricsRoute(token: string | undefined, read: () => Promise<string>): Route {
  const mayRead = token === undefined ? isFromHere : showsToken(token);
  const refusal = token === undefined ? FOR_THIS_MACHINE : FOR_TOKENS;
  return {
    method: 'GET',
    matches: (path) => path === '/metrics',
    async handle(request, response) {
      // Not with headers that let web pages of any origin read it.
      if (mayRead(request)) response.writeHead(200, { 'content-type': EXPOSITION_TYPE }).end(await read());
      else response.writeHead(403, { 'content-type': 'text/plain; charset=utf-8' }).end(`403 /metrics: ${refusal}\n`);
    },
  };
}

const FOR_TOKENS = 'expected the header "authorization: Bearer <token>" with the token of this server';
const FOR_THIS_MACHINE =
  'expected a request from the machine of the server to 127.0.0.1, [::1] or localhost, and no proxy; for all others ' +
  'start the server with SEALED_COLONIES_METRICS_TOKEN=<token> and send the header "authorization: Bearer <token>"';

const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'] as const;

function isFromHere({ socket, headers }: IncomingMessage): boolean {
  const address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
  return (
    isLoopback(address) &&
    isLoopback(hostOf(headers.host ?? '')) &&
    FORWARDED.every((name) => headers[name] === undefined)
  );
}

/** The host of an authority such as `localhost:50080` or `[::1]`; empty when it is none. */
function hostOf(authority: string): string {
  const { bracketed, plain } = /^(?:\[(?<bracketed>[^\]]*)\]|(?<plain>[^:]*))(?::\d*)?$/u.exec(authority)?.groups ?? {};
  return (bracketed ?? plain ?? '').toLowerCase();
}

function showsToken(token: string): (request: IncomingMessage) => boolean {
  const wanted = digestOf(`Bearer ${token}`);
  return ({ headers }) => timingSafeEqual(digestOf(headers.authorization ?? ''), wanted);
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
