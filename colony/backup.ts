import { randomUUID } from 'node:crypto';
import { formatAddress, serverUrl, type ServerAddress } from './address.ts';
import { openReply, sealRequest } from './envelope.ts';
import { ConnectionError, toError } from './errors.ts';
import type { Identity } from './identity.ts';

/**
 * The type of the message that asks an embedded server for its whole database: posted to `/backup` with `nonce` and
 * `issuedat`, answered with a SQLite file. Role: server owner. The official server has no such message.
 */
export const BACKUP_MESSAGE_TYPE = 'getbackupmsg';

/** A database, or the file of a blob, on its way. */
export interface Backup {
  readonly byteCount: number;
  /** SHA-256 of all its bytes, as the server had it: of a database only. */
  readonly digest: Buffer | undefined;
  readonly bytes: ReadableStream<Uint8Array>;
}

/**
 * Asks an embedded server for its database, or for a file of a blob that the database names.
 *
 * @param identity the server's owner
 * @throws ServerError when the server refuses; ConnectionError when it does not answer, or is no embedded server
 */
export async function requestBackup(
  server: ServerAddress,
  identity: Identity,
  signal: AbortSignal,
  file?: string,
): Promise<Backup> {
  const inner = { nonce: randomUUID(), issuedat: Date.now(), file };
  const envelope = sealRequest(BACKUP_MESSAGE_TYPE, inner, identity);
  const url = serverUrl(server, '/backup');
  const response = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(envelope),
    redirect: 'error',
    signal,
  }).catch((thrown: unknown) => {
    signal.throwIfAborted();
    throw noBackup(server, toError(toError(thrown).cause ?? thrown).message, thrown);
  });
  const [written] = /(?<=^sha-256=:)[A-Za-z0-9+/]{43}=(?=:$)/u.exec(response.headers.get('repr-digest') ?? '') ?? [];
  const byteCount = Number(response.headers.get('content-length') ?? Number.NaN);
  const digest = written === undefined ? undefined : Buffer.from(written, 'base64');
  const isWanted = response.ok && Number.isSafeInteger(byteCount) && (digest === undefined) === (file !== undefined);
  if (isWanted && response.body !== null) return { byteCount, digest, bytes: response.body };
  const text = await response.text();
  if (response.status === 404 && !text.startsWith('{'))
    throw noBackup(server, 'status 404: only embedded servers make backups');
  openReply(BACKUP_MESSAGE_TYPE, text);
  throw noBackup(server, `status ${response.status} and something else`);
}

function noBackup(server: ServerAddress, got: string, cause?: unknown): ConnectionError {
  return new ConnectionError(
    `${BACKUP_MESSAGE_TYPE}: expected a backup of the Colonies server at ${formatAddress(server)}, got ${got}`,
    { code: 'NO_BACKUP', cause },
  );
}
