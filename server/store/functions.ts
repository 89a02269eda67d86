import type { RegisteredFunction } from '../../colony/messages/executors.ts';
import { MAX_MEMBERS_PER_LIST } from '../limits.ts';
import type { Database } from './database.ts';
import type { ExecutorRow } from './members.ts';
import { fitting, parseStored, randomId } from './values.ts';

/** One row of `functions`. */
export interface FunctionRow {
  readonly function_id: string;
  readonly colony_name: string;
  readonly executor_name: string;
  readonly executor_type: string;
  readonly function_name: string;
  readonly description: string | null;
  readonly args: string | null;
  readonly location_name: string;
  readonly counter: number;
  readonly min_wait_seconds: number;
  readonly max_wait_seconds: number;
  readonly min_exec_seconds: number;
  readonly max_exec_seconds: number;
  readonly average_wait_seconds: number;
  readonly average_exec_seconds: number;
}

/** A registered function as clients see it. */
export function toFunction(row: FunctionRow): RegisteredFunction {
  return {
    functionId: row.function_id,
    executorName: row.executor_name,
    executorType: row.executor_type,
    colonyName: row.colony_name,
    functionName: row.function_name,
    description: row.description ?? undefined,
    args: row.args === null ? undefined : parseStored(row.args),
    locationName: row.location_name === '' ? undefined : row.location_name,
    counter: row.counter,
    minWaitTimeSeconds: row.min_wait_seconds,
    maxWaitTimeSeconds: row.max_wait_seconds,
    minExecTimeSeconds: row.min_exec_seconds,
    maxExecTimeSeconds: row.max_exec_seconds,
    averageWaitTimeSeconds: row.average_wait_seconds,
    averageExecTimeSeconds: row.average_exec_seconds,
  };
}

/** The function with that id. */
export function findFunction(database: Database, functionId: string): FunctionRow | undefined {
  return database.get<FunctionRow>('SELECT * FROM functions WHERE function_id = ?', functionId);
}

/** What a row takes in an answer beside its description and its arguments, more or less. */
const BYTES_PER_FUNCTION = 1000;

/** Functions of one executor, or of the whole colony when the name is empty, as far as they fit into one answer. */
export function listFunctions(database: Database, colonyName: string, executorName: string): readonly FunctionRow[] {
  const found = database.all<{ function_id: string; bytes: number }>(
    `SELECT function_id,
       ifnull(octet_length(description), 0) + ifnull(octet_length(args), 0) + ${BYTES_PER_FUNCTION} AS bytes
     FROM functions WHERE colony_name = ? AND (? = '' OR executor_name = ?)
     ORDER BY executor_name, function_name LIMIT ?`,
    colonyName,
    executorName,
    executorName,
    MAX_MEMBERS_PER_LIST,
  );
  return fitting(found, ({ bytes }) => bytes)
    .map(({ function_id: functionId }) => findFunction(database, functionId))
    .filter((row) => row !== undefined);
}

/** Registers a function; doing so again only renews its description. */
export function insertFunction(database: Database, added: RegisteredFunction, executor: ExecutorRow): FunctionRow {
  const args = added.args === undefined ? null : JSON.stringify(added.args);
  database.run(
    `INSERT INTO functions (function_id, colony_name, executor_name, executor_type, function_name, description, args,
       location_name)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (colony_name, executor_name, function_name)
     DO UPDATE SET description = excluded.description, args = excluded.args`,
    randomId(),
    executor.colony_name,
    executor.executor_name,
    added.executorType,
    added.functionName,
    added.description ?? null,
    args,
    executor.location_name,
  );
  const stored = database.get<FunctionRow>(
    'SELECT * FROM functions WHERE colony_name = ? AND executor_name = ? AND function_name = ?',
    executor.colony_name,
    executor.executor_name,
    added.functionName,
  );
  if (stored === undefined) throw new Error(`function ${added.functionName}: expected it in the store, got nothing`);
  return stored;
}

/** Counts one successful call of a function of an executor, with how long it waited and ran. */
export function countCall(
  database: Database,
  executor: ExecutorRow,
  functionName: string,
  waitSeconds: number,
  execSeconds: number,
): void {
  database.run(
    `UPDATE functions SET
       min_wait_seconds = iif(counter = 0, ?4, min(min_wait_seconds, ?4)),
       max_wait_seconds = max(max_wait_seconds, ?4),
       average_wait_seconds = (average_wait_seconds * counter + ?4) / (counter + 1),
       min_exec_seconds = iif(counter = 0, ?5, min(min_exec_seconds, ?5)),
       max_exec_seconds = max(max_exec_seconds, ?5),
       average_exec_seconds = (average_exec_seconds * counter + ?5) / (counter + 1),
       counter = counter + 1
     WHERE colony_name = ?1 AND executor_name = ?2 AND function_name = ?3`,
    executor.colony_name,
    executor.executor_name,
    functionName,
    waitSeconds,
    execSeconds,
  );
}
