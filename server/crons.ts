import { randomInt } from 'node:crypto';
import type { Logger } from 'pino';
import { toError } from '../colony/errors.ts';
import { parseSchedule } from './cron-schedule.ts';
import { joinOutputs, STATE } from './graph.ts';
import { MAX_GIVEN_TO_ROOTS_BYTES } from './limits.ts';
import { toWorkflowSpec } from './stored-workflow.ts';
import { type CronRow, cronsPlannedAfter, dueCronIds, findCron, planCron, recordRun } from './store/crons.ts';
import { isStorageError } from './store/database.ts';
import { isMember } from './store/members.ts';
import type { ProcessRow } from './store/processes.ts';
import { type Transaction, undoable } from './transaction.ts';
import { finish, submitWorkflow } from './workflow-lifecycle.ts';

/**
 * What a cron does when its time has come. A run and the decision about the next one are one unit of work, so that
 * neither is lost or doubled whenever the server dies. However many runs were missed, one is caught up with.
 */

const MILLISECONDS_PER_SECOND = 1000;
/** Beyond all dates: shown as not set. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;

/** What decides when a cron runs. */
export type Timing = Pick<CronRow, 'cron_expression' | 'interval_seconds' | 'is_random'>;

/**
 * When a cron runs next.
 *
 * @param dueMs when it should have run now; intervals keep their rhythm as long as none was missed
 * @returns undefined when its expression never comes due again
 * @throws InvalidScheduleError when its expression cannot be read
 */
export function nextRunMs(timing: Timing, nowMs: number, dueMs: number = nowMs): number | undefined {
  if (timing.interval_seconds <= 0) return parseSchedule(timing.cron_expression).nextAfter(nowMs);
  const intervalMs = timing.interval_seconds * MILLISECONDS_PER_SECOND;
  if (timing.is_random === 1) return nowMs + randomInt(1, intervalMs + 1);
  return dueMs + intervalMs > nowMs ? dueMs + intervalMs : nowMs + intervalMs;
}

/** What is told of crons and generators that cannot do what they should. */
export interface TriggerReport {
  readonly log: Logger;
  /** Those of whom it was said already that who added them is gone. */
  readonly orphans: Set<string>;
  /** How many nodes may still be submitted before others get their turn. */
  nodesLeft: number;
}

/**
 * Runs the crons whose time has come, until there are none or enough nodes were submitted for one transaction.
 *
 * @returns whether there may be more
 */
export function runDueCrons(transaction: Transaction, report: TriggerReport): boolean {
  const { database, nowMs } = transaction;
  for (const cron of cronsPlannedAfter(database, nowMs)) plan(transaction, cron, nowMs, report.log);
  for (const cronId of dueCronIds(database, nowMs)) {
    if (report.nodesLeft <= 0) return true;
    const cron = findCron(database, cronId);
    if (cron !== undefined) runDueCron(transaction, cron, report);
  }
  return false;
}

function runDueCron(transaction: Transaction, cron: CronRow, report: TriggerReport): void {
  const { cron_id: cronId, colony_name: colonyName, initiator_name: initiatorName } = cron;
  if (isMember(transaction.database, colonyName, cron.initiator_id)) {
    report.orphans.delete(cronId);
    tryToRun(transaction, cron, report);
  } else if (!report.orphans.has(cronId)) {
    report.orphans.add(cronId);
    report.log.warn({ cronId, colonyName, initiatorName }, 'a cron did not run: who added it is no member any more');
  }
  plan(transaction, cron, cron.next_ms, report.log);
}

/** A cron that cannot run, for a reason that nobody has thought of, must not keep the others from running. */
function tryToRun(transaction: Transaction, cron: CronRow, report: TriggerReport): void {
  try {
    report.nodesLeft -= undoable(transaction, () => submit(transaction, cron));
  } catch (thrown) {
    if (isStorageError(thrown)) throw thrown;
    const { cron_id: cronId, colony_name: colonyName } = cron;
    report.log.error({ cronId, colonyName, err: toError(thrown) }, 'a cron could not submit its workflow');
  }
}

function plan({ database, nowMs }: Transaction, cron: CronRow, dueMs: number, log: Logger): void {
  planCron(database, cron.cron_id, nextRunOrNever(cron, nowMs, dueMs, log), nowMs);
}

function nextRunOrNever(cron: CronRow, nowMs: number, dueMs: number, log: Logger): number {
  try {
    return nextRunMs(cron, nowMs, dueMs) ?? NEVER_MS;
  } catch (thrown) {
    log.error({ cronId: cron.cron_id, err: toError(thrown) }, 'a cron cannot be planned; it does not run any more');
    return NEVER_MS;
  }
}

/** Runs a cron now, whatever its time; its next run counts from now. */
export function runCronNow(transaction: Transaction, cron: CronRow, log: Logger): void {
  submit(transaction, cron);
  plan(transaction, cron, transaction.nowMs, log);
}

/** Submits a cron's workflow in the name of who added it; returns how many nodes it has. */
function submit(transaction: Transaction, cron: CronRow): number {
  const spec = toWorkflowSpec(cron.workflow_spec);
  const input = previousOutput(transaction, cron);
  const workflowId = submitWorkflow(transaction, spec, { id: cron.initiator_id, name: cron.initiator_name });
  giveToRoots(transaction, workflowId, input);
  recordRun(transaction.database, cron.cron_id, workflowId, transaction.nowMs);
  return spec.functionSpecs.length;
}

const LEAVES = `FROM processes WHERE workflow_id = ? AND NOT EXISTS
  (SELECT 1 FROM edges WHERE edges.parent_id = processes.process_id)`;

/** What the previous workflow's leaves have put out, in the order of its spec; undefined when that is too much. */
function previousOutput({ database }: Transaction, cron: CronRow): string | undefined {
  const workflowId = cron.previous_workflow_id;
  // Asked before anything is read: it can be too long for the memory.
  const size = database.get<{ bytes: number | null }>(
    `SELECT sum(octet_length(output)) AS bytes ${LEAVES}`,
    workflowId,
  );
  if ((size?.bytes ?? 0) > MAX_GIVEN_TO_ROOTS_BYTES) return undefined;
  const leaves = database.all<{ output: string }>(`SELECT output ${LEAVES} ORDER BY sequence`, workflowId);
  return joinOutputs(leaves.map(({ output }) => output));
}

function giveToRoots(transaction: Transaction, workflowId: string, input: string | undefined): void {
  const { database } = transaction;
  if (input === '[]') return;
  const roots = database.all<ProcessRow>(
    'SELECT * FROM processes WHERE workflow_id = ? AND waits_for_parents = 0 ORDER BY sequence',
    workflowId,
  );
  if (input !== undefined && Buffer.byteLength(input) * roots.length <= MAX_GIVEN_TO_ROOTS_BYTES) {
    database.run('UPDATE processes SET input = ? WHERE workflow_id = ? AND waits_for_parents = 0', input, workflowId);
    return;
  }
  const errors = [
    `Not run: expected at most ${MAX_GIVEN_TO_ROOTS_BYTES} bytes of output of the previous run for all ${roots.length} nodes that begin; let its last nodes give out less`,
  ];
  for (const root of roots) finish(transaction, root, { state: STATE.failed, errors });
}
