import { array, assert, double, integer, property, tuple } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../server/refusal.ts';
import { createRateLimiter, type RateOptions } from '../../server/rate-limits.ts';

/** How many of so many tries are not refused. */
function count(times: number, action: () => void): number {
  let admitted = 0;
  for (let time = 0; time < times; time += 1) {
    try {
      action();
      admitted += 1;
    } catch (thrown) {
      if (!(thrown instanceof Refusal) || thrown.status !== 429 || thrown.retryAfterSeconds !== 1) throw thrown;
    }
  }
  return admitted;
}

/** A limiter with a clock of its own; ids that begin with `member` are known. */
function limiterAt(options: RateOptions) {
  let nowMs = 0;
  let lookups = 0;
  const isKnown = (id: string): boolean => {
    lookups += 1;
    return id.startsWith('member');
  };
  const limiter = createRateLimiter(options, isKnown, () => nowMs);
  return {
    /** How many of so many requests of a known or unknown id are admitted. */
    signed: (times: number, id: string, address = 'a', length = 0) =>
      count(times, () => {
        limiter.enter(address, length);
        limiter.signedBy(id, address, length);
      }),
    unsigned: (times: number, address = 'a') =>
      count(times, () => {
        limiter.enter(address);
        limiter.unsigned(address);
      }),
    long: (times: number, length: number, address = 'a') => count(times, () => limiter.unsigned(address, length)),
    pass: (seconds: number) => void (nowMs += seconds * 1000),
    lookups: () => lookups,
  };
}

describe('a member', () => {
  test('may ask two seconds’ worth at once, then at the rate', () => {
    const limiter = limiterAt({ memberRequestsPerSecond: 10 });
    expect(limiter.signed(100, 'member')).toBe(20);
    limiter.pass(1);
    expect(limiter.signed(100, 'member')).toBe(10);
    expect(limiter.signed(100, 'member 2')).toBe(20);
    limiter.pass(3600);
    expect(limiter.signed(100, 'member')).toBe(20);
  });

  test('is looked up once a minute', () => {
    const limiter = limiterAt({});
    limiter.signed(1000, 'member');
    expect(limiter.lookups()).toBe(1);
    limiter.pass(61);
    limiter.signed(1000, 'member');
    expect(limiter.lookups()).toBe(2);
  });

  test('gets no more by being looked up again', () => {
    const limiter = limiterAt({ memberRequestsPerSecond: 10 });
    limiter.pass(59.9);
    limiter.signed(1, 'member');
    limiter.pass(59.9);
    expect(limiter.signed(100, 'member')).toBe(20);
    limiter.pass(0.2);
    expect(limiter.signed(100, 'member')).toBe(2);
  });

  test('of a server without limits may ask as much as it wants', () => {
    const limiter = limiterAt({ memberRequestsPerSecond: 0, strangerRequestsPerSecond: 0 });
    expect(limiter.signed(100_000, 'member')).toBe(100_000);
    expect(limiter.unsigned(100_000)).toBe(100_000);
  });
});

describe('strangers', () => {
  test('share what their address may, signed or not', () => {
    const limiter = limiterAt({ strangerRequestsPerSecond: 10 });
    expect(limiter.signed(60, 'stranger 1') + limiter.signed(60, 'stranger 2') + limiter.unsigned(60)).toBe(100);
    expect(limiter.unsigned(60, 'b')).toBe(60);
  });

  test('pay for what is long as for many', () => {
    const limiter = limiterAt({ strangerRequestsPerSecond: 10 });
    expect(limiter.long(100, 16 * 2 ** 20)).toBe(1);
    limiter.pass(90);
    expect(limiter.unsigned(1)).toBe(0);
    limiter.pass(5);
    expect(limiter.unsigned(1)).toBe(1);
    expect(limiter.long(100, 100_000, 'b')).toBe(15);
  });

  test('cost no more look-ups than the rate once they have used that up', () => {
    const limiter = limiterAt({ strangerRequestsPerSecond: 10 });
    limiter.signed(10_000, 'stranger');
    expect(limiter.lookups()).toBeLessThanOrEqual(111);
    limiter.pass(1);
    limiter.signed(10_000, 'stranger');
    expect(limiter.lookups()).toBeLessThanOrEqual(122);
  });

  test('leave members behind the same address a way in, and all of it when they stop', () => {
    const limiter = limiterAt({ memberRequestsPerSecond: 1000, strangerRequestsPerSecond: 10 });
    limiter.unsigned(10_000);
    limiter.pass(1);
    expect(limiter.signed(5, 'member')).toBe(5);
    expect(limiter.signed(100, 'member', 'b')).toBe(100);
    limiter.pass(5);
    expect(limiter.signed(500, 'member')).toBe(500);
  });

  test('that keep sending what is long leave short requests of members behind the same address their way in', () => {
    const limiter = limiterAt({ memberRequestsPerSecond: 1000, strangerRequestsPerSecond: 10 });
    const long = 16 * 2 ** 20;
    for (let second = 0; second < 20; second += 1) {
      limiter.signed(50, 'stranger', 'a', long);
      limiter.pass(1);
    }
    expect(limiter.signed(5, 'member')).toBe(5);
    expect(limiter.signed(50, 'member', 'a', long)).toBeLessThanOrEqual(1);
  });

  test.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['::1', '::2', true],
    ['fe80::1%eth0', 'fe80::2%eth1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
  ])('from %s and %s: the same network is %s', (one, other, isSame) => {
    const limiter = limiterAt({ strangerRequestsPerSecond: 10 });
    limiter.unsigned(100, one);
    expect(limiter.unsigned(1, other)).toBe(isSame ? 0 : 1);
  });
});

test('whatever comes when, nobody gets more than burst and rate', () => {
  const steps = array(tuple(integer({ min: 0, max: 50 }), double({ min: 0, max: 3, noNaN: true })));
  assert(
    property(steps, (taken) => {
      const limiter = limiterAt({ memberRequestsPerSecond: 10, strangerRequestsPerSecond: 4 });
      let [members, strangers, seconds] = [0, 0, 0];
      for (const [times, pause] of taken) {
        members += limiter.signed(times, 'member', 'other');
        strangers += limiter.unsigned(times);
        limiter.pass(pause);
        seconds += pause;
      }
      expect(members).toBeLessThanOrEqual(20 + 10 * seconds);
      expect(strangers).toBeLessThanOrEqual(40 + 4 * seconds);
    }),
    { seed: 5 },
  );
});
