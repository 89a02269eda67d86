import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from 'node:http';
import { authorizationFor, type BlobRequest } from '../../colony/blobs/token.ts';
import type { Identity } from '../../colony/identity.ts';
import { openReply } from '../../colony/envelope.ts';
import { toError } from '../../colony/errors.ts';
import type { Address } from './rpc.ts';

/** An answer to a request for a blob, read to its end. */
export interface BlobAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request for a blob, as anybody could send it: the server's tests shall not depend on the client. */
export interface RawBlobRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  readonly blob: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** The name of content. */
export function nameOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** Bytes that nobody has seen before. */
export function freshBytes(length: number): Buffer {
  return randomBytes(length);
}

/** Sends a request with its headers and body as they are. */
export async function sendBlobRequest(address: Address, request: RawBlobRequest): Promise<BlobAnswer> {
  const { method, blob, headers = {}, body } = request;
  const sent = httpRequest({
    host: address.host,
    port: address.port,
    path: `/blobs/${blob}`,
    method,
    headers,
    agent: false,
  });
  sent.on('error', () => undefined);
  sent.end(body);
  const [response]: IncomingMessage[] = await once(sent, 'response');
  if (response === undefined) throw new Error('blob request: expected an answer, got none');
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) };
}

/** Uploads content as a member of a colony; parts of what is said of it may be wrong. */
export function putBlob(
  address: Address,
  identity: Identity,
  colonyname: string,
  content: Buffer,
  said: Partial<BlobRequest> = {},
): Promise<BlobAnswer> {
  const token: BlobRequest = { method: 'PUT', colonyname, blob: nameOf(content), bytes: content.length, ...said };
  const headers = { authorization: authorizationFor(token, identity), 'content-length': String(content.length) };
  return sendBlobRequest(address, { method: 'PUT', blob: token.blob, headers, body: content });
}

/** Fetches a blob as a member of a colony. */
export function getBlob(
  address: Address,
  identity: Identity,
  colonyname: string,
  blob: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<BlobAnswer> {
  const authorization = authorizationFor({ method: 'GET', colonyname, blob }, identity);
  return sendBlobRequest(address, { method: 'GET', blob, headers: { authorization, ...headers } });
}

/** What the server says of a refusal. */
export function wordsOf({ body }: BlobAnswer): string {
  try {
    openReply('blob', body.toString());
  } catch (thrown) {
    return toError(thrown).message;
  }
  throw new Error('blob answer: expected a refusal, got another answer');
}
