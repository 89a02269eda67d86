import type { Logger } from 'pino';
import { type RequestEnvelope, sealFailure, sealReplyText } from '../colony/envelope.ts';
import { toError } from '../colony/errors.ts';
import type { AnsweredPolls } from './answered-polls.ts';
import type { Channels } from './channels.ts';
import type { ClientAddress } from './client-address.ts';
import type { Call, Handler, ServerFacts, WireRequest } from './handler.ts';
import { handlers } from './handlers/index.ts';
import { callerOf, callerOfAside, parseEnvelope, parsePayload } from './incoming.ts';
import { JsonText } from './json-text.ts';
import { MAX_STRANGER_CHARACTERS } from './limits.ts';
import type { Recorder } from './metrics/recorder.ts';
import type { Presence } from './presence.ts';
import type { RateLimiter } from './rate-limits.ts';
import { Refusal } from './refusal.ts';
import type { Step } from './removal.ts';
import { digestOf, recallAnswer, rememberAnswer, requireRecent } from './repeats.ts';
import type { Scheduler } from './scheduler.ts';
import type { Signers } from './signers.ts';
import { storageRefusal } from './store-health.ts';
import { isKnownId } from './store/members.ts';
import type { Transaction, Transactor } from './transaction.ts';

/** An answer on its way out. */
export interface Answer {
  /** The HTTP status; the envelope of a failure repeats it. */
  readonly status: number;
  /** The envelope, as JSON text. */
  readonly body: string;
  /** When asking again may help. */
  readonly retryAfterSeconds?: number | undefined;
}

/** Who sends a request, as far as the connection tells. */
export interface Sender {
  readonly address: string;
  /** Gives a signal that fires when nobody listens for the answer any more. */
  readonly disconnected: () => AbortSignal;
}

/** The parts of a server that calls need. */
export interface Services {
  readonly transactor: Transactor;
  readonly scheduler: Scheduler;
  readonly polls: AnsweredPolls;
  readonly channels: Channels;
  readonly presence: Presence;
  /** The id of the server's owner at the moment. */
  readonly serverId: string;
  readonly facts: ServerFacts;
  readonly recorder: Recorder;
  readonly rates: RateLimiter;
  readonly addressOf: ClientAddress;
  readonly signers: Signers;
  readonly log: Logger;
}

/**
 * Answers one request: envelope, signature, message type, then its handler. Never throws: what went wrong is in the
 * answer, and what we did wrong in the log as well.
 */
export async function dispatch(services: Services, body: string, sender: Sender): Promise<Answer> {
  const startedMs = performance.now();
  const seen = { messageType: '' };
  const given = await answerSafely(services, body, sender, seen);
  // Labels must not grow with what clients make up.
  const type = handlers.has(seen.messageType) ? seen.messageType : 'other';
  services.recorder.onRequest(type, given.status, performance.now() - startedMs);
  return given;
}

async function answerSafely(
  services: Services,
  body: string,
  { address, disconnected }: Sender,
  seen: { messageType: string },
): Promise<Answer> {
  try {
    const envelope = admit(services, body, address);
    seen.messageType = envelope.payloadtype;
    const callerId = await callerAside(services, envelope, address);
    const { replyType, reply } = await answer(services, envelope, callerId, disconnected);
    return { status: 200, body: sealReplyText(replyType, reply) };
  } catch (thrown) {
    return toFailure(services.log, seen.messageType, thrown);
  }
}

/**
 * Opens an envelope and finds out who signed it, unless whoever sends it asks too much.
 *
 * @throws Refusal 429 above the rate of the signer or the address, 400 or 403 of the envelope
 */
export function identify(
  services: Services,
  text: string,
  address: string,
): { readonly envelope: RequestEnvelope; readonly callerId: string } {
  const envelope = admit(services, text, address);
  let callerId;
  try {
    callerId = callerOf(envelope);
  } catch (thrown) {
    services.rates.unsigned(address, text.length);
    throw thrown;
  }
  services.rates.signedBy(callerId, address, text.length);
  return { envelope, callerId };
}

/** The first half of {@link identify}: the envelope. */
function admit({ rates }: Services, text: string, address: string): RequestEnvelope {
  rates.enter(address, text.length);
  try {
    return parseEnvelope(text);
  } catch (thrown) {
    rates.unsigned(address, text.length);
    throw thrown;
  }
}

