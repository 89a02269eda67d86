import { inSteps, letOthersWork } from '../colony/event-loop.ts';

/** Items that are sorted at once, and merged before others get their turn. */
const RUN = 2048;

/**
 * The order that sorts `count` items, without holding up the event loop: merge sort, stable.
 *
 * @param compare places of two items: negative where the first comes first
 * @returns for each place of the sorted order, where its item stands
 */
export async function sortedOrder(
  count: number,
  compare: (left: number, right: number) => number,
): Promise<Uint32Array> {
  let from = Uint32Array.from({ length: count }, (_, place) => place);
  let to = new Uint32Array(count);
  await inSteps(count, (first, end) => from.subarray(first, end).sort(compare), RUN);
  for (let length = RUN; length < count; length *= 2) {
    for (let first = 0; first < count; first += 2 * length) await merge(from, to, first, length, compare);
    [from, to] = [to, from];
  }
  return from;
}

/** Merges two sorted runs of up to `length` items that begin at `first`. */
async function merge(
  from: Uint32Array,
  to: Uint32Array,
  first: number,
  length: number,
  compare: (left: number, right: number) => number,
): Promise<void> {
  const middle = Math.min(first + length, from.length);
  const end = Math.min(middle + length, from.length);
  let [left, right] = [first, middle];
  for (let place = first; place < end;) {
    const stop = Math.min(end, place + RUN);
    for (; place < stop; place += 1) {
      const takesLeft = left < middle && (right === end || compare(from[left] ?? 0, from[right] ?? 0) <= 0);
      to[place] = (takesLeft ? from[left++] : from[right++]) ?? 0;
    }
    await letOthersWork();
  }
}
