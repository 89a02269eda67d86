import { vi } from 'vitest';

/** What the clock of the last count said: it never goes back. */
let nowMs = 0;

/**
 * Counts how often the event loop turns while something computes, by a clock on which every step takes a second: each
 * chance to let others work is taken, however fast the machine is. Work that holds the loop up lets it turn once or twice.
 */
export async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  nowMs = Math.max(nowMs, performance.now());
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (nowMs += 1000));
  setImmediate(count);
  try {
    await work();
  } finally {
    isOver = true;
    clock.mockRestore();
  }
  return turns;
}
