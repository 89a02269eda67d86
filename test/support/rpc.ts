import * as z from 'zod';
import { openReply, sealRequest } from '../../colony/envelope.ts';
import type { Identity } from '../../colony/identity.ts';
import type { Message } from '../../colony/messages/message.ts';

/** Where a server under test listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** What came back, as bytes on the wire had it. */
export interface RawReply {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: string;
}

/** The URL of a path on the server. */
export function urlOf({ host, port, tls }: Address, path = '/api'): string {
  return `${tls ? 'https' : 'http'}://${host}:${port}${path}`;
}

/** Posts a body as it is. */
export async function post(address: Address, body: string, signal?: AbortSignal): Promise<RawReply> {
  const response = await fetch(urlOf(address), { method: 'POST', body, ...(signal === undefined ? {} : { signal }) });
  return { status: response.status, contentType: response.headers.get('content-type'), body: await response.text() };
}

/** Sends an inner JSON, which need not be a valid request, and gives back the decoded reply. Throws ServerError when refused. */
export async function rpcRaw(
  address: Address,
  identity: Identity | undefined,
  messageType: string,
  inner: object,
  signal?: AbortSignal,
): Promise<unknown> {
  const { body } = await post(address, JSON.stringify(sealRequest(messageType, inner, identity)), signal);
  return openReply(messageType, body);
}

/**
 * One signed call without the client: the server's tests shall not depend on it.
 *
 * @param extra further keys of the inner JSON, such as a nonce
 */
export async function rpc<Request, Reply>(
  address: Address,
  identity: Identity | undefined,
  message: Message<Request, Reply>,
  request: Request,
  { signal, extra = {} }: { readonly signal?: AbortSignal; readonly extra?: object } = {},
): Promise<Reply> {
  const inner = Object.assign({}, z.encode(message.request, request), extra);
  return z.decode(message.reply, await rpcRaw(address, identity, message.type, inner, signal));
}
