import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import * as z from 'zod';
import { type RequestEnvelope, sealFailure, sealReplyText } from '../colony/envelope.ts';
import type { Message, RequestOf } from '../colony/messages/message.ts';
import { PROCESS_STATES } from '../colony/messages/processes.ts';
import { subscribeChannel, subscribeProcess, subscribeProcesses } from '../colony/messages/subscriptions.ts';
import type { FeedEnd } from './channel-feeds.ts';
import { requireChannel } from './channels.ts';
import { toFailure } from './answer.ts';
import { identify } from './dispatch.ts';
import type { Services } from './services.ts';
import { parsePayload } from './incoming.ts';
import { MAX_FRAME_BYTES, MAX_SOCKETS, MAX_SUBSCRIPTIONS_PER_SOCKET, MAX_UNREAD_BYTES } from './limits.ts';
import { Refusal, required } from './refusal.ts';
import { requireMember, type RoleContext } from './roles.ts';
import { isMember } from './store/members.ts';
import { findProcessRow, processJson } from './store/processes.ts';
import type { ProcessChange, Transaction, Transactor } from './transaction.ts';

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
  /** The id of who has subscribed. */
  readonly ownerId: string;
  isMeant(change: ProcessChange): boolean;
  [Symbol.dispose](): void;
}

/** One WebSocket and what its client has subscribed to. */
interface Line {
  readonly socket: WebSocket;
  /** Hears that a subscription is over, and why, while the socket stays. */
  readonly onEnd: (key: string, end: FeedEnd) => void;
}

/** What the clients of sockets have subscribed to, by its key. */
type Open = Map<WebSocket, Map<string, Subscription>>;

/** The longest delay of a timer in Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const TOO_MANY = `Expected at most ${MAX_SUBSCRIPTIONS_PER_SOCKET} subscriptions on one WebSocket`;
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
    const address = services.addressOf(request);
    const own = new Map<string, Subscription>();
    open.set(socket, own);
    let patience = expectSubscription(socket, subscribeMs);
    const line: Line = {
      socket,
      onEnd(key, end) {
        own.delete(key);
        if (own.size > 0) return;
        clearTimeout(patience);
        if (end === 'process has ended') socket.close(NORMAL_CLOSURE, 'the process has ended');
        else patience = expectSubscription(socket, subscribeMs);
      },
    };
    socket.on('close', () => {
      clearTimeout(patience);
      for (const subscription of own.values()) subscription[Symbol.dispose]();
      open.delete(socket);
    });
    socket.on('error', (error) => services.log.debug({ err: error }, 'a WebSocket failed'));
    socket.on('message', (data) => {
      const subscription = subscribe(services, line, address, Buffer.isBuffer(data) ? data.toString() : '');
      if (subscription === undefined) return;
      clearTimeout(patience);
      if (socket.readyState !== socket.OPEN) return subscription[Symbol.dispose]();
      if (own.size >= MAX_SUBSCRIPTIONS_PER_SOCKET && !own.has(subscription.key)) {
        subscription[Symbol.dispose]();
        return socket.send(JSON.stringify(sealFailure(400, TOO_MANY)));
      }
      // A subscription that repeats another one takes its place.
      own.get(subscription.key)?.[Symbol.dispose]();
      own.set(subscription.key, subscription);
    });
  };

  return {
    upgrade(request, socket, head) {
      if (open.size < MAX_SOCKETS || dropUnused(open)) server.handleUpgrade(request, socket, head, accept);
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
      for (const own of open.values()) for (const subscription of own.values()) subscription[Symbol.dispose]();
      open.clear();
      for (const socket of server.clients) socket.close(GOING_AWAY, 'the server stops');
      setTimeout(() => {
        for (const socket of server.clients) socket.terminate();
      }, FAREWELL_MS).unref();
      server.close();
    },
  };
}

/**
 * Makes room by ending the oldest socket on which nothing is subscribed: whoever just opens sockets, as strangers can,
 * keeps nobody else out.
 *
 * @returns whether there was one
 */
function dropUnused(open: Open): boolean {
  for (const [socket, own] of open) {
    if (own.size > 0) continue;
    open.delete(socket);
    socket.terminate();
    return true;
  }
  return false;
}

/** Closes a socket unless something is subscribed on it in time. */
function expectSubscription(socket: WebSocket, withinMs: number): NodeJS.Timeout {
  return setTimeout(() => socket.close(POLICY_VIOLATION, 'expected a subscription'), withinMs);
}