/** The second half of {@link identify}, on another thread under load: the signer's id, empty where none is needed. */
async function callerAside({ rates, signers }: Services, envelope: RequestEnvelope, address: string): Promise<string> {
  let callerId = '';
  const { length } = envelope.payload;
  try {
    if (handlers.get(envelope.payloadtype)?.kind !== 'unsigned') callerId = await callerOfAside(signers, envelope);
  } catch (thrown) {
    rates.unsigned(address, length);
    throw thrown;
  }
  if (callerId === '') rates.unsigned(address, length);
  else rates.signedBy(callerId, address, length);
  return callerId;
}

/** The answer to what went wrong. */
export function toFailure(log: Logger, messageType: string, thrown: unknown): Answer {
  const refusal = thrown instanceof Refusal ? thrown : storageRefusal(thrown);
  if (refusal !== undefined) {
    const { status, message, retryAfterSeconds } = refusal;
    log.debug({ messageType, status, reason: message }, 'refused');
    return { ...failure(status, message), retryAfterSeconds };
  }
  log.error({ messageType, err: toError(thrown) }, 'a handler failed');
  return failure(500, 'Internal server error; the server has logged what happened');
}

function failure(status: number, message: string): Answer {
  return { status, body: JSON.stringify(sealFailure(status, message)) };
}

interface Answered {
  readonly replyType: string;
  /** JSON text. */
  readonly reply: string;
}

async function answer(
  services: Services,
  envelope: RequestEnvelope,
  callerId: string,
  disconnected: Sender['disconnected'],
): Promise<Answered> {
  const handler = handlers.get(envelope.payloadtype);
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

/** The JSON text of a reply of which that was kept. */
function remade(handler: Handler, kept: string, call: Call): string {
  return 'recall' in handler && handler.recall !== undefined ? handler.recall(kept, call).text : kept;
}

/** The reply to a message that is answered in steps, when all are done. */
const NOTHING = new JsonText('{}');

async function run(
  services: Services,
  handler: Handler,
  inner: WireRequest,
  callerId: string,
  payload: string,
  disconnected: Sender['disconnected'],
): Promise<string> {
  const { transactor, recorder } = services;
  if (handler.kind === 'poll') {
    const ended = recorder.onPoll();
    const poll = async (transaction: Transaction): Promise<string> => {
      const { nowMs } = transaction;
      requireRecent(inner, nowMs);
      const signal = disconnected();
      const answerPoll = () => handler.answer(inner, toCall(services, transaction, callerId), signal);
      if (!handler.isTaking) return answerPoll();
      return services.polls.answerOnce({ inner, callerId, payload, nowMs }, signal, answerPoll);
    };
    return await transactor.read(poll).finally(ended);
  }
  const callOf = (transaction: Transaction): Call => toCall(services, transaction, callerId);
  if (handler.kind === 'read' || handler.kind === 'unsigned') {
    return transactor.read((transaction) => handler.answer(inner, callOf(transaction)).text);
  }
  const digest = digestOf(inner, callerId, payload);
  const once = (transaction: Transaction, work: () => JsonText | undefined): string | undefined => {
    if (digest !== undefined) requireRecent(inner, transaction.nowMs);
    const kept = recallAnswer(transaction, digest, inner);
    if (kept !== undefined) return remade(handler, kept, callOf(transaction));
    const reply = work();
    if (reply !== undefined) rememberAnswer(transaction, digest, reply.kept);
    return reply?.text;
  };
  let step: Step | undefined;
  for (;;) {
    const reply = await transactor.write((transaction) =>
      once(transaction, () => {
        if (handler.kind !== 'steps') return handler.answer(inner, callOf(transaction));
        step ??= handler.begin(inner, callOf(transaction));
        return step(transaction) === 'done' ? NOTHING : undefined;
      }),
    );
    if (reply !== undefined) return reply;
    if (disconnected().aborted) throw new Refusal(408, 'Not finished: nobody waits any more; send it again to go on');
  }
}

function toCall(services: Services, transaction: Transaction, callerId: string): Call {
  const { presence, scheduler, channels, facts, log } = services;
  // Spelt out, because spreading takes longer than all the rest of this.
  return {
    database: transaction.database,
    nowMs: transaction.nowMs,
    changes: transaction.changes,
    afterwards: transaction.afterwards,
    callerId,
    scheduler,
    channels,
    facts,
    log,
    heardFrom: presence.heardFrom,
    lastHeardMs: presence.lastHeardMs,
  };
}
