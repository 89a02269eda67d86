import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { sealFailure } from '../colony/envelope.ts';
import { type Answer, dispatch, type Services } from './dispatch.ts';

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
  app.post('/api', (context) => answerApi(context, services, maxBodyBytes));
  app.get('/health', (context) => context.body('', 200, { 'content-type': TEXT }));
  app.get('/pubsub', (context) => context.body('Bad Request\n', 400, { 'content-type': TEXT }));
  app.notFound((context) => context.body('404 page not found', 404, { 'content-type': 'text/plain' }));
  app.onError((error) => {
    services.log.error({ err: error }, 'a request failed');
    return respond(failure(500, 'Internal server error; the server has logged what happened'));
  });
  return app;
}

async function answerApi(context: Context<Env>, services: Services, maxBodyBytes: number): Promise<Response> {
  const { incoming, outgoing } = context.env;
  const disconnected = new AbortController();
  // A response whose socket failed halfway "finishes" as well; only a socket that still stands has taken all of it.
  let isSent = false;
  outgoing.once('finish', () => (isSent = !incoming.socket.destroyed));
  outgoing.once('close', () => {
    if (!isSent) disconnected.abort();
  });
  const body = await readBody(incoming, maxBodyBytes);
  if (body === 'cut off') return respond(failure(400, 'The body ended too early'));
  if (body === 'too large') return respond(failure(413, `Request too large, expected at most ${maxBodyBytes} bytes`));
  return respond(await dispatch(services, body.toString(), disconnected.signal));
}

/**
 * Reads from the socket rather than through a `Request`, which costs more than the rest of a small answer. A body that
 * is too large is read on and thrown away, so that its sender comes to read the refusal.
 */
function readBody(incoming: HttpBindings['incoming'], maxBytes: number): Promise<Buffer | 'too large' | 'cut off'> {
  return new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let byteCount = 0;
    incoming.on('data', (chunk: Buffer) => {
      byteCount += chunk.length;
      if (byteCount <= maxBytes) chunks.push(chunk);
      else {
        chunks = [];
        resolve('too large');
      }
    });
    incoming.once('end', () => resolve(Buffer.concat(chunks)));
    incoming.once('close', () => resolve('cut off'));
  });
}

function failure(status: number, message: string): Answer {
  return { status, envelope: sealFailure(status, message) };
}

function respond({ status, envelope }: Answer): Response {
  return new Response(JSON.stringify(envelope), { status, headers: { 'content-type': TEXT } });
}