/** Sends the event of a change once per subscription that means it. Whoever is no member any more is cut off instead. */
function tell({ transactor, log }: Services, open: Open, change: ProcessChange): void {
  const meant = [...open].flatMap(([socket, own]) =>
    [...own.values()]
      .filter((subscription) => subscription.isMeant(change))
      .map(({ ownerId }) => ({ socket, mayHear: isMemberNow(transactor, change.colonyName, ownerId) })),
  );
  if (meant.length === 0) return;
  const text = transactor.read((transaction) => eventOf(transaction, change.processId));
  if (text === undefined) return;
  // Encoded once: however many sockets have not sent it yet, it is in memory once.
  const event = Buffer.from(text);
  for (const { socket, mayHear } of meant) {
    if (!mayHear) socket.close(POLICY_VIOLATION, 'not a member of the colony any more');
    else if (socket.bufferedAmount <= MAX_UNREAD_BYTES) socket.send(event, { binary: false });
    else {
      log.warn({ unreadBytes: socket.bufferedAmount }, 'a WebSocket was cut off, its client does not read');
      socket.terminate();
    }
  }
}

function isMemberNow(transactor: Transactor, colonyName: string, id: string): boolean {
  return transactor.read(({ database }) => isMember(database, colonyName, id));
}

/** The event about a process as it is now. Events of both subscriptions carry the same label. */
function eventOf({ database }: Transaction, processId: string): string | undefined {
  const row = findProcessRow(database, processId);
  if (row === undefined) return undefined;
  return sealReplyText(subscribeProcess.type, processJson(database, row).text);
}

/** Reads a frame and starts what it asks for. A frame that nobody can have signed ends the socket. */
function subscribe(services: Services, line: Line, address: string, frame: string): Subscription | undefined {
  const { socket } = line;
  let envelope: RequestEnvelope;
  let callerId: string;
  try {
    ({ envelope, callerId } = identify(services, frame, address));
  } catch (thrown) {
    services.log.debug({ err: thrown }, 'a WebSocket frame was refused');
    socket.close(POLICY_VIOLATION, 'expected a signed Colonies message');
    return undefined;
  }
  try {
    return services.transactor.read((transaction) => start(services, transaction, line, envelope, callerId));
  } catch (thrown) {
    socket.send(toFailure(services.log, envelope.payloadtype, thrown).body);
    return undefined;
  }
}

function start(
  services: Services,
  transaction: Transaction,
  line: Line,
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
      return startOne(transaction, context, line.socket, decode(subscribeProcess, envelope, 'process'));
    case subscribeProcesses.type:
      return startMany(context, line.socket, decode(subscribeProcesses, envelope, 'processes'));
    case subscribeChannel.type:
      return startFeed(services, context, line, decode(subscribeChannel, envelope, 'channel'));
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
    ownerId: context.callerId,
    ...closeAfter(socket, request.timeoutSeconds),
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
    ownerId: context.callerId,
    ...closeAfter(socket, request.timeoutSeconds),
    isMeant: (change) =>
      change.colonyName === colonyName && change.executorType === executorType && change.state === state,
  };
}

/** Several subscriptions may share a socket; the first whose time is up closes it, as on the official server. */
function closeAfter(socket: WebSocket, timeoutSeconds: number): Disposable {
  const close = (): void => socket.close(NORMAL_CLOSURE, 'the time of the subscription is up');
  const timer = setTimeout(close, toDelayMs(timeoutSeconds));
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

function toDelayMs(timeoutSeconds: number): number {
  return Math.min(Math.max(0, timeoutSeconds) * 1000, MAX_TIMER_MS);
}

/** The official server's default. */
const CHANNEL_TIMEOUT_SECONDS = 30;

/** When its time is up the socket stays and may be used again, as on the official server. */
function startFeed(
  { channels, log }: Services,
  context: RoleContext,
  { socket, onEnd }: Line,
  request: RequestOf<typeof subscribeChannel>,
): Subscription {
  const { processId, name, afterPosition, timeoutSeconds } = request;
  const { channel_id: channelId } = requireChannel(context, request, 'subscribe to');
  const key = JSON.stringify([processId, name, 'channel']);
  const feed = channels.feeds.open({
    channelId,
    processId,
    readerId: context.callerId,
    position: Math.max(0, afterPosition),
    timeoutMs: toDelayMs(timeoutSeconds === 0 ? CHANNEL_TIMEOUT_SECONDS : timeoutSeconds),
    send: (frame, taken) => socket.send(frame, taken),
    onBroken(reason) {
      log.warn({ processId, reason: reason.message }, 'a WebSocket was cut off in the middle of a channel');
      socket.terminate();
    },
    onEnd(end) {
      if (end === 'not allowed') {
        socket.send(JSON.stringify(sealFailure(403, 'Not authorized to subscribe to channel')));
      }
      onEnd(key, end);
    },
  });
  return { key, ownerId: context.callerId, isMeant: () => false, [Symbol.dispose]: () => feed[Symbol.dispose]() };
}
