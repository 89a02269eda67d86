import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BodyFault, BodyReader } from './body.ts';
import type { Answer } from './answer.ts';
import { dispatch } from './dispatch.ts';
import { dropBody, isAsking, respond, respondFailure, type Route } from './http.ts';
import type { Services } from './services.ts';

/** Every RPC at `POST /api`. */
export function createApiRoute(services: Services, bodies: BodyReader, maxBodyBytes: number): Route {
  return {
    method: 'POST',
    matches: (path) => path === '/api',
    readsBody: true,
    async handle(request, response) {
      if (isAsking(request)) response.writeContinue();
      const disconnection = watchForDisconnection(request, response);
      const body = await bodies.read(request);
      if (typeof body === 'string') {
        dropBody(request);
        services.recorder.onRefusedBody(body);
        refuseBody(response, body, maxBodyBytes);
        return;
      }
      const sender = { address: services.addressOf(request), disconnected: disconnection };
      respondAnswer(response, await dispatch(services, body.toString(), sender));
    },
  };
}

/** Sends an answer, with when to try again where that may help. */
export function respondAnswer(response: ServerResponse, { status, body, retryAfterSeconds }: Answer): void {
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  respond(response, status, body, headers);
}

/**
 * Gives a signal that fires when the answer cannot reach the client any more. It is made when somebody asks for it: few
 * do, and making one takes longer than answering a small request in other respects.
 */
function watchForDisconnection({ socket }: IncomingMessage, response: ServerResponse): () => AbortSignal {
  let disconnected: AbortController | undefined;
  let [isSent, isGone] = [false, false];
  // A response whose socket failed halfway "finishes" as well; only a socket that still stands has taken all of it.
  response.once('finish', () => (isSent = !socket.destroyed));
  response.once('close', () => {
    isGone = !isSent;
    if (isGone) disconnected?.abort();
  });
  return () => {
    disconnected ??= new AbortController();
    if (isGone) disconnected.abort();
    return disconnected.signal;
  };
}

const HEADERS_OF_FAULTS: Readonly<Partial<Record<BodyFault, Readonly<Record<string, string>>>>> = {
  stalled: { connection: 'close' },
  'too many': { 'retry-after': '1' },
};

function refuseBody(response: ServerResponse, fault: BodyFault, maxBodyBytes: number): void {
  const refusals: Readonly<Record<BodyFault, readonly [status: number, message: string]>> = {
    'cut off': [400, 'The body ended too early'],
    'too large': [413, `Request too large, expected at most ${maxBodyBytes} bytes`],
    'too many': [503, 'Too many large requests at the same time, try again later'],
    stalled: [408, 'The body did not arrive in time'],
  };
  respondFailure(response, ...refusals[fault], HEADERS_OF_FAULTS[fault]);
}
