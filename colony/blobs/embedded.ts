import { formatAddress } from '../address.ts';
import type { ColoniesClient } from '../client.ts';
import { openReply } from '../envelope.ts';
import { ColonyError, ConnectionError, ServerError } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { type Answer, exchange } from './exchange.ts';
import type { BlobReference } from './reference.ts';
import type { BlobBackend } from './store.ts';
import { authorizationFor, type BlobRequest } from './token.ts';

/** Where blobs lie on a Colonies server that stores them, as ours does. */
export interface EmbeddedBlobs {
  readonly client: ColoniesClient;
  /** Blobs belong to a colony; only its members reach them. */
  readonly colonyName: string;
  /** Signs instead of the client's identity. */
  readonly identity?: Identity | undefined;
  /** A transfer on which nothing moves for so long is given up, and tried again. */
  readonly stallMs: number;
}

/** Blobs at `/blobs/…` of a Colonies server. */
export function embeddedBackend(options: EmbeddedBlobs): BlobBackend {
  const { client } = options;
  const find = async (
    method: 'GET' | 'HEAD',
    reference: BlobReference,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Answer> => {
    const authorization = authorize(options, { method: 'GET', blob: reference.blob });
    const url = urlOf(client, reference);
    return exchange({ url, method, headers: { ...headers, authorization }, signal, stallMs: options.stallMs });
  };
  return {
    name: formatAddress(client.server),
    async isAvailable(signal) {
      try {
        const { blobs } = await client.getServerInfo({}, { signal, retry: { forMs: 0 } });
        return blobs === true;
      } catch (thrown) {
        if (thrown instanceof ServerError) return false;
        throw thrown;
      }
    },
    async upload(content, signal) {
      const { reference } = content;
      const authorization = authorize(options, { method: 'PUT', ...reference });
      const answer = await exchange({
        url: urlOf(client, reference),
        method: 'PUT',
        headers: { authorization, 'content-length': String(reference.bytes) },
        content: content.read(),
        signal,
        stallMs: options.stallMs,
      });
      if (answer.status !== 200 && answer.status !== 201) throw await refusalIn(answer);
      answer.drop();
    },
    async download(reference, offset, signal) {
      const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
      const answer = await find('GET', reference, headers, signal);
      if (answer.status === (offset === 0 ? 200 : 206)) return answer;
      throw await refusalIn(answer);
    },
    async has(reference, signal) {
      const answer = await find('HEAD', reference, {}, signal);
      answer.drop();
      if (answer.status === 404) return false;
      if (answer.status === 200) return answer.headers['content-length'] === String(reference.bytes);
      throw unexpected(answer.status);
    },
  };
}

function urlOf({ server }: ColoniesClient, { blob }: BlobReference): URL {
  return new URL(`/blobs/${blob}`, formatAddress(server));
}

function authorize(
  { client, colonyName, identity = client.identity }: EmbeddedBlobs,
  request: Omit<BlobRequest, 'colonyname'>,
): string {
  if (identity === undefined) {
    throw new ColonyError('blob: expected the key of a member of the colony, got none', { code: 'NO_IDENTITY' });
  }
  return authorizationFor({ ...request, colonyname: colonyName }, identity);
}

/** The server, or what stands before it, may do it later. */
const PASSING = new Set([408, 429, 502, 503, 504]);

/** What a server, or what stands before it, says instead of doing what it was asked. */
async function refusalIn(answer: Answer): Promise<Error> {
  const body = await answer.text();
  try {
    openReply('blob', body);
  } catch (thrown) {
    if (thrown instanceof ServerError && !PASSING.has(answer.status)) return thrown;
  }
  return unexpected(answer.status);
}

const ELSEWHERE = 'it stores no blobs; set AWS_S3_ENDPOINT and its like as where the value was stored';

/** An answer without words, as to `HEAD`. */
function unexpected(status: number): ConnectionError | ServerError {
  if (PASSING.has(status)) return new ConnectionError(`status ${status}`, { code: 'UNAVAILABLE' });
  if (status >= 400 && status < 500)
    return new ServerError('blob', status, status === 404 ? ELSEWHERE : 'it gave no reason');
  return new ConnectionError(`status ${status}`, { code: 'UNREADABLE_REPLY' });
}
