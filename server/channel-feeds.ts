import * as z from 'zod';
import { sealReplyText } from '../colony/envelope.ts';
import { toError } from '../colony/errors.ts';
import { subscribeChannel } from '../colony/messages/subscriptions.ts';
import { isFinalState } from './graph.ts';
import { MAX_ENTRIES_BYTES } from './limits.ts';
import { findChannelProcess, listEntries } from './store/channels.ts';
import type { Database } from './store/database.ts';
import { isMember } from './store/members.ts';
import type { Transactor } from './transaction.ts';

/** How a feed ended: its time was up, its process has ended, or its reader may not read any more. */
export type FeedEnd = 'time is up' | 'process has ended' | 'not allowed';

/** Who reads a channel over a WebSocket, and from where on. */
interface FeedRequest {
  readonly channelId: number;
  readonly processId: string;
  readonly readerId: string;
  /** 0-based, in the channel's log. */
  readonly position: number;
  readonly timeoutMs: number;
  /** Sends a frame; says when it has been taken, or could not be. */
  send(frame: string, taken: (failure: Error | null | undefined) => void): void;
  /** Hears that nothing follows although there is more, and why. */
  onBroken(reason: Error): void;
  /** Hears that nothing follows. */
  onEnd(end: FeedEnd): void;
}

/** The subscribers of channels. */
export interface Feeds {
  /** Sends what there is and what will come; disposing ends it without a word. */
  open(request: FeedRequest): Disposable;
  /** Looks for news in the channels of a process. */
  wake(processId: string): void;
  /** Looks for news everywhere, also for processes that have been removed. */
  wakeAll(): void;
}

/** @param stallMs who has not taken a frame after so long is cut off */
export function createFeeds(transactor: () => Transactor, stallMs: number): Feeds {
  const open = new Map<string, Set<Feed>>();
  return {
    open(request) {
      const { processId } = request;
      const feed = new Feed(request, transactor, stallMs, () => {
        const others = open.get(processId);
        others?.delete(feed);
        if (others?.size === 0) open.delete(processId);
      });
      const others = open.get(processId);
      if (others === undefined) open.set(processId, new Set([feed]));
      else others.add(feed);
      feed.pump();
      return feed;
    },
    wake(processId) {
      for (const feed of Array.from(open.get(processId) ?? [])) feed.pump();
    },
    wakeAll() {
      for (const feed of [...open.values()].flatMap((feeds) => [...feeds])) feed.pump();
    },
  };
}

/**
 * One reader. The log is its buffer: the next frame is read and sent when the one before has been taken, so a slow
 * reader holds one frame of memory, misses nothing, and is cut off when it takes nothing at all.
 */
class Feed implements Disposable {
  readonly #request: FeedRequest;
  readonly #transactor: () => Transactor;
  readonly #stallMs: number;
  readonly #forget: () => void;
  readonly #timer: NodeJS.Timeout;
  #position: number;
  #stall: NodeJS.Timeout | undefined;
  #isTimeUp = false;
  #isOver = false;

  constructor(request: FeedRequest, transactor: () => Transactor, stallMs: number, forget: () => void) {
    this.#request = request;
    this.#transactor = transactor;
    this.#stallMs = stallMs;
    this.#forget = forget;
    this.#position = request.position;
    this.#timer = setTimeout(() => {
      this.#isTimeUp = true;
      this.pump();
    }, request.timeoutMs);
  }

  /** Sends what comes next, unless a frame is on its way; it goes on by itself afterwards. Never throws. */
  pump(): void {
    if (this.#isOver || this.#stall !== undefined) return;
    try {
      this.#step();
    } catch (thrown) {
      this.#break(toError(thrown));
    }
  }

  #step(): void {
    if (this.#isTimeUp) return this.#end('time is up');
    const { frame, count, end } = this.#transactor().read(({ database }) => this.#look(database));
    this.#position += count;
    if (count > 0) this.#send(frame);
    else if (end !== undefined) this.#end(end);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#stall);
    this.#forget();
  }

  #look(database: Database): { readonly frame: string; readonly count: number; readonly end: FeedEnd | undefined } {
    const { channelId, processId, readerId } = this.#request;
    const process = findChannelProcess(database, processId);
    const isParticipant = process?.initiator_id === readerId || process?.assigned_executor_id === readerId;
    if (process !== undefined && !(isParticipant && isMember(database, process.colony_name, readerId))) {
      return { frame: '', count: 0, end: 'not allowed' };
    }
    const range = { position: this.#position, count: MAX_ENTRIES_PER_FRAME, maxBytes: MAX_ENTRIES_BYTES };
    const entries = listEntries(database, channelId, range);
    const isOpen = process !== undefined && !isFinalState(process.state);
    return { frame: toFrame(entries), count: entries.length, end: isOpen ? undefined : 'process has ended' };
  }

  #send(frame: string): void {
    this.#stall = setTimeout(() => this.#break(new Error('the client does not read')), this.#stallMs);
    this.#request.send(frame, (failure) => {
      clearTimeout(this.#stall);
      this.#stall = undefined;
      // A socket that failed closes, and what is subscribed on it is disposed of then.
      if (failure === null || failure === undefined) this.pump();
    });
  }

  #break(reason: Error): void {
    this[Symbol.dispose]();
    this.#request.onBroken(reason);
  }

  #end(end: FeedEnd): void {
    this[Symbol.dispose]();
    if (end !== 'not allowed') this.#request.send(toFrame([]), () => undefined);
    this.#request.onEnd(end);
  }
}

const MAX_ENTRIES_PER_FRAME = 1000;

function toFrame(entries: z.output<typeof subscribeChannel.reply>): string {
  return sealReplyText(subscribeChannel.type, JSON.stringify(z.encode(subscribeChannel.reply, entries)));
}
