import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import * as z from 'zod';
import type { ServerAddress } from './address.ts';
import { DEFAULT_RETRY, type RetryPolicy } from './back-off.ts';
import { openReply, sealRequest } from './envelope.ts';
import { ColonyError, ConnectionError, ServerError } from './errors.ts';
import type { Identity } from './identity.ts';
import { messages } from './messages/index.ts';
import type { Message } from './messages/message.ts';
import { formatIssues } from './schema-errors.ts';
import { type Answer, post } from './transport.ts';

/** A server, how to reach it, and as whom. */
export interface Connection {
  readonly server: ServerAddress;
  readonly url: URL;
  /** Signs every request that does not bring an identity of its own. */
  readonly identity?: Identity | undefined;
  /** How long lost connections are bridged; 10 s unless told otherwise. `{ forMs: 0 }` turns it off. */
  readonly retry?: Partial<RetryPolicy>;
  /** Longer answers are refused with a ConnectionError `REPLY_TOO_LONG`; 64 MiB unless given. */
  readonly maxReplyBytes?: number | undefined;
  /** Hears about lost connections. */
  readonly log?: Pick<Logger, 'warn'> | undefined;
}

/** What a single call may do differently. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly identity?: Identity | undefined;
  /** The longest one attempt may take; one minute unless told otherwise (an assign call: 30 s more than it polls). */
  readonly timeoutMs?: number | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
}

/** Messages that only look; they carry no nonce. An assign call takes something, so it is not among them. */
const READING = /^(?:get|search|resolve|channelread|version)/u;

/**
 * Messages whose second execution would do their work twice. After a lost answer they are repeated only on a server that
 * says that it executes a repeated request once (the embedded server does, the official one does not). All others either
 * change nothing the second time (approving, closing, cancelling) or are refused it (names and ids that exist already).
 * A doubled assign call takes a second process, which is no loss: the first returns to the queue at its deadline.
 */
const DOUBLING: ReadonlySet<string> = new Set([
  messages.submitFunctionSpec.type,
  messages.submitWorkflowSpec.type,
  messages.addChild.type,
  messages.runCron.type,
  messages.packGenerator.type,
  messages.appendToChannel.type,
  messages.addFile.type,
]);

/** Messages whose answer is about what was asked for by id. */
const ANSWERED_WITH_SAME: Readonly<Record<string, string>> = {
  [messages.getProcess.type]: 'processId',
  [messages.getWorkflow.type]: 'workflowId',
};

/** Signed anew for every attempt: an embedded server answers each poll once, and none from before its start. */
const SIGNED_PER_ATTEMPT: ReadonlySet<string> = new Set([messages.assignProcess.type]);

/**
 * After this time a request that may be repeated is signed anew: servers may take an older `issuedat` for a recording.
 * Until then its bytes stay the same, by which a server recognises it.
 */
const SIGNED_ANEW_AFTER_MS = 240_000;

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_REPLY_BYTES = 64 * 2 ** 20;

/** What is sent under one signature. */
export interface Content {
  /** The message's type. */
  readonly type: string;
  readonly inner: object;
  /** Whether it only looks. */
  readonly isReading: boolean;
  /** Whether executing it twice does its work twice. */
  readonly isDoubling: boolean;
  /** Whether every attempt needs a signature of its own. */
  readonly isSignedPerAttempt: boolean;
}

/**
 * The wire form of a message.
 *
 * @throws ColonyError `INVALID_REQUEST` naming the field that does not fit
 */
export function contentOf<Request>(message: Message<Request>, request: Request): Content {
  const { type } = message;
  return {
    type,
    inner: encodeRequest(message, request),
    isReading: READING.test(type),
    isDoubling: DOUBLING.has(type),
    isSignedPerAttempt: SIGNED_PER_ATTEMPT.has(type),
  };
}

/**
 * Sends a message and reads its answer.
 *
 * @throws ColonyError `INVALID_REQUEST`, ServerError when the server refuses, ConnectionError when it cannot be reached or
 * understood, the signal's reason when that fires
 */
export async function call<Request, Reply>(
  connection: Connection,
  message: Message<Request, Reply>,
  request: Request,
  options: CallOptions,
): Promise<Reply> {
  const inner = await exchange(connection, contentOf(message, request), options);
  return readReply(message, request, inner);
}

/**
 * Sends what is signed together, again where its answer is lost and that does no harm.
 *
 * @param onRetry told before it is sent again
 * @returns the inner JSON of the answer
 * @throws ServerError, ConnectionError, the signal's reason
 */
