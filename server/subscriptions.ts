import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import * as z from 'zod';
import { type RequestEnvelope, sealFailure, sealReplyText } from '../colony/envelope.ts';
import type { Message, RequestOf } from '../colony/messages/message.ts';
import { PROCESS_STATES } from '../colony/messages/processes.ts';
import { subscribeProcess, subscribeProcesses } from '../colony/messages/subscriptions.ts';
import { identify, type Services, toFailure } from './dispatch.ts';
import { addressOf } from './http.ts';
import { callerOf, parsePayload } from './incoming.ts';
import { MAX_FRAME_BYTES, MAX_SOCKETS, MAX_SUBSCRIPTIONS_PER_SOCKET, MAX_UNREAD_BYTES } from './limits.ts';
import { Refusal, required } from './refusal.ts';
import { requireMember, type RoleContext } from './roles.ts';
import { findProcessRow, processJson } from './store/processes.ts';
import type { ProcessChange, Transaction } from './transaction.ts';

/** The WebSocket side: tells clients what happens to processes. */
export interface Subscriptions {
  /** Takes over a connection that asks to become a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Tells of changes. */
  onChanges(changes: readonly ProcessChange[]): void;
  /** How much is open. */
  counts(): { readonly sockets: number; readonly subscriptions: number };
  /** Closes all sockets with a close frame. */
  stop(): void;
}

interface Subscription {
  /** Equal for subscriptions to the same events. */
  readonly key: string;
  readonly timer: NodeJS.Timeout;
  isMeant(change: ProcessChange): boolean;
}

/** What the clients of sockets have subscribed to, by its key. */
type Open = Map<WebSocket, Map<string, Subscription>>;

/** The longest delay of a timer in Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const NORMAL_CLOSURE = 1000;
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;
/** Who has not said good-bye by then is cut off. */
const FAREWELL_MS = 1000;

/** @param subscribeMs a socket on which nobody has subscribed by then is closed */
export function createSubscriptions(services: Services, subscribeMs: number): Subscriptions {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES, clientTracking: true });
  const open: Open = new Map();

  const accept = (socket: WebSocket, request: IncomingMessage): void => {
    const address = addressOf(request);
    const patience = setTimeout(() => socket.close(POLICY_VIOLATION, 'expected a subscription'), subscribeMs);
    socket.on('close', () => {
      clearTimeout(patience);
      for (const { timer } of open.get(socket)?.values() ?? []) clearTimeout(timer);
      open.delete(socket);
    });
    socket.on('error', (error) => services.log.debug({ err: error }, 'a WebSocket failed'));
    socket.on('message', (data) => {
      const own = open.get(socket) ?? new Map<string, Subscription>();
      const subscription = subscribe(services, socket, address, Buffer.isBuffer(data) ? data.toString() : '');
      if (subscription === undefined) return;
      clearTimeout(patience);
      if (socket.readyState !== socket.OPEN) return clearTimeout(subscription.timer);
      if (own.size >= MAX_SUBSCRIPTIONS_PER_SOCKET && !own.has(subscription.key)) {
        clearTimeout(subscription.timer);
        const text = `Expected at most ${MAX_SUBSCRIPTIONS_PER_SOCKET} subscriptions on one WebSocket`;
        return socket.send(JSON.stringify(sealFailure(400, text)));
      }
      // A subscription that repeats another one takes its place.
      clearTimeout(own.get(subscription.key)?.timer);
      open.set(socket, own.set(subscription.key, subscription));
    });
  };

  return {
    upgrade(request, socket, head) {
      if (server.clients.size < MAX_SOCKETS) server.handleUpgrade(request, socket, head, accept);
      else socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    },
    onChanges(changes) {
      for (const change of changes) tell(services, open, change);
    },
    counts() {
      const subscriptions = [...open.values()].reduce((sum, own) => sum + own.size, 0);
      return { sockets: server.clients.size, subscriptions };
    },
    stop() {
      for (const own of open.values()) for (const { timer } of own.values()) clearTimeout(timer);
      open.clear();
      for (const socket of server.clients) socket.close(GOING_AWAY, 'the server stops');
      setTimeout(() => {
        for (const socket of server.clients) socket.terminate();
      }, FAREWELL_MS).unref();
      server.close();
    },
  };
}

