import type * as z from 'zod';
import { defineMessage, Nothing } from './message.ts';
import { boolean, field, integer, list, text, time, wireObject } from './wire.ts';

const cronCodec = wireObject({
  cronId: field('cronid', text),
  initiatorId: field('initiatorid', text),
  initiatorName: field('initiatorname', text),
  colonyName: field('colonyname', text),
  name: field('name', text),
  /** Six fields, `sec min hour dom month dow`; only looked at when the interval is -1. */
  cronExpression: field('cronexpression', text),
  /** Seconds between two runs, or -1. */
  intervalSeconds: field('interval', integer),
  random: field('random', boolean),
  nextRun: field('nextrun', time),
  lastRun: field('lastrun', time),
  /** JSON text of a workflow spec, with its colony's name. */
  workflowSpec: field('workflowspec', text),
  previousWorkflowId: field('prevprocessgraphid', text),
  waitForPreviousWorkflow: field('waitforprevprocessgraph', boolean),
  checkerPeriodMs: field('checkerperiod', integer),
});
/** A workflow that the server submits again and again. */
export interface Cron extends z.output<typeof cronCodec> {}
/** @see {@link Cron} */
export const Cron: z.ZodType<Cron> = cronCodec;

const colonyName = field('colonyname', text);
const cronId = field('cronid', text);

/** Adds a cron. Role: member. */
export const addCron = defineMessage('addcronmsg', { cron: field('cron', Cron) }, Cron);
/** One cron. Role: member. */
export const getCron = defineMessage('getcronmsg', { cronId }, Cron);
/** Crons of a colony. Role: member. */
export const getCrons = defineMessage('getcronsmsg', { colonyName, count: field('count', integer) }, list(Cron));
/** Runs a cron now. Role: member. */
export const runCron = defineMessage('runcronmsg', { cronId }, Cron);
/** Removes a cron. Role: member. */
export const removeCron = defineMessage('removecronmsg', { cronId }, Nothing);
