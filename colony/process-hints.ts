import { WebSocket } from 'ws';
import * as z from 'zod';
import { pubSubUrl } from './address.ts';
import { DEFAULT_RETRY, pauseMs, sleep } from './back-off.ts';
import type { ColoniesClient } from './client.ts';
import { sealRequest } from './envelope.ts';
import type { Identity } from './identity.ts';
import type { ProcessState } from './messages/processes.ts';
import { subscribeProcess } from './messages/subscriptions.ts';

/**
 * Hints that a process may have changed, from a server's WebSocket. They only save time: events may be missing (a
 * cancellation causes none), come twice, or lack what they are about (the output), so whoever gets a hint asks the
 * server for the process, and asks now and then without one.
 */
export interface Hints extends Disposable {
  /** Asks for hints about a process, once. */
  watch(processId: string): void;
  /** Waits for a hint that was not waited for yet, at most `limitMs`; tells whether there was one. */
  wait(limitMs: number, signal?: AbortSignal): Promise<boolean>;
}

/** The server ends a subscription, and with it the connection, after this time; then it is made again. */
const WINDOW_SECONDS = 60;

/** As much as an answer over HTTP may be, see `maxReplyBytes`. */
const MAX_FRAME_BYTES = 64 * 2 ** 20;

const WATCHED_STATES: readonly ProcessState[] = ['running', 'success', 'failed'];

/**
 * Opens one connection for any number of processes. It is made anew whenever it is lost, and neither it nor a timer
 * remains after disposal. Without an identity there is no connection, and so no hint.
 */
export function openHints(client: ColoniesClient, identity: Identity | undefined = client.identity): Hints {
  const watched = new Set<string>();
  let pending = false;
  let wake: (() => void) | undefined;
  const hint = (): void => {
    pending = true;
    wake?.();
  };
  const line = identity === undefined ? undefined : keepConnected(client, () => framesFor(watched, identity), hint);
  return {
    watch(processId) {
      if (watched.has(processId)) return;
      watched.add(processId);
      if (identity !== undefined) line?.send(framesFor([processId], identity));
    },
    async wait(limitMs, signal) {
      const over = new AbortController();
      wake = () => over.abort();
      if (pending) over.abort();
      await sleep(limitMs, AbortSignal.any([over.signal, ...(signal === undefined ? [] : [signal])])).catch(() => {});
      signal?.throwIfAborted();
      const wasHinted = pending;
      pending = false;
      return wasHinted;
    },
    [Symbol.dispose]() {
      line?.[Symbol.dispose]();
    },
  };
}

function framesFor(processIds: Iterable<string>, identity: Identity): readonly string[] {
  return [...processIds].flatMap((processId) =>
    WATCHED_STATES.map((state) => {
      const request = { colonyName: '', processId, executorType: '', state, timeoutSeconds: WINDOW_SECONDS };
      const inner = z.encode(subscribeProcess.request, request);
      return JSON.stringify(sealRequest(subscribeProcess.type, Object(inner), identity));
    }),
  );
}

interface Line extends Disposable {
  /** Sends now when connected; otherwise the greeting of the next connection does. */
  send(frames: readonly string[]): void;
}

/** Keeps a WebSocket open: sends the greeting on every connection, and reconnects with growing pauses. */
function keepConnected(client: ColoniesClient, greeting: () => readonly string[], onFrame: () => void): Line {
  let socket = connect();
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let isDisposed = false;

  function connect(): WebSocket {
    const opened = new WebSocket(pubSubUrl(client.server), {
      perMessageDeflate: false,
      handshakeTimeout: 10_000,
      maxPayload: MAX_FRAME_BYTES,
    });
    opened.on('open', () => {
      failures = 0;
      for (const frame of greeting()) opened.send(frame);
    });
    opened.on('message', onFrame);
    // Every error is followed by a close, and the close is what matters.
    opened.on('error', () => {});
    opened.on('close', () => {
      if (isDisposed) return;
      timer = setTimeout(() => (socket = connect()), pauseMs(DEFAULT_RETRY, failures++));
    });
    return opened;
  }

  return {
    send(frames) {
      if (socket.readyState !== WebSocket.OPEN) return;
      for (const frame of frames) socket.send(frame);
    },
    [Symbol.dispose]() {
      isDisposed = true;
      clearTimeout(timer);
      socket.terminate();
    },
  };
}
