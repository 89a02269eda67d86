import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { BLOB_NAME, blobNamed, digestOf } from '../../colony/blobs/reference.ts';
import { toError } from '../../colony/errors.ts';
import type { Services } from '../services.ts';
import { CROSS_ORIGIN, dropBody, isAsking, pathOf, respond, respondFailure, type Route } from '../http.ts';
import { Refusal, required } from '../refusal.ts';
import { storageRefusal } from '../store-health.ts';
import { requireAccess } from './access.ts';
import { type BlobRow, bytesOfColony, findBlob, putBlob, renewBlob } from './catalogue.ts';
import type { BlobFiles, ReceivedFile } from './files.ts';
import { pacedBody } from './pace.ts';
import { parseRange } from './range.ts';
import type { Room } from './room.ts';

/** What the routes work with. */
export interface BlobParts {
  readonly services: Services;
  readonly files: BlobFiles;
  readonly room: Room;
  /** A transfer on which nothing moves for so long is given up. */
  readonly stallMs: number;
}

const PATH = '/blobs/';

/** `PUT` and `GET /blobs/sha256:<64 hexadecimal digits>`, for members of a colony. */
export function createBlobRoutes(parts: BlobParts): readonly Route[] {
  return [
    {
      method: 'PUT',
      matches: isBlobPath,
      readsBody: true,
      handle: (request, response) => refusing(parts, request, response, upload),
    },
    { method: 'GET', matches: isBlobPath, handle: (request, response) => refusing(parts, request, response, download) },
  ];
}

function isBlobPath(path: string): boolean {
  return path.startsWith(PATH);
}

type Handle = (parts: BlobParts, request: IncomingMessage, response: ServerResponse, blob: string) => Promise<void>;

async function refusing(
  parts: BlobParts,
  request: IncomingMessage,
  response: ServerResponse,
  handle: Handle,
): Promise<void> {
  const startedMs = performance.now();
  try {
    const blob = pathOf(request.url ?? '').slice(PATH.length);
    if (!BLOB_NAME.test(blob))
      throw new Refusal(400, 'Expected sha256: and 64 lower-case hexadecimal characters as the name of a blob');
    await handle(parts, request, response, blob);
  } catch (thrown) {
    refuse(parts, request, response, thrown);
  }
  // Whoever broke off was not answered.
  if (!response.headersSent) return;
  const type = request.method === 'PUT' ? 'putblob' : 'getblob';
  parts.services.recorder.onRequest(type, response.statusCode, performance.now() - startedMs);
}

const STALLED = 408;

function refuse({ services }: BlobParts, request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  // Whoever has gone reads no refusal.
  if (request.socket.destroyed) return;
  const refusal = asRefusal(thrown);
  if (refusal === undefined) throw thrown;
  services.log.debug({ method: request.method, status: refusal.status, reason: refusal.message }, 'refused');
  const { status, message, retryAfterSeconds } = refusal;
  respondFailure(response, status, message, {
    ...leaveBody(request),
    ...(status === STALLED ? { connection: 'close' } : {}),
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  });
}

function asRefusal(thrown: unknown): Refusal | undefined {
  if (thrown instanceof Refusal) return thrown;
  const { code }: Error & { readonly code?: unknown } = toError(thrown);
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new Refusal(507, 'The disk of the server is full')
    : storageRefusal(thrown);
}

/**
 * Ends with a body that is not wanted. Whoever asked whether to send it need not, so the connection ends with the answer.
 *
 * @returns headers of the answer
 */
function leaveBody(request: IncomingMessage): Readonly<Record<string, string>> {
  if (request.complete) return {};
  dropBody(request);
  return isAsking(request) ? { connection: 'close' } : {};
}

