import type * as z from 'zod';
import { defineMessage, Nothing } from './message.ts';
import { bytes, field, integer, list, text, time, wireObject } from './wire.ts';

const channelEntryCodec = wireObject({
  /** The sender's own count. */
  sequence: field('sequence', integer),
  inReplyTo: field('inreplyto', integer),
  timestamp: field('timestamp', time),
  senderId: field('senderid', text),
  payload: field('payload', bytes),
  /** `data`, `end`, `error`, or a word of the sender's. */
  type: field('type', text),
  error: field('error', text),
});
/** One message between the submitter of a process and the executor that runs it. */
export interface ChannelEntry extends z.output<typeof channelEntryCodec> {}
/** @see {@link ChannelEntry} */
export const ChannelEntry: z.ZodType<ChannelEntry> = channelEntryCodec;

const channel = { processId: field('processid', text), name: field('name', text) };

/** Appends to a channel that the process's spec declares. Role: initiator or assigned executor. */
export const appendToChannel = defineMessage(
  'channelappendmsg',
  {
    ...channel,
    sequence: field('sequence', integer),
    inReplyTo: field('inreplyto', integer),
    payload: field('payload', bytes),
    /** The entry's type; empty means `data`. */
    payloadType: field('payloadtype', text),
  },
  Nothing,
);

/** Entries from a position (0-based, in the channel's log) on; `limit` 0 means all. Role: initiator or assigned executor. */
export const readChannel = defineMessage(
  'channelreadmsg',
  { ...channel, afterPosition: field('afterseq', integer), limit: field('limit', integer) },
  list(ChannelEntry),
);