export async function exchange(
  connection: Connection,
  content: Content,
  options: CallOptions,
  onRetry?: (error: ConnectionError) => void,
): Promise<unknown> {
  const messageType = content.type;
  const answer = await post({
    url: connection.url,
    server: connection.server,
    messageType,
    body: createBody(content, options.identity ?? connection.identity),
    isRepeatable: async () => !content.isDoubling || deduplicates(connection, options.signal),
    retry: { ...DEFAULT_RETRY, ...connection.retry, ...options.retry },
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs(content.inner),
    maxReplyBytes: connection.maxReplyBytes ?? DEFAULT_MAX_REPLY_BYTES,
    signal: options.signal,
    onRetry(error) {
      onRetry?.(error);
      connection.log?.warn({ code: error.code, messageType }, 'connection lost; trying again');
    },
  });
  return openAnswer(messageType, answer);
}

/**
 * Decodes the inner JSON of an answer.
 *
 * @throws ConnectionError `UNREADABLE_REPLY`, or `OTHER_REPLY` when it is about something else than was asked for
 */
export function readReply<Reply>(message: Message<unknown, Reply>, request: unknown, inner: unknown): Reply {
  const reply = decodeReply(message, inner);
  requireSame(message.type, request, reply);
  return reply;
}

/**
 * The bytes of a request. One that changes something says once for all who it is (`nonce`, by which a server recognises
 * a repetition) and when it was made (`issuedat`, milliseconds since 1970, by which it recognises a recording).
 */
function createBody(content: Content, identity: Identity | undefined): () => string {
  const { type, inner, isReading, isDoubling, isSignedPerAttempt } = content;
  const seal = (marks: object): string => JSON.stringify(sealRequest(type, { ...inner, ...marks }, identity));
  if (isReading) {
    const body = seal({});
    return () => body;
  }
  const make = () => {
    const issuedat = Date.now();
    return { issuedat, body: seal({ nonce: randomBytes(16).toString('hex'), issuedat }) };
  };
  let made = make();
  let isSent = false;
  return () => {
    // By the clock that the server compares with: a computer that slept, or whose clock was set, is late by that one only.
    const isOld = Math.abs(Date.now() - made.issuedat) > SIGNED_ANEW_AFTER_MS;
    // With another nonce it would be another submission.
    if ((isOld && !isDoubling) || (isSent && isSignedPerAttempt)) made = make();
    isSent = true;
    return made.body;
  };
}

/** A server that answers about something else is not to be believed. */
function requireSame(messageType: string, request: unknown, reply: unknown): void {
  const key = ANSWERED_WITH_SAME[messageType];
  if (key === undefined || Object(request)[key] === Object(reply)[key]) return;
  throw new ConnectionError(`${messageType}: expected an answer about the ${key} asked for, got one about another`, {
    code: 'OTHER_REPLY',
  });
}

/** Asks the server; without an answer it counts as one that executes everything that comes. */
async function deduplicates(connection: Connection, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const info = await call(connection, messages.getServerInfo, {}, { signal });
    return info.deduplicates === true;
  } catch {
    return false;
  }
}

function defaultTimeoutMs(inner: object): number {
  const pollSeconds: unknown = 'timeout' in inner ? inner.timeout : 0;
  return typeof pollSeconds === 'number' && pollSeconds > 0 ? pollSeconds * 1000 + 30_000 : DEFAULT_TIMEOUT_MS;
}

function encodeRequest<Request>(message: Message<Request>, request: Request): object {
  const encoded = z.safeEncode(message.request, request);
  if (!encoded.success) {
    throw new ColonyError(`${message.type}: ${formatIssues(encoded.error)}`, { code: 'INVALID_REQUEST' });
  }
  const inner: unknown = encoded.data;
  return typeof inner === 'object' && inner !== null ? inner : {};
}

/** Some refusals of the official server have no body: callers without rights (200) and crashed handlers (500). */
function openAnswer(messageType: string, { status, body }: Answer): unknown {
  if (body.trim() === '') {
    const meaning = status === 200 ? 'as to callers that are no approved members of the colony' : 'its handler failed';
    throw new ServerError(messageType, status, `an empty answer, ${meaning}`);
  }
  return openReply(messageType, body);
}

function decodeReply<Reply>(message: Pick<Message<unknown, Reply>, 'type' | 'reply'>, inner: unknown): Reply {
  const decoded = z.safeDecode(message.reply, inner);
  if (decoded.success) return decoded.data;
  throw new ConnectionError(`${message.type}: unreadable answer: ${formatIssues(decoded.error, inner)}`, {
    code: 'UNREADABLE_REPLY',
  });
}
