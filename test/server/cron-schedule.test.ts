import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidScheduleError, parseSchedule } from '../../server/cron-schedule.ts';

const FRIDAY_NOON_MS = Date.UTC(2026, 10, 20, 12);

function runs(expression: string, count: number, afterMs = FRIDAY_NOON_MS): string[] {
  const schedule = parseSchedule(expression);
  const found: string[] = [];
  let lastMs: number | undefined = afterMs;
  while (found.length < count && (lastMs = schedule.nextAfter(lastMs)) !== undefined) {
    found.push(new Date(lastMs).toISOString());
  }
  return found;
}

describe('a cron expression', () => {
  test.each<readonly [expression: string, ...moments: string[]]>([
    ['0/20 * * * * *', '2026-11-20T12:00:20.000Z', '2026-11-20T12:00:40.000Z', '2026-11-20T12:01:00.000Z'],
    ['5/30 0 0 * * *', '2026-11-21T00:00:05.000Z', '2026-11-21T00:00:35.000Z', '2026-11-22T00:00:05.000Z'],
    ['  0   30  9-10  *  *  MON-FRI  ', '2026-11-23T09:30:00.000Z', '2026-11-23T10:30:00.000Z'],
    ['0 0 0 ? JAN,jul ?', '2027-01-01T00:00:00.000Z', '2027-01-02T00:00:00.000Z'],
    ['0 0 0 29 2 *', '2028-02-29T00:00:00.000Z', '2032-02-29T00:00:00.000Z'],
    ['0 0 0 25 * 1', '2026-11-23T00:00:00.000Z', '2026-11-25T00:00:00.000Z', '2026-11-30T00:00:00.000Z'],
    ['0 0 0 */10 * 1', '2026-11-21T00:00:00.000Z', '2026-11-23T00:00:00.000Z', '2026-11-30T00:00:00.000Z'],
    ['0 0 0 L * *', '2026-11-30T00:00:00.000Z', '2026-12-31T00:00:00.000Z'],
    ['0 0 0 30 2 *'],
  ])('%s comes due at the moments it names, in UTC', (expression, ...moments) => {
    expect(runs(expression, Math.max(1, moments.length))).toEqual(moments);
  });

  test.each<readonly [descriptor: string, first: string, second: string]>([
    ['@yearly', '2027-01-01T00:00:00.000Z', '2028-01-01T00:00:00.000Z'],
    ['@annually', '2027-01-01T00:00:00.000Z', '2028-01-01T00:00:00.000Z'],
    ['@monthly', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['@weekly', '2026-11-22T00:00:00.000Z', '2026-11-29T00:00:00.000Z'],
    ['@daily', '2026-11-21T00:00:00.000Z', '2026-11-22T00:00:00.000Z'],
    ['@midnight', '2026-11-21T00:00:00.000Z', '2026-11-22T00:00:00.000Z'],
    ['@hourly', '2026-11-20T13:00:00.000Z', '2026-11-20T14:00:00.000Z'],
    ['@every 1h30m', '2026-11-20T13:30:00.000Z', '2026-11-20T15:00:00.000Z'],
    ['@every 1500ms', '2026-11-20T12:00:01.000Z', '2026-11-20T12:00:02.000Z'],
    ['@every 1ns', '2026-11-20T12:00:01.000Z', '2026-11-20T12:00:02.000Z'],
  ])('may be the descriptor %s', (descriptor, ...moments) => {
    expect(runs(descriptor, 2, FRIDAY_NOON_MS + 250)).toEqual(moments);
  });

  test('may name its zone, whose clock is then meant, also when that is put forward or back', () => {
    expect(runs('TZ=Asia/Tokyo @daily', 1)).toEqual(['2026-11-20T15:00:00.000Z']);
    const beforeSpring = Date.UTC(2027, 2, 27, 12);
    expect(runs('CRON_TZ=Europe/Stockholm 0 30 2 * * *', 3, beforeSpring)).toEqual([
      '2027-03-28T01:00:00.000Z',
      '2027-03-29T00:30:00.000Z',
      '2027-03-30T00:30:00.000Z',
    ]);
    const beforeAutumn = Date.UTC(2026, 9, 24, 12);
    expect(runs('CRON_TZ=Europe/Stockholm 0 30 2 * * *', 2, beforeAutumn)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  test.each<readonly [expression: string, message: string]>([
    ['', 'empty cron expression string'],
    ['   ', 'expected exactly 6 fields, found 0: []'],
    ['* * * * *', 'expected exactly 6 fields, found 5: [* * * * *]'],
    ['* * * * * * *', 'expected exactly 6 fields, found 7: [* * * * * * *]'],
    ['2030-01-01T00:00:00', 'expected exactly 6 fields, found 1: [2030-01-01T00:00:00]'],
    ['@reboot', 'unrecognized descriptor: @reboot'],
    ['@every', 'unrecognized descriptor: @every'],
    ['@every soon', 'failed to parse duration @every soon: expected a duration such as 1h30m'],
    ['@every 1000000h', 'failed to parse duration @every 1000000h: expected at most 3155760000 seconds (100 years)'],
    ['TZ=Nowhere/Else @daily', 'provided bad location Nowhere/Else: unknown time zone Nowhere/Else'],
    ['TZ= @daily', 'provided bad location : unknown time zone '],
    ['TZ=UTC', 'expected exactly 6 fields, found 0: []'],
    ['60 * * * * *', 'bad cron expression: CronPattern: Invalid value for second: 60'],
    ['*/0 * * * * *', 'bad cron expression: CronPattern: Syntax error, illegal stepping: 0'],
  ])('%s is refused with what is wrong', (expression, message) => {
    expect(() => parseSchedule(expression)).toThrow(new InvalidScheduleError(message));
  });

  test('of any kind is read or refused, and comes due later than it was asked', () => {
    const atoms = [
      '*',
      '?',
      '0',
      '5',
      '59',
      '60',
      '31',
      '7',
      'L',
      'W',
      '#',
      '+',
      '-',
      '/',
      ',',
      'MON',
      'feb',
      '-1',
      '1e9',
    ];
    const field = fc.oneof(
      fc.array(fc.constantFrom(...atoms), { maxLength: 3 }).map((parts) => parts.join('')),
      fc.string(),
    );
    const fields = fc.array(field, { minLength: 5, maxLength: 7 }).map((parts) => parts.join(' '));
    const plain = fc
      .tuple(fc.nat(65), fc.nat(65), fc.nat(25), fc.constantFrom('*', '?', '*/3', '31', 'L'), fc.nat(13), fc.nat(8))
      .map((numbers) => numbers.join(' '));
    const zone = fc.constantFrom('', 'TZ=', 'TZ=UTC ', 'CRON_TZ=America/New_York ', 'TZ=\u0000 ');
    const expression = fc.tuple(zone, fc.oneof(fields, plain, fc.string())).map((parts) => parts.join(''));
    const read = fc.property(expression, fc.nat(2 ** 31), (text, afterSeconds) => {
      const found = nextOf(text, afterSeconds * 1000);
      expect(found === undefined || found > afterSeconds * 1000).toBe(true);
    });
    fc.assert(read, { seed: 20, numRuns: 5000 });
  });
});

/** When it comes due next; undefined when never, or when it cannot be read. */
function nextOf(expression: string, afterMs: number): number | undefined {
  try {
    return parseSchedule(expression).nextAfter(afterMs);
  } catch (thrown) {
    if (thrown instanceof InvalidScheduleError) return undefined;
    throw thrown;
  }
}
