import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';

/** What clients may leave unread. */
export interface UnreadLimits {
  /** Whoever takes nothing of an answer for so long is cut off. */
  readonly stallMs: number;
  /** When all clients together leave more unread, in bytes, whoever leaves most is cut off. */
  readonly maxUnreadBytes: number;
}

/** Requests that a client sends on one connection before the first is answered; ours and the official ones send one. */
const MAX_UNANSWERED = 4;
const LOOKED_AT_EVERY_MS = 1000;

/**
 * Cuts off clients that ask and do not take the answers, which are held in memory until then.
 *
 * @returns what ends that
 */
export function limitUnread(
  server: Server | TlsServer,
  { stallMs, maxUnreadBytes }: UnreadLimits,
  log: Logger,
): () => void {
  const sockets = new Set<Socket>();
  const unanswered = new WeakMap<Socket, number>();
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const count = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    const open = (unanswered.get(socket) ?? 0) + 1;
    unanswered.set(socket, open);
    response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
    if (open > MAX_UNANSWERED) socket.destroy();
  };
  server.on('request', count).on('checkContinue', count);
  // Nothing has moved for so long. Whoever waits for work, of which nothing has been sent, is left alone.
  server.setTimeout(stallMs, (socket: Socket) => {
    const isWaiting = (unanswered.get(socket) ?? 0) > 0 && socket.writableLength === 0;
    if (!isWaiting) socket.destroy();
  });
  const timer = setInterval(() => cutOffLargest(sockets, maxUnreadBytes, log), LOOKED_AT_EVERY_MS);
  return () => clearInterval(timer);
}

function cutOffLargest(sockets: ReadonlySet<Socket>, maxUnreadBytes: number, log: Logger): void {
  let total = 0;
  for (const { writableLength } of sockets) total += writableLength;
  if (total <= maxUnreadBytes) return;
  const largestFirst = [...sockets].sort((one, other) => other.writableLength - one.writableLength);
  for (const socket of largestFirst) {
    if (total <= maxUnreadBytes) return;
    total -= socket.writableLength;
    log.warn({ unreadBytes: socket.writableLength }, 'a client was cut off, all together leave too much unread');
    socket.destroy();
  }
}
