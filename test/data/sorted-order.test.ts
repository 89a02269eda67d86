import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOfIds, sortIds } from '../../data/aligned.ts';
import { sortedOrder } from '../../data/sorted-order.ts';
import { turnsDuring } from '../support/event-loop.ts';

test('the order is that of a stable sort, however many runs are merged', async () => {
  const counts = fc.constantFrom(0, 1, 2, 2047, 2048, 2049, 4096, 6000, 9001);
  await fc.assert(
    fc.asyncProperty(counts, fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 50 }), async (count, seed, kinds) => {
      const keys = Array.from({ length: count }, (_, place) => (seed * (place + 1) * (place + 7)) % (kinds * 97));
      const order = await sortedOrder(count, (left, right) => (keys[left] ?? 0) - (keys[right] ?? 0));
      const wanted = Array.from(keys.keys()).sort((left, right) => (keys[left] ?? 0) - (keys[right] ?? 0));
      expect(Array.from(order)).toEqual(wanted);
    }),
    { seed: 1, numRuns: 60 },
  );
});

const bytes = (id: string): Buffer => Buffer.from(id);

test('ids of any kind are sorted and hashed while the event loop turns', async () => {
  const count = 200_000;
  const numbers = Array.from({ length: count }, (_, place) => String((place * 7919) % count));
  const names = numbers.map((id) => `p${id}é`);
  for (const ids of [numbers, names]) {
    const seen = { sorted: [] as string[], digest: '' };
    const turns = await turnsDuring(async () => {
      seen.sorted = await sortIds(ids);
      seen.digest = await digestOfIds(seen.sorted);
    });
    expect(turns).toBeGreaterThan(100);
    expect(seen.sorted).toHaveLength(count);
    const wanted =
      ids === numbers
        ? ids.toSorted((left, right) => Number(left) - Number(right))
        : ids.toSorted((left, right) => Buffer.compare(bytes(left), bytes(right)));
    expect(seen.sorted.every((id, place) => id === wanted[place])).toBe(true);
  }
});
