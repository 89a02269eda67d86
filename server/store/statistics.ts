import type { Statistics } from '../../colony/messages/colonies.ts';
import { STATE } from '../graph.ts';
import type { Database } from './database.ts';
import { EXECUTOR_STATE } from './members.ts';

type Counts = ReadonlyMap<number, number>;

/** Counts over one colony. */
export function countColony(database: Database, colonyName: string): Statistics {
  return summarize(1, (table) => countStates(database, table, 'WHERE colony_name = ?', [colonyName]));
}

/** Counts over the whole server. */
export function countServer(database: Database): Statistics {
  const colonies = database.get<{ count: number }>('SELECT count(*) AS count FROM colonies')?.count ?? 0;
  return summarize(colonies, (table) => countStates(database, table, '', []));
}

function countStates(database: Database, table: string, condition: string, values: readonly string[]): Counts {
  const rows = database.all<{ state: number; count: number }>(
    `SELECT state, count(*) AS count FROM ${table} ${condition} GROUP BY state`,
    ...values,
  );
  return new Map(rows.map(({ state, count }) => [state, count]));
}

function of(counts: Counts, state: number): number {
  return counts.get(state) ?? 0;
}

function summarize(colonies: number, count: (table: string) => Counts): Statistics {
  const [executors, processes, workflows] = [count('executors'), count('processes'), count('workflows')];
  return {
    colonies,
    executors: [...executors.values()].reduce((sum, number) => sum + number, 0),
    activeExecutors: of(executors, EXECUTOR_STATE.approved),
    unregisteredExecutors: of(executors, EXECUTOR_STATE.unregistered),
    waitingProcesses: of(processes, STATE.waiting),
    runningProcesses: of(processes, STATE.running),
    successfulProcesses: of(processes, STATE.success),
    failedProcesses: of(processes, STATE.failed),
    cancelledProcesses: of(processes, STATE.cancelled),
    waitingWorkflows: of(workflows, STATE.waiting),
    runningWorkflows: of(workflows, STATE.running),
    successfulWorkflows: of(workflows, STATE.success),
    failedWorkflows: of(workflows, STATE.failed),
    cancelledWorkflows: of(workflows, STATE.cancelled),
  };
}
