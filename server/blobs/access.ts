import type { IncomingMessage } from 'node:http';
import { type BlobToken, parseToken, splitAuthorization } from '../../colony/blobs/token.ts';
import type { Services } from '../services.ts';
import { callerOf } from '../incoming.ts';
import { Refusal } from '../refusal.ts';
import { requireRecent } from '../repeats.ts';
import { requireMember } from '../roles.ts';

/** Longer headers are not looked at. */
const MAX_AUTHORIZATION_CHARACTERS = 4096;

/**
 * Who may do what with the blob of a request, by the signed token in its header; nothing of its body is read for that.
 *
 * A recorded token does nothing but what it did the first time, within the window of repeats: the same bytes are stored
 * once more, or read once more by whoever saw them on their way.
 *
 * @param method the method that the token must allow
 * @param blob the blob in the request's path
 * @throws Refusal 429 above the rate of the signer or the address, 401 without a token, 400 for one that is unreadable, about something else or too old, 403 for a signer
 * who is no member of the colony it names
 */
export function requireAccess(
  services: Services,
  request: IncomingMessage,
  method: BlobToken['method'],
  blob: string,
): { readonly token: BlobToken; readonly callerId: string } {
  const { transactor, presence, rates } = services;
  const address = services.addressOf(request);
  rates.enter(address);
  const { token, callerId } = countingFailures(services, address, () => identify(request));
  rates.signedBy(callerId, address);
  if (token.method !== method || token.blob !== blob) {
    throw new Refusal(400, `Expected a token for ${method} of this blob, got one for something else`);
  }
  transactor.read(({ database, nowMs }) => {
    requireRecent(token, nowMs);
    requireMember({ database, callerId, heardFrom: presence.heardFrom }, token.colonyname);
  });
  return { token, callerId };
}

function countingFailures<T>({ rates }: Services, address: string, body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    rates.unsigned(address);
    throw thrown;
  }
}

function identify({ headers }: IncomingMessage): { readonly token: BlobToken; readonly callerId: string } {
  const { authorization = '' } = headers;
  if (authorization === '') throw new Refusal(401, 'Expected the header authorization with a signed token, got none');
  const parts = authorization.length > MAX_AUTHORIZATION_CHARACTERS ? undefined : splitAuthorization(authorization);
  const token = parts === undefined ? undefined : parseToken(parts.payload);
  if (parts === undefined || token === undefined) {
    throw new Refusal(400, 'Expected a signed token for a blob, got something else');
  }
  return { token, callerId: callerOf({ payloadtype: token.msgtype, ...parts }) };
}
