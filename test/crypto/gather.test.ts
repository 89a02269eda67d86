import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CallGatherer } from '../../crypto/paillier/gather.ts';

const fail = (): Promise<bigint[]> => Promise.reject(new Error('no result'));

/** A gatherer of doublings that notes the size of every batch. */
function doubling() {
  const gatherer = new CallGatherer();
  const sizes: number[] = [];
  const double = (value: bigint): Promise<bigint> =>
    gatherer.add('double', [value], (items) => {
      sizes.push(items.length);
      return Promise.resolve(items.map(([item = 0n]) => 2n * item));
    });
  return { double, sizes };
}

test('calls of one tick form one batch, also those that awaited something of the tick first', async () => {
  const { double, sizes } = doubling();
  const late = async (value: bigint): Promise<bigint> => {
    for (let waits = 0n; waits < value; waits += 1n) await Promise.resolve();
    return double(value);
  };
  expect(await Promise.all([0n, 1n, 2n, 9n].map(late))).toEqual([0n, 2n, 4n, 18n]);
  expect(sizes).toEqual([4]);
});

test('calls of another tick form a batch of their own', async () => {
  const { double, sizes } = doubling();
  const first = double(1n);
  await setImmediate();
  expect(await Promise.all([first, double(2n), double(3n)])).toEqual([2n, 4n, 6n]);
  expect(sizes).toEqual([1, 2]);
});

test('a batch that fails rejects all its calls and none of the next', async () => {
  const gatherer = new CallGatherer();
  const outcomes = await Promise.allSettled([gatherer.add('fail', [1n], fail), gatherer.add('fail', [2n], fail)]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await gatherer.add('fail', [3n], (items) => Promise.resolve(items.flat()))).toBe(3n);
});
