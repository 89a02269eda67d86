import { pipeline } from 'node:stream/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BACKUP_MESSAGE_TYPE } from '../colony/backup.ts';
import { toError } from '../colony/errors.ts';
import type { BodyReader } from './body.ts';
import { respondAnswer } from './api.ts';
import { identify, type Services, toFailure } from './dispatch.ts';
import { addressOf, respondFailure, type Route } from './http.ts';
import { parsePayload } from './incoming.ts';
import { Refusal } from './refusal.ts';
import { digestOf, recallAnswer, rememberAnswer, requireRecent } from './repeats.ts';
import type { Snapshots } from './store/snapshot.ts';

/** What a backup needs of the server. */
export interface BackupSource {
  readonly services: () => Services;
  readonly bodies: BodyReader;
  /** Undefined when the database is in memory only. */
  readonly snapshots: Snapshots | undefined;
  /** A client that takes nothing for so long is given up. */
  readonly stallMs: number;
}

/**
 * The whole database at `POST /backup`, for the server's owner: the body is the envelope of a {@link BACKUP_MESSAGE_TYPE}, the
 * answer a SQLite file with its SHA-256 in `repr-digest` (RFC 9530). Each request is answered once: a recorded one opens
 * nothing.
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
        await admit(services, body.toString(), addressOf(request));
        await send(source, request, response);
      } catch (thrown) {
        if (response.headersSent) throw thrown;
        respondAnswer(response, toFailure(services.log, BACKUP_MESSAGE_TYPE, explain(thrown)));
      }
    },
  };
}

/** @throws Refusal unless the server's owner asks, now, and for the first time with these bytes */
async function admit(services: Services, body: string, address: string): Promise<void> {
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
}

async function send(
  { snapshots, stallMs, services }: BackupSource,
  { socket }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (snapshots === undefined) throw new Refusal(400, 'Failed to back up, the database is in memory only');
  await using snapshot = await snapshots.take();
  socket.setTimeout(stallMs, () => socket.destroy());
  response.writeHead(200, {
    'content-type': 'application/vnd.sqlite3',
    'content-length': snapshot.byteCount,
    'repr-digest': `sha-256=:${snapshot.digest.toString('base64')}:`,
  });
  try {
    await pipeline(snapshot.read(), response);
  } catch (thrown) {
    services().log.warn({ reason: toError(thrown).message }, 'a backup was broken off');
  } finally {
    socket.setTimeout(0);
  }
}

/** A full disk is the operator's to mend, and says so. */
function explain(thrown: unknown): unknown {
  const isFull = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOSPC';
  return isFull ? new Refusal(507, 'Failed to back up, no room for a copy beside the database') : thrown;
}
