import type { RequestOf } from '../colony/messages/message.ts';
import type { appendToChannel } from '../colony/messages/channels.ts';
import { createFeeds, type Feeds } from './channel-feeds.ts';
import { isFinalState } from './graph.ts';
import { CHANNEL_RATE, MAX_CHANNEL_ENTRIES, MAX_ENTRY_BYTES, MAX_PROCESS_CHANNEL_BYTES } from './limits.ts';
import { type Bucket, recall, take } from './rate-limits.ts';
import { Refusal, required } from './refusal.ts';
import { requireMember, type RoleContext } from './roles.ts';
import {
  allChannelBytes,
  channelBytesOf,
  type ChannelRow,
  findChannel,
  findChannelProcess,
  forgetEndedChannels,
  insertEntry,
} from './store/channels.ts';
import type { Database } from './store/database.ts';
import type { ProcessChange, Transaction, Transactor } from './transaction.ts';

/**
 * Channels: logs of messages between whoever submitted a process and the executor that runs it. They are stored like
 * everything else, so that what was taken survives the death of the server, and forgotten when the process has ended.
 * Entries stay in the order in which they came.
 */
export interface Channels {
  /**
   * Appends an entry; subscribers get it once it is durable.
   *
   * @throws Refusal 413 when it is too long or the channel is full, 429 when entries come too fast, 503 when all
   *   channels together hold too much
   */
  append(transaction: Transaction, channel: ChannelRow, senderId: string, entry: Entry): void;
  readonly feeds: Feeds;
  /** Tells subscribers of processes that have ended or changed hands. */
  onChanges(changes: readonly ProcessChange[]): void;
  /** Forgets the channels of processes that have ended. */
  sweep(transaction: Transaction): void;
}

/** What is appended. */
type Entry = Omit<RequestOf<typeof appendToChannel>, 'processId' | 'name'>;

/** What an entry counts for beside its payload and its type. */
const ENTRY_OVERHEAD_BYTES = 300;
/** Channels that have ended cannot be seen any more, but those who read them get what is left for so long. */
const KEPT_FOR_MS = 60_000;
/** Where none was left to forget, it is looked again after so long. */
const LOOK_AGAIN_MS = 10_000;
/** So long others may be kept waiting. */
const SWEEP_MS = 20;

/**
 * @param maxBytes what all channels may hold together
 * @param stallMs a subscriber that takes nothing for so long is cut off
 */
export function createChannels(transactor: () => Transactor, maxBytes: number, stallMs: number): Channels {
  const rates = new Map<string, Bucket>();
  const feeds = createFeeds(transactor, stallMs);
  // Counts too much at times, since processes can be removed: it is counted anew before anybody is refused.
  let heldBytes: number | undefined;
  let doneMs = Number.NEGATIVE_INFINITY;

  const requireRoom = ({ database, nowMs }: Transaction, bytes: number): void => {
    if (heldBytes === undefined || heldBytes + bytes > maxBytes) {
      forgetEndedChannels(database, nowMs - KEPT_FOR_MS, SWEEP_MS);
      heldBytes = allChannelBytes(database);
    }
    if (heldBytes + bytes > maxBytes) {
      throw new Refusal(503, 'Failed to append to channel, the channels of this server are full; try again later', 1);
    }
    heldBytes += bytes;
  };

  return {
    feeds,
    append(transaction, channel, senderId, entry) {
      const { database, nowMs } = transaction;
      const { process_id: processId } = channel;
      requirePace(rates, processId, nowMs);
      const bytes = entry.payload.byteLength + Buffer.byteLength(entry.payloadType) + ENTRY_OVERHEAD_BYTES;
      requireLogRoom(database, channel, bytes);
      requireRoom(transaction, bytes);
      const row = {
        sender_id: senderId,
        sequence: entry.sequence,
        in_reply_to: entry.inReplyTo,
        entry_type: entry.payloadType === '' ? 'data' : entry.payloadType,
        timestamp_ms: nowMs,
        payload: Buffer.from(entry.payload).toString('base64'),
      };
      insertEntry(database, channel, row, bytes);
      transaction.afterwards.push((failure) => {
        if (failure === undefined) feeds.wake(processId);
      });
    },
    onChanges(changes) {
      for (const { processId } of changes) feeds.wake(processId);
    },
    sweep({ database, nowMs }) {
      if (Math.abs(nowMs - doneMs) < LOOK_AGAIN_MS) return;
      if (!forgetEndedChannels(database, nowMs - KEPT_FOR_MS, SWEEP_MS)) doneMs = nowMs;
      heldBytes = allChannelBytes(database);
      feeds.wakeAll();
    },
  };
}

function requirePace(rates: Map<string, Bucket>, processId: string, nowMs: number): void {
  const { burst, perSecond } = CHANNEL_RATE;
  const fresh = (): Bucket => ({ tokens: burst, atMs: nowMs });
  const bucket = recall(rates, processId, fresh);
  // A clock that was set back must not stop anybody.
  if (bucket.atMs > nowMs) bucket.atMs = nowMs;
  if (!take(bucket, perSecond, burst / perSecond, nowMs)) throw new Refusal(429, 'rate limit exceeded', 1);
}

function requireLogRoom(database: Database, channel: ChannelRow, bytes: number): void {
  if (channel.entry_count >= MAX_CHANNEL_ENTRIES) throw new Refusal(413, 'channel log is full');
  if (channelBytesOf(database, channel.process_id) + bytes > MAX_PROCESS_CHANNEL_BYTES) {
    throw new Refusal(413, 'channel log is full');
  }
}

/** @throws Refusal 413 when a payload is longer than any entry may be, in the words of the official server */
export function requireEntrySize(byteCount: number): void {
  if (byteCount > MAX_ENTRY_BYTES) throw new Refusal(413, 'message payload exceeds maximum size');
}

/** What somebody wants to do with a channel. */
export type ChannelUse = 'write to' | 'read from' | 'subscribe to';

/**
 * A channel of a process that has not ended, for its initiator and the executor that it is assigned to.
 *
 * @throws Refusal 404 when there is none, 403 for everybody else
 */
export function requireChannel(
  context: RoleContext,
  { processId, name }: { readonly processId: string; readonly name: string },
  use: ChannelUse,
): ChannelRow {
  const { database, callerId } = context;
  const process = required(findChannelProcess(database, processId), 404, 'Process not found');
  requireMember(context, process.colony_name);
  const channel = isFinalState(process.state) ? undefined : findChannel(database, processId, name);
  const found = required(channel, 404, 'Channel not found');
  if (callerId !== process.initiator_id && callerId !== process.assigned_executor_id) {
    throw new Refusal(403, `Not authorized to ${use} channel`);
  }
  return found;
}
