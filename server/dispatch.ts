import type { RequestEnvelope } from '../colony/envelope.ts';
import { type Answer, toAnswer, toFailure } from './answer.ts';
import { answerBatch, BATCH, type SignedSender } from './batch.ts';
import { execute } from './execution.ts';
import type { Handler, WireRequest } from './handler.ts';
import { handlers } from './handlers/index.ts';
import { callerOf, callerOfAside, parseEnvelope, parsePayload } from './incoming.ts';
import { MAX_STRANGER_CHARACTERS } from './limits.ts';
import { Refusal } from './refusal.ts';
import type { Sender, Services } from './services.ts';
import { isKnownId } from './store/members.ts';

/**
 * Answers one request: envelope, signature, message type, then its handler. Never throws: what went wrong is in the
 * answer, and what we did wrong in the log as well.
 */
export async function dispatch(services: Services, body: string, sender: Sender): Promise<Answer> {
  const startedMs = performance.now();
  const seen = { messageType: '' };
  const given = await answerSafely(services, body, sender, seen);
  // Labels must not grow with what clients make up.
  const type = handlers.has(seen.messageType) || seen.messageType === BATCH.type ? seen.messageType : 'other';
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
    return await answer(services, envelope, { address, disconnected, callerId });
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

async function answer(services: Services, envelope: RequestEnvelope, sender: SignedSender): Promise<Answer> {
  const { payloadtype, payload } = envelope;
  const handler = handlers.get(payloadtype);
  if (handler === undefined && payloadtype !== BATCH.type) throw unknownType(payloadtype);
  if (payload.length > MAX_STRANGER_CHARACTERS) requireKnown(services, sender.callerId);
  const inner = innerOf(handler ?? BATCH, envelope);
  if (handler === undefined) return toAnswer(BATCH.type, await answerBatch(services, { inner, payload, sender }));
  return toAnswer(handler.replyType, await execute(services, { handler, inner, signed: payload, ...sender }));
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

function innerOf(handler: Pick<Handler, 'type' | 'texts'>, envelope: RequestEnvelope): WireRequest {
  const inner = parsePayload(envelope.payload);
  if (inner === undefined) throw new Refusal(400, handler.texts.invalidJson);
  if (inner.msgtype !== handler.type) throw new Refusal(400, handler.texts.typeMismatch);
  return inner;
}
