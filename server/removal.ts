import type { Database, SqlValue } from './store/database.ts';
import type { Transaction } from './transaction.ts';

/**
 * Removing much without holding up others: a removal is a step that is taken again and again, each time in a transaction
 * of its own, until it is done. What has gone with one step is gone, also when the server dies before the last one.
 */

/** Removes some of what is to be removed; tells whether that was the rest. */
export type Step = (transaction: Transaction) => 'more' | 'done';

/** A statement works on so many rows; each may be large, and take more with it. */
const ROWS_PER_STATEMENT = 20;
/** So many statements make a step, or as many as fit into so much time. */
const STATEMENTS_PER_STEP = 25;
const STEP_MS = 20;

/** A step that runs one statement after the other for a while; `runOne` tells whether there are more. */
function stepOf(runOne: (database: Database) => boolean): Step {
  return ({ database }) => {
    const endMs = performance.now() + STEP_MS;
    for (let count = 0; count < STATEMENTS_PER_STEP && performance.now() < endMs; count++) {
      if (!runOne(database)) return 'done';
    }
    return 'more';
  };
}

/** Each line of a log may be long, too; they are not left to go with their process, which can have ten thousand. */
const LINES_PER_STATEMENT = 100;

/**
 * Removes some lines of the logs of processes that are about to be removed.
 *
 * @param which a condition on `processes`
 * @returns whether there were any
 */
function removedSomeLines(database: Database, which: string, ...values: readonly SqlValue[]): boolean {
  const removedCount = database.run(
    `DELETE FROM logs WHERE timestamp_us IN
       (SELECT timestamp_us FROM processes CROSS JOIN logs ON logs.process_id = processes.process_id
        WHERE ${which} LIMIT ${LINES_PER_STATEMENT})`,
    ...values,
  );
  return removedCount > 0;
}

const OF_WORKFLOW = 'processes.workflow_id = ?';

/** Several removals, one after the other. */
export function inOrder(...steps: readonly Step[]): Step {
  const left = [...steps];
  return (transaction) => {
    const [first] = left;
    if (first?.(transaction) === 'done') left.shift();
    return left.length === 0 ? 'done' : 'more';
  };
}

/** The number of a state, or -1 for all states. */
type StateFilter = number;

function inState(state: StateFilter): string {
  return state === -1 ? '' : `AND state = ${state}`;
}

/** Removes the processes outside workflows that a colony has now, and that are in a state when their turn comes. */
export function removeProcesses(colonyName: string, state: StateFilter): Step {
  let last: number | undefined;
  let done = 0;
  return stepOf((database) => {
    last ??= newestOf(database, 'processes');
    const page = database.get<{ last: number | null }>(
      `SELECT max(sequence) AS last FROM
         (SELECT sequence FROM processes WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?)`,
      done,
      last,
      ROWS_PER_STATEMENT,
    );
    const pageEnd = page?.last ?? undefined;
    if (pageEnd === undefined) return false;
    const onPage = `processes.sequence > ? AND processes.sequence <= ? AND processes.colony_name = ?
      AND processes.workflow_id IS NULL ${inState(state)}`;
    if (removedSomeLines(database, onPage, done, pageEnd, colonyName)) return true;
    database.run(`DELETE FROM processes WHERE ${onPage}`, done, pageEnd, colonyName);
    done = pageEnd;
    return true;
  });
}

/** Removes the workflows that a colony has now, and that are in a state when their turn comes; each as a whole. */
export function removeWorkflows(colonyName: string, state: StateFilter): Step {
  let last: number | undefined;
  let done = 0;
  return stepOf((database) => {
    last ??= newestOf(database, 'workflows');
    const next = database.get<{ sequence: number; workflow_id: string }>(
      `SELECT sequence, workflow_id FROM workflows WHERE colony_name = ? ${inState(state)} AND sequence > ? AND sequence <= ?
       ORDER BY sequence LIMIT 1`,
      colonyName,
      done,
      last,
    );
    if (next === undefined) return false;
    if (removedSomeLines(database, OF_WORKFLOW, next.workflow_id)) return true;
    database.run('DELETE FROM workflows WHERE sequence = ?', next.sequence);
    done = next.sequence;
    return true;
  });
}

function newestOf(database: Database, table: 'processes' | 'workflows'): number {
  return database.get<{ last: number | null }>(`SELECT max(sequence) AS last FROM ${table}`)?.last ?? 0;
}

