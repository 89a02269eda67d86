import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../../colony/address.ts';
import { pathOf, type Route } from '../http.ts';
import { EXPOSITION_TYPE } from './exposition.ts';

/**
 * What is measured, at `GET /metrics`: with a token for whoever shows it (`authorization: Bearer …`), without one for
 * this machine only. Proxies on this machine speak for others, so what they pass on is not from here.
 */
export function createMetricsRoute(token: string | undefined, read: () => Promise<string>): Route {
  const mayRead = token === undefined ? isFromHere : showsToken(token);
  return {
    method: 'GET',
    matches: (path) => path === '/metrics',
    async handle(request, response) {
      // Not with headers that let web pages of any origin read it.
      if (mayRead(request)) response.writeHead(200, { 'content-type': EXPOSITION_TYPE }).end(await read());
      else response.writeHead(403, { 'content-type': 'text/plain' }).end(`403 ${pathOf(request.url ?? '')}\n`);
    },
  };
}

const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'] as const;

function isFromHere({ socket, headers }: IncomingMessage): boolean {
  const address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
  return isLoopback(address) && FORWARDED.every((name) => headers[name] === undefined);
}

function showsToken(token: string): (request: IncomingMessage) => boolean {
  const wanted = digestOf(`Bearer ${token}`);
  return ({ headers }) => timingSafeEqual(digestOf(headers.authorization ?? ''), wanted);
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
