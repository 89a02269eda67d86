import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import * as z from 'zod';
import { apiUrl, type ServerAddress } from '../../colony/address.ts';
import { RequestEnvelope, sealFailure, sealReply } from '../../colony/envelope.ts';
import { batch } from '../../colony/messages/batch.ts';

/** What a scripted server does with one request. */
export type Step = (response: ServerResponse, request: IncomingMessage, body: string) => void | Promise<void>;

/** A plain HTTP server that plays a list of steps, one per request; the last one again and again. */
export interface ScriptedServer extends AsyncDisposable {
  readonly address: ServerAddress;
  /** The bodies of the requests so far. */
  readonly bodies: readonly string[];
}

/** Listens on a free port of this machine, or on the given one. */
export async function startScriptedServer(steps: readonly Step[], port = 0): Promise<ScriptedServer> {
  const bodies: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString();
      const step = steps[Math.min(bodies.push(body), steps.length) - 1];
      void step?.(response, request, body);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a TCP address');
  return {
    address: { host: '127.0.0.1', port: address.port, tls: false },
    bodies,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The types of the messages in a request: several where it is a batch. */
export function messageTypesOf(body: string): readonly string[] {
  const { payloadtype, payload } = RequestEnvelope.parse(JSON.parse(body));
  if (payloadtype !== batch.type) return [payloadtype];
  const { requests } = z.decode(batch.request, JSON.parse(Buffer.from(payload, 'base64').toString()));
  return requests.map(({ msgtype }) => msgtype);
}

/** Answers in a Colonies envelope. */
export function answer(messageType: string, inner: unknown): Step {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(JSON.stringify(sealReply(messageType, inner)));
  };
}

/** Refuses in a Colonies envelope. */
export function refuse(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Step {
  return (response) => {
    response.writeHead(status, headers).end(JSON.stringify(sealFailure(status, message)));
  };
}

/** Answers as something between client and server does. */
export function answerRaw(status: number, body: string): Step {
  return (response) => {
    response.writeHead(status).end(body);
  };
}

/** Takes the request, then resets the connection. */
export const reset: Step = (_, request) => {
  request.socket.resetAndDestroy();
};

/** Takes the request, then closes the connection. */
export const hangUp: Step = (_, request) => {
  request.socket.end();
};

/** Breaks off in the middle of its answer. */
export const breakOff: Step = (response) => {
  response.writeHead(200, { 'content-length': '1000' });
  response.write('{"payloadtype":', () => response.destroy());
};

/** Never answers. */
export const stayMute: Step = () => {};

/** Lets another server answer. */
export function forward(server: ServerAddress): Step {
  return async (response, _, body) => {
    const reply = await fetch(apiUrl(server), { method: 'POST', body });
    response.writeHead(reply.status).end(await reply.text());
  };
}

/** Lets another server do what is asked, but loses its answer. */
export function forwardAndReset(server: ServerAddress): Step {
  return async (_, request, body) => {
    await fetch(apiUrl(server), { method: 'POST', body });
    request.socket.resetAndDestroy();
  };
}
