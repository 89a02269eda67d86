import { hash } from 'node:crypto';
import type { WireRequest } from './handler.ts';
import { MAX_REMEMBERED_POLLS, REPEAT_WINDOW_MS } from './limits.ts';
import { NumberSet } from './number-set.ts';
import { Refusal } from './refusal.ts';
import { isNonce } from './repeats.ts';

/**
 * At most once for polls: a signed poll with a `nonce` is answered once, so whoever has recorded it gets no work by sending
 * it again. It counts as answered when it was given work or told that there is none; one whose client went away before may be
 * sent again, byte for byte the same.
 *
 * All of it is in memory: work is given out too often to write down for which poll. So a poll that says when it was
 * issued is refused when that was before the server started, or before its clock was set.
 */
export interface AnsweredPolls {
  /**
   * Answers a poll, unless it was answered before. While the same bytes still wait, their repetition waits to hear what
   * becomes of them.
   *
   * @param payload as it was signed
   * @param disconnected fires when the answer does not reach its client
   * @throws Refusal 400 for a repetition, or a poll from before the start; else what `answer` throws
   */
  answerOnce(poll: SignedPoll, disconnected: AbortSignal, answer: () => Promise<string>): Promise<string>;
  /** Forgets all, and refuses what was issued before. */
  restart(nowMs: number): void;
}

/** A poll, as it came. */
interface SignedPoll {
  readonly inner: WireRequest;
  readonly callerId: string;
  readonly payload: string;
  /** When it came, in milliseconds since 1970. */
  readonly nowMs: number;
}

const MINUTE_MS = 60_000;
/** Of so many polls it is known whether their answers arrived; of earlier ones it counts as known that they did. */
const MAX_LATEST = 256;
/** What tells whoever asked that there is nothing: none in time, or assignment is paused. */
const EMPTY_HANDED: ReadonlySet<number> = new Set([404, 408, 503]);

/** The polls that were answered, by the minute in which they begin to be refused for their age. */
class AnsweredKeys {
  readonly #byMinute = new Map<number, NumberSet>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  has(key: number, poll: SignedPoll): boolean {
    // What says when it was issued can only be in one of them.
    if (typeof poll.inner.issuedat === 'number') return this.#byMinute.get(endMinuteOf(poll))?.has(key) === true;
    return [...this.#byMinute.values()].some((keys) => keys.has(key));
  }

  add(key: number, poll: SignedPoll): void {
    const endMinute = endMinuteOf(poll);
    let keys = this.#byMinute.get(endMinute);
    if (keys === undefined) {
      keys = new NumberSet();
      this.#byMinute.set(endMinute, keys);
      // A clock that is set by less than a minute is not noticed.
      this.#dropBefore(Math.floor(poll.nowMs / MINUTE_MS) - 1);
    }
    keys.add(key);
    this.#dropBeyondCapacity();
  }

  clear(): void {
    this.#byMinute.clear();
  }

  #dropBefore(minute: number): void {
    for (const endMinute of this.#byMinute.keys()) if (endMinute < minute) this.#byMinute.delete(endMinute);
  }

  /**
   * Where more are answered within the window than can be remembered, those that end first are forgotten; all of them where
   * they end together, since whoever signs polls chooses when they end.
   */
  #dropBeyondCapacity(): void {
    let count = 0;
    for (const { size } of this.#byMinute.values()) count += size;
    if (count > this.#capacity) this.#byMinute.delete(Math.min(...this.#byMinute.keys()));
  }
}

/** Whether the answers to the last polls were lost on their way. Looking when one is repeated costs less than listening. */
class LatestAnswers {
  readonly #signals = new Map<number, AbortSignal>();

  wereLost(key: number): boolean {
    return this.#signals.get(key)?.aborted === true;
  }

  add(key: number, disconnected: AbortSignal): void {
    this.#signals.delete(key);
    this.#signals.set(key, disconnected);
    const [first = key] = this.#signals.keys();
    if (this.#signals.size > MAX_LATEST) this.#signals.delete(first);
  }

  clear(): void {
    this.#signals.clear();
  }
}

/** @param nowMs when the server started, in milliseconds since 1970 */
export function createAnsweredPolls(nowMs: number, capacity = MAX_REMEMBERED_POLLS): AnsweredPolls {
  let startMs = nowMs;
  const [keys, latest] = [new AnsweredKeys(capacity), new LatestAnswers()];
  /** Those that wait for their answer; resolves when they have got it, or never will. */
  const open = new Map<number, Promise<void>>();
  const settle = async (key: number, poll: SignedPoll, disconnected: AbortSignal, answer: () => Promise<string>) => {
    const answered = (): void => {
      if (disconnected.aborted) return;
      keys.add(key, poll);
      latest.add(key, disconnected);
    };
    try {
      const reply = await answer();
      answered();
      return reply;
    } catch (thrown) {
      if (thrown instanceof Refusal && EMPTY_HANDED.has(thrown.status)) answered();
      throw thrown;
    }
  };
  return {
    async answerOnce(poll, disconnected, answer) {
      if (!isNonce(poll.inner.nonce)) return answer();
      requireIssuedSince(startMs, poll.inner);
      const key = keyOf(poll);
      for (let other = open.get(key); other !== undefined; other = open.get(key)) await other;
      if (keys.has(key, poll) && !latest.wereLost(key)) throw repeated();
      const settled = settle(key, poll, disconnected, answer);
      open.set(key, settled.then(ignore, ignore));
      return settled.finally(() => open.delete(key));
    },
    restart(atMs) {
      startMs = atMs;
      keys.clear();
      latest.clear();
    },
  };
}

function ignore(): void {}

/** The minute in which a poll begins to be refused for its age; one that does not say when it was issued counts from its arrival. */
function endMinuteOf({ inner: { issuedat }, nowMs }: SignedPoll): number {
  return Math.floor(((typeof issuedat === 'number' ? issuedat : nowMs) + REPEAT_WINDOW_MS) / MINUTE_MS);
}

/** Two different polls have the same key once in about 2^52 pairs; then one of them has to be signed anew. */
function keyOf({ callerId, payload }: SignedPoll): number {
  // 52 bits; zero marks a free place.
  return Number.parseInt(hash('sha256', callerId + payload, 'hex').slice(0, 13), 16) + 1;
}

function requireIssuedSince(startMs: number, { issuedat }: WireRequest): void {
  if (typeof issuedat !== 'number' || issuedat >= startMs) return;
  throw new Refusal(
    400,
    `The poll was issued before the server started, or before its clock was set: expected issuedat from ${startMs} on (milliseconds since 1970), got ${issuedat}; sign a new one, and check the clocks of client and server if that is refused, too`,
  );
}

function repeated(): Refusal {
  return new Refusal(400, 'The poll was answered before: expected a nonce that was not used yet; sign a new one');
}
