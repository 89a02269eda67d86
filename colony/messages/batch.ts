import * as z from 'zod';
import { defineMessage } from './message.ts';
import { field, integer, list, text, wireObject } from './wire.ts';

/** How many messages one batch may hold. */
export const MAX_BATCH_LENGTH = 100;

const batchReplyCodec = wireObject({
  payloadType: field('payloadtype', text),
  isError: field('error', z.boolean().default(false)),
  /** What the message by itself would be answered with, or a {@link BatchRefusal}. */
  payload: field('payload', z.unknown()),
});
/** The answer to one message of a batch. */
export interface BatchReply extends z.output<typeof batchReplyCodec> {}

/** Why one message of a batch was refused: the status and words that it would be refused with by itself. */
export const BatchRefusal = wireObject({ status: field('status', integer), message: field('message', text) });

/**
 * Several messages of one sender under one signature, each executed and answered by itself, in their order. None of them
 * may wait. Ours alone: only a server whose information says `batches` takes it. Role: that of each message.
 */
export const batch = defineMessage(
  'batchmsg',
  {
    /** Each as it would stand in an envelope of its own, with its `msgtype`. */
    requests: field('requests', z.array(z.looseObject({ msgtype: z.string() })).max(MAX_BATCH_LENGTH)),
  },
  wireObject({ replies: field('replies', list(batchReplyCodec)) }),
);
