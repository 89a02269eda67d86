import type { Logger } from 'pino';
import { type ReplyEnvelope, type RequestEnvelope, sealFailure, sealReply } from '../colony/envelope.ts';
import { toError } from '../colony/errors.ts';
import type { Call, Handler, ServerFacts, WireRequest } from './handler.ts';
import { handlers } from './handlers/index.ts';
import { callerOf, parseEnvelope, parsePayload } from './incoming.ts';
import { MAX_STRANGER_CHARACTERS } from './limits.ts';
import type { Presence } from './presence.ts';
import { Refusal } from './refusal.ts';
import { digestOf, recallAnswer, rememberAnswer, requireRecent } from './repeats.ts';
import type { Scheduler } from './scheduler.ts';
import { isKnownId } from './store/members.ts';
import type { Transaction, Transactor } from './transaction.ts';

/** An answer on its way out. */
export interface Answer {
  /** The HTTP status; the envelope of a failure repeats it. */
  readonly status: number;
  readonly envelope: ReplyEnvelope;
}

/** The parts of a server that calls need. */
export interface Services {
  readonly transactor: Transactor;
  readonly scheduler: Scheduler;
  readonly presence: Presence;
  /** The id of the server's owner at the moment. */
  readonly serverId: string;
  readonly facts: ServerFacts;
  readonly log: Logger;
}

/**
 * Answers one request: envelope, signature, message type, then its handler. Never throws: what went wrong is in the
 * answer, and what we did wrong in the log as well.
 *
 * @param disconnected fires when nobody listens for the answer any more
 */
export async function dispatch(services: Services, body: string, disconnected: AbortSignal): Promise<Answer> {
  let messageType = '';
  try {
    const envelope = parseEnvelope(body);
    messageType = envelope.payloadtype;
    const { replyType, reply } = await answer(services, envelope, disconnected);
    return { status: 200, envelope: sealReply(replyType, reply) };
  } catch (thrown) {
    return toFailure(services.log, messageType, thrown);
  }
}

/** The answer to what went wrong. */
export function toFailure(log: Logger, messageType: string, thrown: unknown): Answer {
  if (thrown instanceof Refusal) {
    log.debug({ messageType, status: thrown.status, reason: thrown.message }, 'refused');
    return { status: thrown.status, envelope: sealFailure(thrown.status, thrown.message) };
  }
  log.error({ messageType, err: toError(thrown) }, 'a handler failed');
  return { status: 500, envelope: sealFailure(500, 'Internal server error; the server has logged what happened') };
}

interface Answered {
  readonly replyType: string;
  readonly reply: unknown;
}

async function answer(services: Services, envelope: RequestEnvelope, disconnected: AbortSignal): Promise<Answered> {
  const handler = handlers.get(envelope.payloadtype);
  const callerId = handler?.kind === 'unsigned' ? '' : callerOf(envelope);
  if (handler === undefined) throw unknownType(envelope.payloadtype);
  if (envelope.payload.length > MAX_STRANGER_CHARACTERS) requireKnown(services, callerId);
  const inner = innerOf(handler, envelope);
  const reply = await run(services, handler, inner, callerId, envelope.payload, disconnected);
  return { replyType: handler.replyType, reply };
}

/** Anybody can sign something. Reading and decoding what is long takes long, so it is not done for anybody. */
function requireKnown({ transactor }: Services, callerId: string): void {
  if (transactor.read(({ database }) => isKnownId(database, callerId))) return;
  throw new Refusal(403, 'Access denied, not a member of any Colony of this server');
}

function unknownType(messageType: string): Refusal {
  const detail =
    messageType === ''
      ? 'empty (this usually means the client is misconfigured - check that COLONIES_PRVKEY and other environment variables are set correctly)'
      : messageType;
  return new Refusal(403, `invalid rpcMsg.PayloadType: ${detail}`);
}

function innerOf(handler: Handler, envelope: RequestEnvelope): WireRequest {
  const inner = parsePayload(envelope.payload);
  if (inner === undefined) throw new Refusal(400, handler.texts.invalidJson);
  if (inner.msgtype !== handler.type) throw new Refusal(400, handler.texts.typeMismatch);
  return inner;
}

async function run(
  services: Services,
  handler: Handler,
  inner: WireRequest,
  callerId: string,
  payload: string,
  disconnected: AbortSignal,
): Promise<unknown> {
  const { transactor } = services;
  const invoke = (transaction: Transaction): unknown =>
    handler.answer(inner, toCall(services, transaction, callerId), disconnected);
  if (handler.kind !== 'write') return await transactor.read(invoke);
  const digest = digestOf(inner, callerId, payload);
  return await transactor.write((transaction) => {
    if (digest !== undefined) requireRecent(inner, transaction.nowMs);
    const recalled = recallAnswer(transaction, digest, inner);
    if (recalled !== undefined) return recalled.reply;
    const reply = invoke(transaction);
    rememberAnswer(transaction, digest, reply);
    return reply;
  });
}

function toCall(services: Services, transaction: Transaction, callerId: string): Call {
  const { presence, scheduler, facts, log } = services;
  return {
    ...transaction,
    callerId,
    scheduler,
    facts,
    log,
    heardFrom: presence.heardFrom,
    lastHeardMs: presence.lastHeardMs,
  };
}
