/** Decides when what has come is stored together. */
export interface CommitPace {
  /** Something has come that is to be stored. */
  request(): void;
  /** Tells how long the disk took the last time, in milliseconds. */
  stored(diskMs: number): void;
}

/** A disk that is quicker than this is never waited for: it is done before anything else has come. */
const QUICK_MS = 0.5;
/** Nobody waits longer than this for others. */
const MOST_MS = 2;

/**
 * Creates a pace. What comes in one turn of the event loop is stored at its end. While more is on its way and the disk is
 * slow, the end of the turn is not the end yet: waiting a moment for the others costs less than waiting for the disk once
 * more. Who is alone never waits.
 *
 * @param store stores what has come
 * @param isMoreComing whether requests have come in that may soon have something to store
 */
export function createCommitPace(store: () => void, isMoreComing: () => boolean): CommitPace {
  let [lastDiskMs, isLooking] = [0, false];
  let sinceMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const start = (): void => {
    clearTimeout(timer);
    timer = undefined;
    sinceMs = undefined;
    store();
  };
  const isWorthWaiting = (waitedMs: number): boolean =>
    lastDiskMs > QUICK_MS && waitedMs < Math.min(lastDiskMs, MOST_MS) && isMoreComing();
  const look = (): void => {
    isLooking = false;
    if (sinceMs === undefined) return;
    if (isWorthWaiting(performance.now() - sinceMs)) timer ??= setTimeout(start, MOST_MS);
    else start();
  };
  return {
    request() {
      sinceMs ??= performance.now();
      if (isLooking) return;
      isLooking = true;
      setImmediate(look);
    },
    stored(diskMs) {
      lastDiskMs = diskMs;
    },
  };
}