/** Sends the event of a change once per subscription that means it. */
function tell({ transactor, log }: Services, open: Open, change: ProcessChange): void {
  const meant = [...open].flatMap(([socket, own]) =>
    [...own.values()].filter((subscription) => subscription.isMeant(change)).map(() => socket),
  );
  if (meant.length === 0) return;
  const event = transactor.read((transaction) => eventOf(transaction, change.processId));
  if (event === undefined) return;
  for (const socket of meant) {
    if (socket.bufferedAmount <= MAX_UNREAD_BYTES) socket.send(event);
    else {
      log.warn({ unreadBytes: socket.bufferedAmount }, 'a WebSocket was cut off, its client does not read');
      socket.terminate();
    }
  }
}

/** The event about a process as it is now. Events of both subscriptions carry the same label. */
function eventOf({ database }: Transaction, processId: string): string | undefined {
  const row = findProcessRow(database, processId);
  if (row === undefined) return undefined;
  return sealReplyText(subscribeProcess.type, processJson(database, row).text);
}

/** Reads a frame and starts what it asks for. A frame that nobody can have signed ends the socket. */
function subscribe(services: Services, socket: WebSocket, address: string, frame: string): Subscription | undefined {
  let envelope: RequestEnvelope;
  let callerId: string;
  try {
    ({ envelope, callerId } = identify(services, frame, address, callerOf));
  } catch (thrown) {
    services.log.debug({ err: thrown }, 'a WebSocket frame was refused');
    socket.close(POLICY_VIOLATION, 'expected a signed Colonies message');
    return undefined;
  }
  try {
    return services.transactor.read((transaction) => start(services, transaction, socket, envelope, callerId));
  } catch (thrown) {
    socket.send(toFailure(services.log, envelope.payloadtype, thrown).body);
    return undefined;
  }
}

function start(
  services: Services,
  transaction: Transaction,
  socket: WebSocket,
  envelope: RequestEnvelope,
  callerId: string,
): Subscription | undefined {
  const context: RoleContext = {
    database: transaction.database,
    callerId,
    heardFrom: services.presence.heardFrom,
  };
  switch (envelope.payloadtype) {
    case subscribeProcess.type:
      return startOne(transaction, context, socket, decode(subscribeProcess, envelope, 'process'));
    case subscribeProcesses.type:
      return startMany(context, socket, decode(subscribeProcesses, envelope, 'processes'));
    default:
      // The official server ignores messages of other types here.
      return undefined;
  }
}

function decode<Request>(message: Message<Request>, envelope: RequestEnvelope, what: string): Request {
  const failure = `Failed to subscribe to ${what}`;
  const inner = parsePayload(envelope.payload);
  const request = z.safeDecode(message.request, inner);
  if (!request.success) throw new Refusal(400, `${failure}, invalid JSON`);
  if (inner?.msgtype !== message.type) {
    throw new Refusal(403, `${failure}, msg.msgType does not match rpcMsg.PayloadType`);
  }
  return request.data;
}

function startOne(
  transaction: Transaction,
  context: RoleContext,
  socket: WebSocket,
  request: RequestOf<typeof subscribeProcess>,
): Subscription {
  const { processId, executorType } = request;
  const row = required(findProcessRow(transaction.database, processId), 403, `Invalid process with Id ${processId}`);
  requireMember(context, row.colony_name);
  const state = PROCESS_STATES.indexOf(request.state);
  const isRightType = executorType === '' || executorType === row.executor_type;
  if (isRightType && row.state === state) {
    const event = eventOf(transaction, processId);
    if (event !== undefined) socket.send(event);
  }
  return {
    key: JSON.stringify([processId, isRightType, state]),
    timer: closeAfter(socket, request.timeoutSeconds),
    isMeant: (change) => isRightType && change.processId === processId && change.state === state,
  };
}

function startMany(
  context: RoleContext,
  socket: WebSocket,
  request: RequestOf<typeof subscribeProcesses>,
): Subscription {
  const { colonyName, executorType } = request;
  requireMember(context, colonyName);
  const state = PROCESS_STATES.indexOf(request.state);
  return {
    key: JSON.stringify([colonyName, executorType, state, 'all']),
    timer: closeAfter(socket, request.timeoutSeconds),
    isMeant: (change) =>
      change.colonyName === colonyName && change.executorType === executorType && change.state === state,
  };
}

/** Several subscriptions may share a socket; the first whose time is up closes it, as on the official server. */
function closeAfter(socket: WebSocket, timeoutSeconds: number): NodeJS.Timeout {
  const delayMs = Math.min(Math.max(0, timeoutSeconds) * 1000, MAX_TIMER_MS);
  return setTimeout(() => socket.close(NORMAL_CLOSURE, 'the time of the subscription is up'), delayMs);
}
