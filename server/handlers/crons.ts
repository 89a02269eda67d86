import { addCron, type Cron, getCron, getCrons, removeCron, runCron } from '../../colony/messages/crons.ts';
import { InvalidScheduleError } from '../cron-schedule.ts';
import { nextRunMs, runCronNow, type Timing } from '../crons.ts';
import { type Call, faultTexts, type Handler, reads, writes } from '../handler.ts';
import { MAX_LIMIT_SECONDS, MAX_TRIGGERS } from '../limits.ts';
import { type Belonging, requireSay } from '../ownership.ts';
import { Refusal, required } from '../refusal.ts';
import { member, requireMember, type RoleContext } from '../roles.ts';
import { requireStorableWorkflow } from '../stored-workflow.ts';
import {
  countCrons,
  type CronRow,
  deleteCron,
  findCron,
  hasCron,
  insertCron,
  isPreviousOpen,
  listCrons,
  toCron,
} from '../store/crons.ts';
import { isMember } from '../store/members.ts';
import { randomId } from '../store/values.ts';
import { requireName, requirePrintable } from './names.ts';

const FAILURE = 'Failed to add cron';

/** Workflows that are submitted again and again. */
export const cronHandlers: readonly Handler[] = [
  writes({
    message: addCron,
    texts: faultTexts(FAILURE, undefined, { cron: `${FAILURE}, msg.Cron is nil` }),
    role: ({ cron }, call) => requireMember(call, cron.colonyName),
    handle({ cron }, initiator, call) {
      const { database, nowMs } = call;
      const { colonyName, name } = cron;
      requireName(name, FAILURE);
      requireStorableWorkflow(call, cron.workflowSpec, { colonyName, initiator, failure: FAILURE });
      const timing = requireTiming(cron);
      requireRoom(call, cron);
      const cronId = randomId();
      insertCron(database, {
        ...timing,
        cron_id: cronId,
        colony_name: colonyName,
        name,
        initiator_id: initiator.id,
        initiator_name: initiator.name,
        workflow_spec: cron.workflowSpec,
        waits_for_previous: cron.waitForPreviousWorkflow ? 1 : 0,
        next_ms: firstRunMs(timing, nowMs),
        planned_ms: nowMs,
      });
      return toCron(required(findCron(database, cronId), 500, `${FAILURE}, addedCron is nil`));
    },
  }),
  reads({
    message: getCron,
    texts: faultTexts('Failed to get cron'),
    role: memberOfCron('Failed to get cron, cron is nil'),
    handle: (_request, { cron }, { facts }) => toCron(cron, facts.checkerPeriodMs),
  }),
  reads({
    message: getCrons,
    texts: faultTexts('Failed to get crons'),
    role: member,
    handle: ({ colonyName, count }, _member, { database }) =>
      listCrons(database, colonyName, Math.max(0, count)).map((row) => toCron(row)),
  }),
  writes({
    message: runCron,
    texts: faultTexts('Failed to run cron'),
    role: memberOfCron('cron not found', 400),
    handle({ cronId }, { cron }, call) {
      requireRunnable(call, cron);
      runCronNow(call, cron, call.log);
      return toCron(required(findCron(call.database, cronId), 500, 'Failed to run cron, cron is nil'));
    },
  }),
  writes({
    message: removeCron,
    texts: faultTexts('Failed to remove cron'),
    role: ({ cronId }, call) => requireSay(call, belongingOf(call, cronId)),
    handle: ({ cronId }, _subject, { database }) => deleteCron(database, cronId),
  }),
];

function belongingOf({ database }: Call, cronId: string): Belonging {
  const cron = required(findCron(database, cronId), 500, 'Failed to remove cron, cron is nil');
  return { colonyName: cron.colony_name, ownerIds: [cron.initiator_id], what: 'cron' };
}

function memberOfCron(
  notFound: string,
  status = 500,
): (request: { readonly cronId: string }, context: RoleContext) => { readonly cron: CronRow } {
  return ({ cronId }, context) => {
    const cron = required(findCron(context.database, cronId), status, notFound);
    requireMember(context, cron.colony_name);
    return { cron };
  };
}

function requireTiming({ intervalSeconds, cronExpression, random }: Cron): Timing {
  if (intervalSeconds !== -1 && intervalSeconds <= 0) {
    throw new Refusal(400, 'Cron interval must be -1 (disabled) or larger than 0');
  }
  if (intervalSeconds > MAX_LIMIT_SECONDS) {
    throw new Refusal(
      400,
      `${FAILURE}, expected an interval of at most ${MAX_LIMIT_SECONDS} seconds (100 years), got ${intervalSeconds}`,
    );
  }
  requirePrintable(cronExpression, `${FAILURE}, the expression`);
  if (intervalSeconds === -1 && random) {
    throw new Refusal(400, 'Random cron is only supported when specifying intervals');
  }
  return { interval_seconds: intervalSeconds, cron_expression: cronExpression, is_random: random ? 1 : 0 };
}

function firstRunMs(timing: Timing, nowMs: number): number {
  try {
    return required(nextRunMs(timing, nowMs), 400, `${FAILURE}, its expression never comes due`);
  } catch (thrown) {
    throw thrown instanceof InvalidScheduleError ? new Refusal(400, thrown.message) : thrown;
  }
}

function requireRoom({ database }: Call, { colonyName, name }: Cron): void {
  if (hasCron(database, colonyName, name)) {
    throw new Refusal(400, `Cron with name <${name}> in Colony <${colonyName}> already exists`);
  }
  if (countCrons(database, colonyName) >= MAX_TRIGGERS) {
    throw new Refusal(400, `${FAILURE}, expected at most ${MAX_TRIGGERS} crons in a colony; remove one`);
  }
}

/** What waits for its previous workflow waits for it whoever asks; and nobody acts in the name of who is gone. */
function requireRunnable({ database }: Call, cron: CronRow): void {
  if (!isMember(database, cron.colony_name, cron.initiator_id)) {
    throw new Refusal(
      403,
      `Failed to run cron, ${cron.initiator_name}, who added it, is not a member of Colony with name <${cron.colony_name}> any more; remove it and add it anew`,
    );
  }
  if (cron.waits_for_previous === 1 && isPreviousOpen(database, cron)) {
    throw new Refusal(
      400,
      `Failed to run cron, it waits for its previous workflow with Id ${cron.previous_workflow_id}; cancel that, or wait for its end`,
    );
  }
}
