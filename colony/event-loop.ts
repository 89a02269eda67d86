import { setImmediate } from 'node:timers/promises';

/** Long computations on the thread that also answers servers and peers: they take turns with everybody else. */

/** Milliseconds of computing after which others get the event loop. */
const TURN_MS = 5;
/** Items for which a step over numbers takes less than a millisecond. */
const ITEMS_PER_STEP = 8192;

/** When the event loop was last given away: there is one for each thread. */
let turnBeganMs = 0;

/** Lets timers, sockets and other computations run, if this thread has computed for some milliseconds since it last did. */
export async function letOthersWork(): Promise<void> {
  if (performance.now() - turnBeganMs < TURN_MS) return;
  await setImmediate();
  turnBeganMs = performance.now();
}

/**
 * Computes on ranges of [0, count), one after another in ascending order, and lets others work in between.
 *
 * @param step computes on the items from `from` up to, but not including, `to`
 * @param itemsPerStep so many that a step takes a millisecond or less
 */
export async function inSteps(
  count: number,
  step: (from: number, to: number) => void,
  itemsPerStep = ITEMS_PER_STEP,
): Promise<void> {
  for (let from = 0; from < count; from += itemsPerStep) {
    step(from, Math.min(count, from + itemsPerStep));
    await letOthersWork();
  }
}
