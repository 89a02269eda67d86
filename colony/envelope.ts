import * as z from 'zod';
import { ConnectionError, ServerError } from './errors.ts';
import { type Identity, sign } from './identity.ts';

/** The signed RPC envelope, as it stands in an HTTP body or a WebSocket frame. */
export const RequestEnvelope = z.object({
  payloadtype: z.string(),
  /** Base64 of the inner JSON; what is signed is this text. */
  payload: z.string(),
  signature: z.string().default(''),
});
/** @see {@link RequestEnvelope} */
export type RequestEnvelope = z.output<typeof RequestEnvelope>;

/** The answer to an envelope. */
export const ReplyEnvelope = z.object({
  payloadtype: z.string(),
  payload: z.string(),
  error: z.boolean().default(false),
});
/** @see {@link ReplyEnvelope} */
export type ReplyEnvelope = z.output<typeof ReplyEnvelope>;

const Failure = z.object({ status: z.number(), message: z.string() });

/**
 * Wraps a message for the server. Without an identity the envelope is unsigned, which the server accepts for its
 * version and its information only.
 *
 * @param inner the wire form of the request; the message type is added to it
 */
export function sealRequest(messageType: string, inner: object, identity?: Identity): RequestEnvelope {
  const payload = toBase64({ ...inner, msgtype: messageType });
  return { payloadtype: messageType, payload, signature: identity === undefined ? '' : sign(payload, identity) };
}

/** Wraps an answer for the client. */
export function sealReply(messageType: string, inner: unknown): ReplyEnvelope {
  return { payloadtype: messageType, payload: toBase64(inner), error: false };
}

/** The JSON text of what {@link sealReply} makes, from the JSON text of an answer. */
export function sealReplyText(messageType: string, inner: string): string {
  const payload = Buffer.from(inner).toString('base64');
  return `{"payloadtype":${JSON.stringify(messageType)},"payload":"${payload}","error":false}`;
}

/** Wraps a refusal for the client: `status` is the HTTP status as well. */
export function sealFailure(status: number, message: string): ReplyEnvelope {
  return { payloadtype: 'error', payload: toBase64({ status, message }), error: true };
}

/**
 * Takes the inner JSON out of an answer.
 *
 * @throws ServerError when the server refused; ConnectionError when this is no Colonies envelope
 */
export function openReply(messageType: string, body: string): unknown {
  const envelope = ReplyEnvelope.safeParse(parseJson(messageType, body));
  if (!envelope.success) throw notColonies(messageType, body);
  const inner = parseJson(messageType, Buffer.from(envelope.data.payload, 'base64').toString());
  if (!envelope.data.error) return inner;
  const failure = Failure.safeParse(inner);
  if (!failure.success) throw notColonies(messageType, body);
  throw new ServerError(messageType, failure.data.status, failure.data.message);
}

function parseJson(messageType: string, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw notColonies(messageType, body);
  }
}

function notColonies(messageType: string, body: string): ConnectionError {
  return new ConnectionError(
    `${messageType}: expected a Colonies envelope, got ${body.length} bytes of something else; is this address a Colonies server?`,
    { code: 'NOT_COLONIES' },
  );
}

function toBase64(inner: unknown): string {
  return Buffer.from(JSON.stringify(inner)).toString('base64');
}
