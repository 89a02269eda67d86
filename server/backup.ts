import { pipeline } from 'node:stream/promises';
import { open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { BACKUP_MESSAGE_TYPE } from '../colony/backup.ts';
import { toError } from '../colony/errors.ts';
import type { BodyReader } from './body.ts';
import { respondAnswer } from './api.ts';
import { toFailure } from './answer.ts';
import { identify } from './dispatch.ts';
import type { Services } from './services.ts';
import { respondFailure, type Route } from './http.ts';
import type { WireRequest } from './handler.ts';
import { parsePayload } from './incoming.ts';
import { Refusal } from './refusal.ts';
import { digestOf, recallAnswer, rememberAnswer, requireRecent } from './repeats.ts';
import { BLOB_FILE } from './store/backup-file.ts';
import type { Snapshots } from './store/snapshot.ts';

/** What a backup needs of the server. */
export interface BackupSource {
  readonly services: () => Services;
  readonly bodies: BodyReader;
  /** Undefined when the database is in memory only. */
  readonly snapshots: Snapshots | undefined;
  /** Keeps the files of blobs from being removed until the result is called, and some time longer. */
  readonly holdBlobs: () => () => void;
  /** Where the files of blobs lie. */
  readonly blobDirectory: string;
}

/**
 * The whole database, or with `file` a file of a blob that it names, at `POST /backup`, for the server's owner: the body
 * is the envelope of a {@link BACKUP_MESSAGE_TYPE}, the answer a SQLite file with its SHA-256 in `repr-digest` (RFC 9530),
 * or the bytes of the blob. Each request is answered once: a recorded one opens nothing.
 */
export function createBackupRoute(source: BackupSource): Route {
  return {
    method: 'POST',
    matches: (path) => path === '/backup',
    readsBody: true,
    async handle(request, response) {
      const services = source.services();
      const body = await source.bodies.read(request);
      if (typeof body === 'string') {
        respondFailure(response, 400, 'Failed to back up, expected a small signed request', { connection: 'close' });
        return;
      }
      try {
        const { file } = await admit(services, body.toString(), services.addressOf(request));
        // What the copy of the database names must still be there when it is asked for.
        const release = source.holdBlobs();
        try {
          await (file === undefined ? sendDatabase(source, response) : sendBlob(source, file, response));
        } finally {
          release();
        }
      } catch (thrown) {
        if (response.headersSent) throw thrown;
        respondAnswer(response, toFailure(services.log, BACKUP_MESSAGE_TYPE, explain(thrown)));
      }
    },
  };
}

/** @throws Refusal unless the server's owner asks, now, and for the first time with these bytes */
async function admit(services: Services, body: string, address: string): Promise<WireRequest> {
  const { transactor, serverId } = services;
  const { envelope, callerId } = identify(services, body, address);
  if (callerId !== serverId) throw new Refusal(403, 'Access denied, not server owner');
  const inner = parsePayload(envelope.payload);
  const digest = inner === undefined ? undefined : digestOf(inner, callerId, envelope.payload);
  if (inner?.msgtype !== BACKUP_MESSAGE_TYPE || digest === undefined || typeof inner.issuedat !== 'number') {
    throw new Refusal(400, `Failed to back up, expected a ${BACKUP_MESSAGE_TYPE} with nonce and issuedat`);
  }
  await transactor.write((transaction) => {
    requireRecent(inner, transaction.nowMs);
    if (recallAnswer(transaction, digest, inner) !== undefined) {
      throw new Refusal(403, 'Failed to back up, this request was answered before');
    }
    rememberAnswer(transaction, digest, '{}');
  });
  return inner;
}

async function sendDatabase({ snapshots, services }: BackupSource, response: ServerResponse): Promise<void> {
  if (snapshots === undefined) throw new Refusal(400, 'Failed to back up, the database is in memory only');
  await using snapshot = await snapshots.take();
  await send(services(), response, snapshot.read(), snapshot);
}

/** Files of blobs only. Whether one is intact is for the client to see, who knows its digest from the database. */
async function sendBlob(
  { services, blobDirectory }: BackupSource,
  file: unknown,
  response: ServerResponse,
): Promise<void> {
  if (typeof file !== 'string' || !BLOB_FILE.test(file)) throw new Refusal(404, 'Failed to back up, blob not found');
  await using handle = await open(join(blobDirectory, file), 'r');
  const { size: byteCount } = await handle.stat();
  await send(services(), response, handle.createReadStream(), { byteCount });
}

async function send(
  { log }: Services,
  response: ServerResponse,
  content: Readable,
  { byteCount, digest }: { readonly byteCount: number; readonly digest?: Buffer },
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': byteCount,
    ...(digest === undefined ? {} : { 'repr-digest': `sha-256=:${digest.toString('base64')}:` }),
  });
  try {
    await pipeline(content, response);
  } catch (thrown) {
    log.warn({ reason: toError(thrown).message }, 'a backup was broken off');
  }
}

/** A full disk is the operator's to mend, and says so. */
function explain(thrown: unknown): unknown {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : '';
  if (code === 'ENOENT') return new Refusal(404, 'Failed to back up, blob not found');
  return code === 'ENOSPC' ? new Refusal(507, 'Failed to back up, no room for a copy beside the database') : thrown;
}
