import { expect, test } from 'vitest';
import { createCommitPace } from '../../server/commit-pace.ts';
import { until } from '../support/processes.ts';

/** Nobody lets a test wait for a turn of the event loop otherwise. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what comes in one turn is stored at its end, once, and what comes later anew', async () => {
  let storedCount = 0;
  const pace = createCommitPace(
    () => (storedCount += 1),
    () => false,
  );
  pace.request();
  pace.request();
  expect(storedCount).toBe(0);
  await turn();
  expect(storedCount).toBe(1);
  await turn();
  expect(storedCount).toBe(1);
  pace.request();
  await turn();
  expect(storedCount).toBe(2);
});

test('with a slow disk, what comes waits for more that is on its way, but for a moment only', async () => {
  let [storedCount, isMoreComing] = [0, true];
  const pace = createCommitPace(
    () => (storedCount += 1),
    () => isMoreComing,
  );
  pace.stored(1_000_000, 1);
  pace.request();
  await turn();
  expect(storedCount).toBe(0);
  isMoreComing = false;
  pace.request();
  await turn();
  expect(storedCount).toBe(1);
  isMoreComing = true;
  pace.request();
  await until(() => storedCount === 2);
});

test('with a quick disk nobody waits, whatever is on its way', async () => {
  let storedCount = 0;
  const pace = createCommitPace(
    () => (storedCount += 1),
    () => true,
  );
  pace.stored(0.1, 1);
  pace.request();
  await turn();
  expect(storedCount).toBe(1);
});

test('where many were stored together, what comes waits for more, but for a moment only', async () => {
  let storedCount = 0;
  const pace = createCommitPace(
    () => (storedCount += 1),
    () => false,
  );
  pace.stored(0.1, 8);
  pace.request();
  await until(() => storedCount === 1);
  pace.stored(0.1, 1);
  pace.request();
  await turn();
  expect(storedCount).toBe(2);
});
