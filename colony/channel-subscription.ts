import { on } from 'node:events';
import { type RawData, WebSocket } from 'ws';
import * as z from 'zod';
import { pubSubUrl } from './address.ts';
import { DEFAULT_RETRY, pauseMs, RETRY_FOREVER, sleep } from './back-off.ts';
import type { CallOptions, ColoniesClient } from './client.ts';
import { openReply, sealRequest } from './envelope.ts';
import { ColonyError, ConnectionError, ServerError, toError } from './errors.ts';
import type { Identity } from './identity.ts';
import type { ChannelEntry } from './messages/channels.ts';
import { isFinal } from './messages/processes.ts';
import { subscribeChannel } from './messages/subscriptions.ts';
import { formatIssues } from './schema-errors.ts';

/** A subscription is made anew after so long; only then the official server's silence shows that a process has ended. */
const WINDOW_SECONDS = 10;
/** A server that says nothing for so long beyond the window has gone. */
const GRACE_MS = 10_000;
/** As much as an answer over HTTP may be, see `maxReplyBytes`. */
const MAX_FRAME_BYTES = 64 * 2 ** 20;
/** So many frames wait for whoever reads them; then the server is kept waiting. */
const MAX_WAITING_FRAMES = 16;

/** Which channel to read, from where on, and as whom. */
export interface ChannelOptions extends Pick<CallOptions, 'signal' | 'identity' | 'retry'> {
  readonly processId: string;
  readonly name: string;
  /** 0-based, in the channel's log: how many entries to leave out. */
  readonly afterPosition?: number | undefined;
}

/**
 * The entries of a channel in their order, those that are there and those that come, until the process has ended.
 * Survives restarts of the server; leaves neither a socket nor a timer behind, also when it is not read to its end. What
 * was appended right before the end is missed when the connection is lost in that moment, and may be missed on the
 * official server: what matters belongs into the output.
 *
 * @throws ServerError for an unknown process or channel, and for others than the initiator and the assigned executor;
 *   the signal's reason
 * @example for await (const { payload } of subscribeToChannel(client, { processId, name: 'progress' })) show(payload);
 */
export async function* subscribeToChannel(
  client: ColoniesClient,
  { processId, name, afterPosition = 0, signal, identity = client.identity, retry = RETRY_FOREVER }: ChannelOptions,
): AsyncGenerator<ChannelEntry, void, undefined> {
  let position = afterPosition;
  let refusal: ServerError | undefined;
  for (let failures = 0; ; failures += 1) {
    try {
      for await (const entries of framesOf(client, { processId, name, position }, identity, signal)) {
        failures = 0;
        position += entries.length;
        yield* entries;
      }
    } catch (thrown) {
      if (!(thrown instanceof ServerError)) throw thrown;
      refusal = thrown;
    }
    // A channel vanishes with its process, so a refusal may only mean that this has ended.
    const process = await client.getProcess({ processId }, { signal, identity, retry });
    if (isFinal(process.state) && (refusal === undefined || refusal.status === 404)) return;
    if (refusal !== undefined) throw refusal;
    await sleep(pauseMs(DEFAULT_RETRY, failures), signal);
  }
}

interface Place {
  readonly processId: string;
  readonly name: string;
  readonly position: number;
}

/** The lists of one connection, until the server says that there are no more, or the connection is lost. */
async function* framesOf(
  client: ColoniesClient,
  place: Place,
  identity: Identity | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly ChannelEntry[], void, undefined> {
  signal?.throwIfAborted();
  const socket = new WebSocket(pubSubUrl(client.server), {
    perMessageDeflate: false,
    handshakeTimeout: GRACE_MS,
    maxPayload: MAX_FRAME_BYTES,
  });
  // A socket that is terminated before it is open complains when nobody listens any more.
  socket.on('error', () => {});
  socket.once('open', () => socket.send(frameFor(place, identity)));
  const silence = setTimeout(() => socket.terminate(), WINDOW_SECONDS * 1000 + GRACE_MS);
  try {
    const frames = on(socket, 'message', {
      close: ['close'],
      highWaterMark: MAX_WAITING_FRAMES,
      ...(signal === undefined ? {} : { signal }),
    });
    for await (const [frame] of frames) {
      silence.refresh();
      const entries = toEntries(frame);
      if (entries.length === 0) return;
      yield entries;
    }
  } catch (thrown) {
    signal?.throwIfAborted();
    // Everything else says that the connection could not be made, or was lost.
    if (toError(thrown) instanceof ColonyError) throw thrown;
  } finally {
    clearTimeout(silence);
    socket.terminate();
  }
}

function frameFor({ processId, name, position }: Place, identity: Identity | undefined): string {
  const request = { processId, name, afterPosition: position, timeoutSeconds: WINDOW_SECONDS };
  const inner = z.encode(subscribeChannel.request, request);
  return JSON.stringify(sealRequest(subscribeChannel.type, Object(inner), identity));
}

function toEntries(frame: RawData): readonly ChannelEntry[] {
  const inner = openReply(subscribeChannel.type, Buffer.isBuffer(frame) ? frame.toString() : '');
  const decoded = z.safeDecode(subscribeChannel.reply, inner);
  if (decoded.success) return decoded.data;
  throw new ConnectionError(`${subscribeChannel.type}: unreadable entries: ${formatIssues(decoded.error, inner)}`, {
    code: 'UNREADABLE_REPLY',
  });
}
