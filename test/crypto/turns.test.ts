import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Turns } from '../../crypto/paillier/turns.ts';

test('work of many callers at once is spread over turns of the event loop, in order', async () => {
  const turns = new Turns(100);
  const begun: number[] = [];
  const all = Array.from({ length: 7 }, async (_, index) => {
    await turns.take(40);
    begun.push(index);
  });
  const counts: number[] = [];
  while (begun.length < 7) {
    await Promise.resolve();
    counts.push(begun.length);
    await setImmediate();
  }
  await Promise.all(all);
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(counts).toEqual([2, 4, 6]);
});

test('work longer than a turn runs alone, and an idle thread starts at once', async () => {
  const turns = new Turns(100);
  const begun: string[] = [];
  const run = async (name: string, micros: number): Promise<void> => {
    await turns.take(micros);
    begun.push(name);
  };
  const all = [run('long', 1000), run('short', 1), run('none', 0)];
  await Promise.resolve();
  await Promise.resolve();
  expect(begun).toEqual(['long']);
  await Promise.all(all);
  expect(begun).toEqual(['long', 'short', 'none']);
});
