import type { Step } from './removal.ts';
import type { Database } from './store/database.ts';
import { EXECUTOR_STATE } from './store/members.ts';

/**
 * Daemons that register under a fresh name at every start leave an unregistered executor each. With retention they are
 * forgotten, and their names free again, once nothing that is stored names them any more.
 */

interface Candidate {
  readonly colony_name: string;
  readonly executor_name: string;
  readonly executor_id: string;
}

/** So many are looked at in one round. */
const MAX_CANDIDATES = 1000;
/** Processes looked at in one step: about as much work as a step may be. */
const PROCESSES_PER_STEP = 5000;

/**
 * Forgets executors that were unregistered before a moment, and that no process, workflow, cron, generator, file,
 * snapshot or line of a log refers to.
 *
 * @param beforeMs milliseconds since 1970
 */
export function forgetUnregisteredBefore(beforeMs: number): Step {
  let candidates: Map<string, Candidate> | undefined;
  let seen = 0;
  return ({ database }) => {
    candidates ??= new Map(findCandidates(database, beforeMs).map((candidate) => [keyOf(candidate), candidate]));
    if (candidates.size === 0) return 'done';
    const page = pageOfProcesses(database, seen);
    for (const { colony_name, assigned_executor_id, initiator_id } of page) {
      candidates.delete(keyOf({ colony_name, executor_id: assigned_executor_id }));
      candidates.delete(keyOf({ colony_name, executor_id: initiator_id }));
    }
    seen = page.at(-1)?.sequence ?? seen;
    if (page.length === PROCESSES_PER_STEP) return 'more';
    // Who is unregistered is neither given a process nor submits one, so those that came meanwhile do not count.
    for (const candidate of candidates.values()) forget(database, candidate);
    return 'done';
  };
}

function keyOf({ colony_name, executor_id }: Pick<Candidate, 'colony_name' | 'executor_id'>): string {
  return `${executor_id}\0${colony_name}`;
}

const REFERENCES = [
  'crons WHERE crons.colony_name = executors.colony_name AND initiator_id = executor_id',
  'generators WHERE generators.colony_name = executors.colony_name AND initiator_id = executor_id',
  'files WHERE files.colony_name = executors.colony_name AND adder_id = executor_id',
  'snapshots WHERE snapshots.colony_name = executors.colony_name AND adder_id = executor_id',
  'logs WHERE logs.colony_name = executors.colony_name AND logs.executor_name = executors.executor_name',
  'workflows WHERE workflows.colony_name = executors.colony_name AND initiator_id = executor_id',
];

const UNREFERENCED = REFERENCES.map((table) => `NOT EXISTS (SELECT 1 FROM ${table})`).join(' AND ');

/** An older version did not note when; then the last sign of life counts. */
function findCandidates(database: Database, beforeMs: number): Candidate[] {
  return database.all<Candidate>(
    `SELECT colony_name, executor_name, executor_id FROM executors
     WHERE state = ${EXECUTOR_STATE.unregistered}
       AND coalesce(unregistered_ms, last_heard_ms, commission_ms) < ? AND ${UNREFERENCED} LIMIT ${MAX_CANDIDATES}`,
    beforeMs,
  );
}

interface Participants {
  readonly sequence: number;
  readonly colony_name: string;
  readonly assigned_executor_id: string;
  readonly initiator_id: string;
}

function pageOfProcesses(database: Database, after: number): Participants[] {
  return database.all<Participants>(
    `SELECT sequence, colony_name, assigned_executor_id, initiator_id FROM processes WHERE sequence > ?
     ORDER BY sequence LIMIT ${PROCESSES_PER_STEP}`,
    after,
  );
}

/** Unless it was approved meanwhile. */
function forget(database: Database, { colony_name, executor_name, executor_id }: Candidate): void {
  database.run(
    `DELETE FROM executors WHERE colony_name = ? AND executor_name = ? AND executor_id = ?
       AND state = ${EXECUTOR_STATE.unregistered}`,
    colony_name,
    executor_name,
    executor_id,
  );
}
