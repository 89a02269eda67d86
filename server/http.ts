import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { sealFailure } from '../colony/envelope.ts';
import type { BodyFault, BodyReader } from './body.ts';
import { type Answer, dispatch, type Services } from './dispatch.ts';

/** What a request brings from Node. */
export type Env = { Bindings: HttpBindings };

const TEXT = 'text/plain; charset=utf-8';

/** The HTTP side: every RPC at `POST /api`, and whether the server is alive at `GET /health`. */
export function createHttpApp(services: Services, bodies: BodyReader, maxBodyBytes: number): Hono<Env> {
  const app = new Hono<Env>();
  app.use(
    cors({
      origin: '*',
      allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'],
      allowHeaders: ['Origin', 'Content-Length', 'Content-Type'],
      maxAge: 43_200,
    }),
  );
  app.post('/api', (context) => answerApi(context, services, bodies, maxBodyBytes));
  app.get('/health', (context) => context.body('', 200, { 'content-type': TEXT }));
  app.get('/pubsub', (context) => context.body('Bad Request\n', 400, { 'content-type': TEXT }));
  app.notFound((context) => context.body('404 page not found', 404, { 'content-type': 'text/plain' }));
  app.onError((error) => {
    services.log.error({ err: error }, 'a request failed');
    return respond(failure(500, 'Internal server error; the server has logged what happened'));
  });
  return app;
}

async function answerApi(
  context: Context<Env>,
  services: Services,
  bodies: BodyReader,
  maxBodyBytes: number,
): Promise<Response> {
  const { incoming, outgoing } = context.env;
  const disconnected = new AbortController();
  // A response whose socket failed halfway "finishes" as well; only a socket that still stands has taken all of it.
  let isSent = false;
  outgoing.once('finish', () => (isSent = !incoming.socket.destroyed));
  outgoing.once('close', () => {
    if (!isSent) disconnected.abort();
  });
  const body = await bodies.read(incoming);
  if (typeof body === 'string') return refuseBody(body, maxBodyBytes);
  return respond(await dispatch(services, body.toString(), disconnected.signal));
}

function refuseBody(fault: BodyFault, maxBodyBytes: number): Response {
  const refusals: Readonly<Record<BodyFault, readonly [status: number, message: string]>> = {
    'cut off': [400, 'The body ended too early'],
    'too large': [413, `Request too large, expected at most ${maxBodyBytes} bytes`],
    'too many': [503, 'Too many large requests at the same time, try again later'],
    stalled: [408, 'The body did not arrive in time'],
  };
  return respond(failure(...refusals[fault]), fault === 'stalled' ? { connection: 'close' } : {});
}

function failure(status: number, message: string): Answer {
  return { status, envelope: sealFailure(status, message) };
}

function respond({ status, envelope }: Answer, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(envelope), { status, headers: { 'content-type': TEXT, ...headers } });
}
