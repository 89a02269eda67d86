import type { Cron } from '../../colony/messages/crons.ts';

/** When a cron runs, in few words. */
export function describeSchedule({ cronExpression, intervalSeconds, random }: Cron): string {
  if (intervalSeconds <= 0) return cronExpression;
  return `every ${intervalSeconds} s${random ? ', at random' : ''}`;
}
