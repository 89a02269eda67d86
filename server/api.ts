import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BodyFault, BodyReader } from './body.ts';
import { dispatch, type Services } from './dispatch.ts';
import { dropBody, isAsking, respond, respondFailure, type Route } from './http.ts';

/** Every RPC at `POST /api`. */
export function createApiRoute(services: Services, bodies: BodyReader, maxBodyBytes: number): Route {
  return {
    method: 'POST',
    matches: (path) => path === '/api',
    readsBody: true,
    async handle(request, response) {
      if (isAsking(request)) response.writeContinue();
      const disconnected = noticeDisconnection(request, response);
      const body = await bodies.read(request);
      if (typeof body === 'string') {
        dropBody(request);
        refuseBody(response, body, maxBodyBytes);
        return;
      }
      const { status, envelope } = await dispatch(services, body.toString(), disconnected);
      respond(response, status, JSON.stringify(envelope));
    },
  };
}

/** Fires when the answer cannot reach the client any more. */
function noticeDisconnection({ socket }: IncomingMessage, response: ServerResponse): AbortSignal {
  const disconnected = new AbortController();
  // A response whose socket failed halfway "finishes" as well; only a socket that still stands has taken all of it.
  let isSent = false;
  response.once('finish', () => (isSent = !socket.destroyed));
  response.once('close', () => {
    if (!isSent) disconnected.abort();
  });
  return disconnected.signal;
}

function refuseBody(response: ServerResponse, fault: BodyFault, maxBodyBytes: number): void {
  const refusals: Readonly<Record<BodyFault, readonly [status: number, message: string]>> = {
    'cut off': [400, 'The body ended too early'],
    'too large': [413, `Request too large, expected at most ${maxBodyBytes} bytes`],
    'too many': [503, 'Too many large requests at the same time, try again later'],
    stalled: [408, 'The body did not arrive in time'],
  };
  respondFailure(response, ...refusals[fault], fault === 'stalled' ? { connection: 'close' } : {});
}
