/** Decides when what has come is stored together. */
export interface CommitPace {
  /** Something has come that is to be stored. */
  request(): void;
  /** Tells how long the disk took the last time, in milliseconds, and how much was stored together. */
  stored(diskMs: number, workCount: number): void;
}

/** A disk that is quicker than this is never waited for: it is done before anything else has come. */
const QUICK_MS = 0.5;
/** Nobody waits longer than this for others. */
const MOST_MS = 2;
/** Where so much was stored together, many are at work, and what they ask for next is on its way. */
const CROWD = 5;
/** So long a crowd waits for itself, however quick the disk is: a commit writes the same pages for few as for many. */
const CROWD_MS = 1;
/** When such a part of a crowd has asked again, it waits no longer: by the time the others come, these are answered. */
const QUORUM = 0.5;

/**
 * Creates a pace. What comes in one turn of the event loop is stored at its end. While more is on its way and the disk is
 * slow, or many were stored together the last time, the end of the turn is not the end yet: waiting a moment for the others
 * costs less than a commit more. Who is alone never waits.
 *
 * @param store stores what has come
 * @param isMoreComing whether requests have come in that may soon have something to store
 */
export function createCommitPace(store: () => void, isMoreComing: () => boolean): CommitPace {
  let [lastDiskMs, lastCount, count, isLooking] = [0, 0, 0, false];
  let sinceMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const start = (): void => {
    clearTimeout(timer);
    timer = undefined;
    sinceMs = undefined;
    count = 0;
    store();
  };
  const patienceMs = (): number => {
    const isCrowd = lastCount >= CROWD;
    if (isCrowd && count >= lastCount * QUORUM) return 0;
    const isWorthIt = isCrowd || (lastDiskMs > QUICK_MS && isMoreComing());
    return isWorthIt ? Math.min(Math.max(lastDiskMs, isCrowd ? CROWD_MS : 0), MOST_MS) : 0;
  };
  const look = (): void => {
    isLooking = false;
    if (sinceMs === undefined) return;
    const leftMs = patienceMs() - (performance.now() - sinceMs);
    if (leftMs > 0) timer ??= setTimeout(start, Math.ceil(leftMs));
    else start();
  };
  return {
    request() {
      sinceMs ??= performance.now();
      count += 1;
      if (isLooking) return;
      isLooking = true;
      setImmediate(look);
    },
    stored(diskMs, workCount) {
      lastDiskMs = diskMs;
      lastCount = workCount;
    },
  };
}