async function upload(
  parts: BlobParts,
  request: IncomingMessage,
  response: ServerResponse,
  blob: string,
): Promise<void> {
  const { services, files, room, stallMs } = parts;
  const { token, callerId: memberId } = requireAccess(services, request, 'PUT', blob);
  const { colonyname: colonyName, bytes = -1 } = token;
  requireLength(request, bytes);
  const digest = digestOf(blob);
  const answer = JSON.stringify({ blob, bytes });
  if (await isStored(parts, colonyName, digest)) {
    respond(response, 200, answer, { 'content-type': 'application/json', ...leaveBody(request) });
    return;
  }
  const storedBytes = (): number => services.transactor.read(({ database }) => bytesOfColony(database, colonyName));
  const reservation = await room.reserve({ colonyName, memberId }, bytes, storedBytes);
  try {
    if (isAsking(request)) response.writeContinue();
    const received = await files.receive(reservation.fill(pacedBody(request, stallMs)), { digest, bytes });
    await makeKnown(parts, { colonyName, digest, bytes }, received);
  } finally {
    reservation.release();
  }
  respond(response, 201, answer, { 'content-type': 'application/json' });
}

function requireLength({ headers }: IncomingMessage, bytes: number): void {
  const length = headers['content-length'];
  if (length === undefined) throw new Refusal(411, 'Expected the header content-length, got none');
  if (Number(length) === bytes) return;
  throw new Refusal(400, `Expected a body as long as its signed token says, ${bytes} bytes, got ${length}`);
}

/** Whether the colony has the blob already; then it counts as uploaded just now. */
async function isStored({ services, files }: BlobParts, colonyName: string, digest: string): Promise<boolean> {
  const stored = services.transactor.read(({ database }) => findBlob(database, colonyName, digest));
  if (stored === undefined || !files.hasNow(stored.file_name)) return false;
  return services.transactor.write((transaction) => renewBlob(transaction, colonyName, digest));
}

async function makeKnown(
  { services, files }: BlobParts,
  blob: { readonly colonyName: string; readonly digest: string; readonly bytes: number },
  received: ReceivedFile,
): Promise<void> {
  const { fileName } = received;
  let useless: string | undefined = fileName;
  try {
    useless = await services.transactor.write((transaction) =>
      putBlob(transaction, { ...blob, fileName }, (known) => files.hasNow(known)),
    );
  } finally {
    await received.letGo(useless !== fileName);
  }
  if (useless !== undefined && useless !== fileName) await files.remove(useless);
}

async function download(
  parts: BlobParts,
  request: IncomingMessage,
  response: ServerResponse,
  blob: string,
): Promise<void> {
  const { services, room } = parts;
  const { token, callerId: memberId } = requireAccess(services, request, 'GET', blob);
  const colonyName = token.colonyname;
  const found = services.transactor.read(({ database }) => findBlob(database, colonyName, digestOf(blob)));
  const stored = required(found, 404, 'Blob not found');
  const leavePlace = room.takePlace({ colonyName, memberId });
  try {
    await send(parts, request, response, stored);
  } finally {
    leavePlace();
  }
}

async function send(
  parts: BlobParts,
  request: IncomingMessage,
  response: ServerResponse,
  stored: BlobRow,
): Promise<void> {
  const { bytes } = stored;
  const range = parseRange(request.headers.range, bytes);
  if (range === 'unsatisfiable') {
    respondFailure(response, 416, `Expected a range within ${bytes} bytes`, { 'content-range': `bytes */${bytes}` });
    return;
  }
  const file = await openStored(parts, stored);
  const { start, end } = range ?? { start: 0, end: bytes - 1 };
  const length = end - start + 1;
  response.writeHead(range === undefined ? 200 : 206, {
    ...CROSS_ORIGIN,
    'access-control-expose-headers': 'accept-ranges,content-range,etag',
    'content-type': 'application/octet-stream',
    'content-length': length,
    'accept-ranges': 'bytes',
    etag: `"${blobNamed(stored.digest)}"`,
    'cache-control': 'private, no-store',
    ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${bytes}` }),
  });
  if (request.method === 'HEAD' || length === 0) {
    await file.close();
    response.end();
    return;
  }
  response.setTimeout(parts.stallMs, () => response.destroy());
  // Whoever stops reading has reasons of its own.
  await pipeline(file.createReadStream({ start, end }), response).catch(() => response.destroy());
}

async function openStored({ services, files }: BlobParts, { file_name }: BlobRow) {
  try {
    return await files.open(file_name);
  } catch (thrown) {
    services.log.error(
      { err: toError(thrown) },
      'the file of a blob is gone; whoever has the blob can upload it again',
    );
    throw new Refusal(404, 'Blob not found');
  }
}
