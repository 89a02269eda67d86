import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { sealFailure } from '../colony/envelope.ts';
import { type Answer, dispatch, type Services, toFailure } from './dispatch.ts';
import { Refusal } from './refusal.ts';

type Env = { Bindings: HttpBindings };

const TEXT = 'text/plain; charset=utf-8';

/** The HTTP side: every RPC at `POST /api`, and whether the server is alive at `GET /health`. */
export function createHttpApp(services: Services, maxBodyBytes: number): Hono<Env> {
  const app = new Hono<Env>();
  app.use(
    cors({
      origin: '*',
      allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'],
      allowHeaders: ['Origin', 'Content-Length', 'Content-Type'],
      maxAge: 43_200,
    }),
  );
  app.post('/api', bodyLimit({ maxSize: maxBodyBytes, onError: () => tooLarge(maxBodyBytes) }), (context) =>
    answerApi(context, services),
  );
  app.get('/health', (context) => context.body('', 200, { 'content-type': TEXT }));
  app.get('/pubsub', (context) => context.body('Bad Request\n', 400, { 'content-type': TEXT }));
  app.notFound((context) => context.body('404 page not found', 404, { 'content-type': 'text/plain' }));
  app.onError((error) => respond(toFailure(services.log, '', error)));
  return app;
}

async function answerApi(context: Context<Env>, services: Services): Promise<Response> {
  const { incoming, outgoing } = context.env;
  const disconnected = new AbortController();
  // A response whose socket failed halfway "finishes" as well; only a socket that still stands has taken all of it.
  let isSent = false;
  outgoing.once('finish', () => (isSent = !incoming.socket.destroyed));
  outgoing.once('close', () => {
    if (!isSent) disconnected.abort();
  });
  const body = await context.req.text().catch(() => undefined);
  if (body === undefined) return respond(toFailure(services.log, '', new Refusal(400, 'The body could not be read')));
  return respond(await dispatch(services, body, disconnected.signal));
}

function tooLarge(maxBodyBytes: number): Response {
  const message = `Request too large, expected at most ${maxBodyBytes} bytes`;
  return respond({ status: 413, envelope: sealFailure(413, message) });
}

function respond({ status, envelope }: Answer): Response {
  return new Response(JSON.stringify(envelope), { status, headers: { 'content-type': TEXT } });
}
