import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { type Identity, sign } from '../identity.ts';
import { BLOB_NAME } from './reference.ts';

/**
 * What the signer of a request for a blob asks for. It travels in the header `authorization` as `Colonies <payload>.<signature>`:
 * base64 of the JSON and a signature over that text as in every envelope. It names its purpose (`msgtype`), so neither can
 * it be passed off as a message nor a message as it.
 */
const Token = z.object({
  msgtype: z.literal('blobmsg'),
  /** `GET` allows `HEAD`, too. */
  method: z.enum(['GET', 'PUT']),
  colonyname: z.string().min(1),
  blob: z.string().regex(BLOB_NAME),
  /** How many bytes are going to be uploaded. */
  bytes: z.int().min(0).optional(),
  nonce: z.string().min(1).max(128),
  /** When it was signed, in milliseconds since 1970. */
  issuedat: z.int(),
});
/** @see {@link Token} */
export type BlobToken = z.output<typeof Token>;

/** What is asked for: the rest of a token makes it unique and dates it. */
export type BlobRequest = Pick<BlobToken, 'method' | 'colonyname' | 'blob' | 'bytes'>;

const SCHEME = 'Colonies ';

/** The value of the header `authorization` for a request. */
export function authorizationFor(request: BlobRequest, identity: Identity): string {
  const token: BlobToken = {
    ...request,
    msgtype: 'blobmsg',
    nonce: randomBytes(16).toString('hex'),
    issuedat: Date.now(),
  };
  const payload = Buffer.from(JSON.stringify(token)).toString('base64');
  return `${SCHEME}${payload}.${sign(payload, identity)}`;
}

/** The text that was signed and its signature; undefined when the header holds something else. */
export function splitAuthorization(
  header: string,
): { readonly payload: string; readonly signature: string } | undefined {
  const [payload = '', signature = '', ...rest] = header.slice(SCHEME.length).split('.');
  const isOurs = header.startsWith(SCHEME) && payload !== '' && signature !== '' && rest.length === 0;
  return isOurs ? { payload, signature } : undefined;
}

/** The token in a payload; undefined when it is none. */
export function parseToken(payload: string): BlobToken | undefined {
  try {
    return Token.safeParse(JSON.parse(Buffer.from(payload, 'base64').toString())).data;
  } catch {
    return undefined;
  }
}
