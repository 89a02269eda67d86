/** Notices that the clock of the day was set. */
export interface JumpWatch {
  /**
   * @param nowMs what the clock of the day says, milliseconds since 1970
   * @returns by how many milliseconds it was set forward (or, negative, back) since the last time; 0 when it was not
   */
  look(nowMs: number): number;
}

/** Differences below this are corrections, or a process that had to wait. */
const LEAST_JUMP_MS = 60_000;

/**
 * Compares the clock of the day with one that is never set.
 *
 * @param steadyClock milliseconds; a machine that sleeps may stop it
 */
export function watchForJumps(steadyClock: () => number): JumpWatch {
  let last: { readonly nowMs: number; readonly steadyMs: number } | undefined;
  return {
    look(nowMs) {
      const steadyMs = steadyClock();
      const jumpMs = last === undefined ? 0 : nowMs - last.nowMs - (steadyMs - last.steadyMs);
      last = { nowMs, steadyMs };
      return Math.abs(jumpMs) < LEAST_JUMP_MS ? 0 : Math.round(jumpMs);
    },
  };
}