/** Removes a colony: first its members, so that soon nobody adds to it any more, at last its name. */
export function removeColonyInSteps(colonyName: string): Step {
  const remove = (sql: string): Step =>
    stepOf((database) => database.run(sql, colonyName, ROWS_PER_STATEMENT * STATEMENTS_PER_STEP) > 0);
  const removeNamed = (table: string, name: string): Step =>
    remove(
      `DELETE FROM ${table} WHERE (colony_name, ${name}) IN (SELECT colony_name, ${name} FROM ${table} WHERE colony_name = ? LIMIT ?)`,
    );
  return inOrder(
    removeNamed('users', 'name'),
    remove(
      'DELETE FROM functions WHERE function_id IN (SELECT function_id FROM functions WHERE colony_name = ? LIMIT ?)',
    ),
    removeNamed('executors', 'executor_name'),
    removeWorkflows(colonyName, -1),
    removeProcesses(colonyName, -1),
    remove(
      'DELETE FROM logs WHERE timestamp_us IN (SELECT timestamp_us FROM logs WHERE colony_name = ? ORDER BY timestamp_us LIMIT ?)',
    ),
    removeNamed('locations', 'name'),
    remove('DELETE FROM files WHERE sequence IN (SELECT sequence FROM files WHERE colony_name = ? LIMIT ?)'),
    remove('DELETE FROM crons WHERE sequence IN (SELECT sequence FROM crons WHERE colony_name = ? LIMIT ?)'),
    remove(
      `DELETE FROM generator_args WHERE sequence IN (SELECT generator_args.sequence FROM generator_args
         JOIN generators ON generators.generator_id = generator_args.generator_id WHERE colony_name = ? LIMIT ?)`,
    ),
    ({ database }) => {
      database.run('DELETE FROM colonies WHERE colony_name = ?', colonyName);
      return 'done';
    },
  );
}

/**
 * Removes what ended before a moment: workflows as a whole once their last process has ended, processes outside
 * workflows, each with its attributes and its log; and every line of a log that is older.
 *
 * @param beforeMs milliseconds since 1970
 */
export function removeEndedBefore(beforeMs: number): Step {
  return inOrder(removeEndedWorkflows(beforeMs), removeEndedProcesses(beforeMs), removeOldLogs(beforeMs));
}

function removeEndedWorkflows(beforeMs: number): Step {
  // One that has failed while others of its processes run is passed by.
  let done = { end_ms: Number.MIN_SAFE_INTEGER, sequence: 0 };
  return stepOf((database) => {
    const next = database.get<{ end_ms: number; sequence: number; workflow_id: string }>(
      `SELECT end_ms, sequence, workflow_id FROM workflows
       WHERE end_ms IS NOT NULL AND end_ms < ? AND (end_ms, sequence) > (?, ?) ORDER BY end_ms, sequence LIMIT 1`,
      beforeMs,
      done.end_ms,
      done.sequence,
    );
    if (next === undefined) return false;
    const open = database.get(
      'SELECT 1 FROM processes WHERE workflow_id = ? AND (end_ms IS NULL OR end_ms >= ?) LIMIT 1',
      next.workflow_id,
      beforeMs,
    );
    if (open === undefined) {
      if (removedSomeLines(database, OF_WORKFLOW, next.workflow_id)) return true;
      database.run('DELETE FROM workflows WHERE sequence = ?', next.sequence);
    }
    done = next;
    return true;
  });
}

function removeEndedProcesses(beforeMs: number): Step {
  const ended = `processes.sequence IN
    (SELECT sequence FROM processes WHERE workflow_id IS NULL AND end_ms < ? ORDER BY end_ms LIMIT ?)`;
  return stepOf((database) => {
    if (removedSomeLines(database, ended, beforeMs, ROWS_PER_STATEMENT)) return true;
    return database.run(`DELETE FROM processes WHERE ${ended}`, beforeMs, ROWS_PER_STATEMENT) > 0;
  });
}

const MICROSECONDS_PER_MILLISECOND = 1000;

function removeOldLogs(beforeMs: number): Step {
  return stepOf((database) => {
    const removedCount = database.run(
      `DELETE FROM logs WHERE timestamp_us IN
         (SELECT timestamp_us FROM logs WHERE timestamp_us < ? ORDER BY timestamp_us LIMIT ?)`,
      beforeMs * MICROSECONDS_PER_MILLISECOND,
      ROWS_PER_STATEMENT * STATEMENTS_PER_STEP,
    );
    return removedCount > 0;
  });
}
