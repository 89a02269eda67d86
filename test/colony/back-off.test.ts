import * as fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { DEFAULT_RETRY, pauseMs, sleep } from '../../colony/back-off.ts';
import { ConnectionError, ServerError } from '../../colony/errors.ts';
import { createOutage } from '../../colony/worker/outage.ts';

describe('the pause before another attempt', () => {
  test('doubles up to the longest, and is random in its upper half', () => {
    const most = [0, 1, 2, 3, 50].map((attempt) => pauseMs(DEFAULT_RETRY, attempt, () => 1));
    const least = [0, 1, 2, 3, 50].map((attempt) => pauseMs(DEFAULT_RETRY, attempt, () => 0));
    expect(most).toEqual([50, 100, 200, 400, 2_000]);
    expect(least).toEqual([25, 50, 100, 200, 1_000]);
  });

  test('is never longer than the policy says, however often one tries', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5_000 }), (attempt) => {
        const pause = pauseMs(DEFAULT_RETRY, attempt);
        expect(pause).toBeGreaterThan(0);
        expect(pause).toBeLessThanOrEqual(DEFAULT_RETRY.longestPauseMs);
      }),
      { seed: 8 },
    );
  });

  test('ends with the reason of a signal', async () => {
    const stop = new AbortController();
    const pause = sleep(3_600_000, stop.signal);
    stop.abort(new Error('enough'));
    await expect(pause).rejects.toThrow('enough');
    await expect(sleep(3_600_000, stop.signal)).rejects.toThrow('enough');
  });
});

test('a refusal is tried again ever more rarely, a lost connection every other second', () => {
  expect(pauseAfterMany(new ServerError('assignprocessmsg', 403, 'no'))).toBeGreaterThanOrEqual(30_000);
  expect(pauseAfterMany(new ConnectionError('refused'))).toBeLessThanOrEqual(2_000);
});

test('an outage is said when it begins, when its reason changes, and when it is over', () => {
  const said: string[] = [];
  const log = pino({}, { write: (line: string) => void said.push(/"msg":"([^"]*)"/.exec(line)?.[1] ?? line) });
  const outage = createOutage(log);
  outage.ended();
  for (const reason of ['refused', 'refused', 'refused', 'reset', 'reset']) outage.failed(new ConnectionError(reason));
  outage.ended();
  outage.ended();
  outage.failed(new ConnectionError('refused'));
  expect(said).toEqual([
    'refused; trying again',
    'reset; trying again',
    'the server answers again',
    'refused; trying again',
  ]);
});

function pauseAfterMany(error: Error): number {
  const outage = createOutage(pino({ enabled: false }));
  return Array.from({ length: 30 }, () => outage.failed(error)).at(-1) ?? 0;
}
