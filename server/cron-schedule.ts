import { Cron as Pattern } from 'croner';
import { toError } from '../colony/errors.ts';
import { MAX_LIMIT_SECONDS } from './limits.ts';

/** When a cron expression comes due. */
export interface Schedule {
  /**
   * The first moment after `afterMs`, both in milliseconds since 1970.
   *
   * @returns undefined when there is none before the year 10000
   */
  nextAfter(afterMs: number): number | undefined;
}

/** Why a cron expression cannot be accepted, in the words of the official server where they are known. */
export class InvalidScheduleError extends Error {
  override readonly name = 'InvalidScheduleError';
}

/** What the descriptors of the official server stand for. */
const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 0 1 1 *'],
  ['@annually', '0 0 0 1 1 *'],
  ['@monthly', '0 0 0 1 * *'],
  ['@weekly', '0 0 0 * * 0'],
  ['@daily', '0 0 0 * * *'],
  ['@midnight', '0 0 0 * * *'],
  ['@hourly', '0 0 * * * *'],
]);
const FIELD_COUNT = 6;

/**
 * Reads a cron expression: six fields `sec min hour dom month dow`, a descriptor such as `@daily` or `@every 1h30m`,
 * either with `TZ=…` or `CRON_TZ=…` and a blank before it. Without a zone it is in UTC. As on the official server, a
 * restricted day of the month and a restricted day of the week are alternatives, and `N/step` begins at N; what the
 * library adds (`L`, `W`, `#`) is accepted, too.
 *
 * @throws InvalidScheduleError when it cannot be read
 */
export function parseSchedule(expression: string): Schedule {
  if (expression === '') throw new InvalidScheduleError('empty cron expression string');
  const { zone, rest } = splitZone(expression.trim());
  if (rest.startsWith('@every ')) return every(parseDuration(rest));
  const fields = fieldsOf(rest);
  if (fields.length !== FIELD_COUNT) {
    throw new InvalidScheduleError(
      `expected exactly ${FIELD_COUNT} fields, found ${fields.length}: [${fields.join(' ')}]`,
    );
  }
  return fromPattern(fields.join(' '), zone);
}

function splitZone(expression: string): { readonly zone: string; readonly rest: string } {
  const prefix = /^(?:CRON_)?TZ=(\S*)\s*/.exec(expression);
  if (prefix === null) return { zone: 'UTC', rest: expression };
  const zone = prefix[1] ?? '';
  requireZone(zone);
  return { zone, rest: expression.slice(prefix[0].length) };
}

function requireZone(zone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone }).format();
  } catch {
    throw new InvalidScheduleError(`provided bad location ${zone}: unknown time zone ${zone}`);
  }
}

function fieldsOf(text: string): readonly string[] {
  if (!text.startsWith('@')) return text.split(/\s+/).filter((field) => field !== '');
  const pattern = DESCRIPTORS.get(text);
  if (pattern === undefined) throw new InvalidScheduleError(`unrecognized descriptor: ${text}`);
  return pattern.split(' ');
}

function fromPattern(pattern: string, timezone: string): Schedule {
  try {
    // Without a function it computes and sets no timer.
    const parsed = new Pattern(pattern, { mode: '6-part', timezone, sloppyRanges: true });
    return { nextAfter: (afterMs) => parsed.nextRun(new Date(afterMs))?.getTime() };
  } catch (thrown) {
    throw new InvalidScheduleError(`bad cron expression: ${toError(thrown).message}`);
  }
}

const MILLISECONDS_PER_SECOND = 1000;
const UNIT_SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };

/** Whole seconds, at least one, of a duration as Go writes it, such as `1h30m`. */
function parseDuration(descriptor: string): number {
  const duration = descriptor.slice('@every '.length).trim();
  if (!/^(?:\d+(?:\.\d+)?(?:h|m|s|ms|us|µs|ns))+$/.test(duration)) {
    throw new InvalidScheduleError(`failed to parse duration ${descriptor}: expected a duration such as 1h30m`);
  }
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)/g)];
  const seconds = parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNIT_SECONDS[unit] ?? 0), 0);
  if (seconds > MAX_LIMIT_SECONDS) {
    throw new InvalidScheduleError(
      `failed to parse duration ${descriptor}: expected at most ${MAX_LIMIT_SECONDS} seconds (100 years)`,
    );
  }
  return Math.max(1, Math.floor(seconds));
}

function every(seconds: number): Schedule {
  return {
    nextAfter: (afterMs) => (Math.floor(afterMs / MILLISECONDS_PER_SECOND) + seconds) * MILLISECONDS_PER_SECOND,
  };
}
