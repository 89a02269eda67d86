import { appendToChannel, readChannel } from '../../colony/messages/channels.ts';
import { requireChannel, requireEntrySize } from '../channels.ts';
import { faultTexts, type Handler, reads, type WireRequest, writes } from '../handler.ts';
import { MAX_CHANNEL_ENTRIES, MAX_ENTRIES_BYTES } from '../limits.ts';
import { listEntries } from '../store/channels.ts';
import { requirePrintable } from './names.ts';

const BASE64_BYTES_PER_CHARACTER = 3 / 4;

/** Messages between whoever submitted a process and the executor that runs it. */
export const channelHandlers: readonly Handler[] = [
  writes({
    message: appendToChannel,
    texts: faultTexts('Failed to append to channel'),
    screen: requireModestPayload,
    role: (request, call) => requireChannel(call, request, 'write to'),
    handle(entry, channel, call) {
      requirePrintable(entry.payloadType, 'Failed to append to channel, the payload type');
      requireEntrySize(entry.payload.byteLength);
      call.channels.append(call, channel, call.callerId, entry);
    },
  }),
  reads({
    message: readChannel,
    texts: faultTexts('Failed to read from channel'),
    role: (request, call) => requireChannel(call, request, 'read from'),
    handle({ afterPosition, limit }, channel, { database }) {
      const count = limit > 0 ? limit : MAX_CHANNEL_ENTRIES;
      const range = { position: Math.max(0, afterPosition), count, maxBytes: MAX_ENTRIES_BYTES };
      return listEntries(database, channel.channel_id, range);
    },
  }),
];

/** Decoding takes long when there is much of it, above all where every byte is a number of its own. */
function requireModestPayload({ payload }: WireRequest): void {
  if (typeof payload === 'string') requireEntrySize(Math.floor(payload.length * BASE64_BYTES_PER_CHARACTER) - 2);
  if (Array.isArray(payload)) requireEntrySize(payload.length);
}
