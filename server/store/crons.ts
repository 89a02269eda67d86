import type { Cron } from '../../colony/messages/crons.ts';
import { STATE } from '../graph.ts';
import type { Database } from './database.ts';
import { fitting, toDate } from './values.ts';

/** One row of `crons`. */
export interface CronRow {
  readonly cron_id: string;
  readonly colony_name: string;
  readonly name: string;
  readonly initiator_id: string;
  readonly initiator_name: string;
  readonly cron_expression: string;
  /** -1 when the expression counts. */
  readonly interval_seconds: number;
  readonly is_random: number;
  readonly workflow_spec: string;
  readonly waits_for_previous: number;
  /** Empty before the first run. */
  readonly previous_workflow_id: string;
  readonly last_ms: number | null;
  readonly next_ms: number;
  /** When `next_ms` was decided. */
  readonly planned_ms: number;
}

/** The cron with that id. */
export function findCron(database: Database, cronId: string): CronRow | undefined {
  return database.get<CronRow>('SELECT * FROM crons WHERE cron_id = ?', cronId);
}

/** Whether a colony has a cron of that name. */
export function hasCron(database: Database, colonyName: string, name: string): boolean {
  return database.get('SELECT 1 FROM crons WHERE colony_name = ? AND name = ?', colonyName, name) !== undefined;
}

/** How many crons a colony has. */
export function countCrons(database: Database, colonyName: string): number {
  const found = database.get<{ count: number }>(
    'SELECT count(*) AS count FROM crons WHERE colony_name = ?',
    colonyName,
  );
  return found?.count ?? 0;
}

/** Crons of a colony in the order in which they were added, as far as they fit into one answer. */
export function listCrons(database: Database, colonyName: string, count: number): CronRow[] {
  const found = database.all<{ cron_id: string; bytes: number }>(
    `SELECT cron_id, octet_length(workflow_spec) + 1000 AS bytes FROM crons
     WHERE colony_name = ? ORDER BY sequence LIMIT ?`,
    colonyName,
    count,
  );
  return fitting(found, ({ bytes }) => bytes)
    .map(({ cron_id: cronId }) => findCron(database, cronId))
    .filter((row) => row !== undefined);
}

/** Stores a cron that has not run yet. */
export function insertCron(database: Database, added: Omit<CronRow, 'previous_workflow_id' | 'last_ms'>): void {
  database.run(
    `INSERT INTO crons (cron_id, colony_name, name, initiator_id, initiator_name, cron_expression, interval_seconds,
       is_random, workflow_spec, waits_for_previous, next_ms, planned_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    added.cron_id,
    added.colony_name,
    added.name,
    added.initiator_id,
    added.initiator_name,
    added.cron_expression,
    added.interval_seconds,
    added.is_random,
    added.workflow_spec,
    added.waits_for_previous,
    added.next_ms,
    added.planned_ms,
  );
}

/** Removes a cron; what it has submitted stays. */
export function deleteCron(database: Database, cronId: string): void {
  database.run('DELETE FROM crons WHERE cron_id = ?', cronId);
}

/** Whether the workflow that a cron submitted last has not ended and still exists. */
export function isPreviousOpen(database: Database, cron: CronRow): boolean {
  const workflow = database.get<{ state: number }>(
    'SELECT state FROM workflows WHERE workflow_id = ?',
    cron.previous_workflow_id,
  );
  return workflow !== undefined && workflow.state < STATE.success;
}

/** The crons whose time has come and who need not wait for their previous workflow, the most overdue first. */
export function dueCronIds(database: Database, nowMs: number): string[] {
  return database
    .all<{ cron_id: string }>(
      `SELECT cron_id FROM crons WHERE next_ms <= ? AND (waits_for_previous = 0 OR NOT EXISTS
         (SELECT 1 FROM workflows WHERE workflow_id = previous_workflow_id AND state < ${STATE.success}))
       ORDER BY next_ms`,
      nowMs,
    )
    .map(({ cron_id: cronId }) => cronId);
}

/** The crons whose next run was decided at a moment that has not come yet: the clock was set back since. */
export function cronsPlannedAfter(database: Database, nowMs: number): CronRow[] {
  return database.all<CronRow>('SELECT * FROM crons WHERE planned_ms > ?', nowMs);
}

/** When the next cron comes due after a moment. */
export function nextDueMs(database: Database, afterMs: number): number | undefined {
  const found = database.get<{ due: number | null }>(
    'SELECT min(next_ms) AS due FROM crons WHERE next_ms > ?',
    afterMs,
  );
  return found?.due ?? undefined;
}

/** Stores when a cron runs next. */
export function planCron(database: Database, cronId: string, nextMs: number, nowMs: number): void {
  database.run('UPDATE crons SET next_ms = ?, planned_ms = ? WHERE cron_id = ?', nextMs, nowMs, cronId);
}

/** Stores that a cron has run. */
export function recordRun(database: Database, cronId: string, workflowId: string, nowMs: number): void {
  database.run('UPDATE crons SET previous_workflow_id = ?, last_ms = ? WHERE cron_id = ?', workflowId, nowMs, cronId);
}

/** A cron as clients see it. */
export function toCron(row: CronRow, checkerPeriodMs = 0): Cron {
  return {
    cronId: row.cron_id,
    initiatorId: row.initiator_id,
    initiatorName: row.initiator_name,
    colonyName: row.colony_name,
    name: row.name,
    cronExpression: row.cron_expression,
    intervalSeconds: row.interval_seconds,
    random: row.is_random === 1,
    nextRun: toDate(row.next_ms),
    lastRun: toDate(row.last_ms),
    workflowSpec: row.workflow_spec,
    previousWorkflowId: row.previous_workflow_id,
    waitForPreviousWorkflow: row.waits_for_previous === 1,
    checkerPeriodMs,
  };
}
