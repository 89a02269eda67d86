/** Whether nothing may be removed now, since somebody needs what there was at one moment. */
export interface Keeping {
  /** From now on, until the result is called and a pause longer. */
  begin(): (nowMs: number) => void;
  isOn(nowMs: number): boolean;
}

/** @param pauseMs how long it lasts when nobody needs anything any more, in milliseconds */
export function createKeeping(pauseMs: number): Keeping {
  let [needed, endedMs] = [0, Number.NEGATIVE_INFINITY];
  return {
    begin() {
      needed += 1;
      return (nowMs) => {
        needed -= 1;
        endedMs = nowMs;
      };
    },
    // A clock that was set back must not make it last.
    isOn: (nowMs) => needed > 0 || (nowMs >= endedMs && nowMs < endedMs + pauseMs),
  };
}
