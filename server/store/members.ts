import type { Colony, User } from '../../colony/messages/colonies.ts';
import { EXECUTOR_STATES, type Executor } from '../../colony/messages/executors.ts';
import { MAX_MEMBERS_PER_LIST } from '../limits.ts';
import type { Database } from './database.ts';
import { fitting, parseStored, toDate } from './values.ts';

/** One row of `colonies`. */
export interface ColonyRow {
  readonly colony_name: string;
  readonly colony_id: string;
  readonly is_paused: number;
}

/** One row of `executors`. */
export interface ExecutorRow {
  readonly colony_name: string;
  readonly executor_name: string;
  readonly executor_id: string;
  readonly executor_type: string;
  readonly state: number;
  readonly require_function_registration: number;
  readonly commission_ms: number;
  readonly last_heard_ms: number | null;
  readonly location_name: string;
  readonly capabilities: string;
  readonly allocations: string;
  readonly blueprint_id: string;
  readonly blueprint_generation: number;
}

/** One row of `users`. */
export interface UserRow {
  readonly colony_name: string;
  readonly name: string;
  readonly user_id: string;
  readonly email: string;
  readonly phone: string;
}

/** The numbers of the states of executors. */
export const EXECUTOR_STATE = { pending: 0, approved: 1, rejected: 2, unregistered: 3 } as const;

/** The row of a colony, if there is such a colony. */
export function findColony(database: Database, colonyName: string): ColonyRow | undefined {
  return database.remember(`colony\0${colonyName}`, () =>
    database.get<ColonyRow>('SELECT * FROM colonies WHERE colony_name = ?', colonyName),
  );
}

/** A colony as clients see it. */
export function toColony(row: ColonyRow): Colony {
  return { colonyId: row.colony_id, name: row.colony_name };
}

/** The executor of that name, in whatever state. */
export function findExecutor(database: Database, colonyName: string, executorName: string): ExecutorRow | undefined {
  return database.remember(`executor\0${colonyName}\0${executorName}`, () =>
    database.get<ExecutorRow>(
      'SELECT * FROM executors WHERE colony_name = ? AND executor_name = ?',
      colonyName,
      executorName,
    ),
  );
}

/** What a row takes in an answer beside what the executor says of itself, more or less. */
const BYTES_PER_EXECUTOR = 1000;

/** The executors of a colony, first registered first, as far as they fit into one answer. */
export function listExecutors(database: Database, colonyName: string): readonly ExecutorRow[] {
  const found = database.all<{ executor_name: string; bytes: number }>(
    `SELECT executor_name, octet_length(capabilities) + octet_length(allocations) + ${BYTES_PER_EXECUTOR} AS bytes
     FROM executors WHERE colony_name = ? ORDER BY commission_ms, executor_name LIMIT ?`,
    colonyName,
    MAX_MEMBERS_PER_LIST,
  );
  return fitting(found, ({ bytes }) => bytes)
    .map(({ executor_name: executorName }) => findExecutor(database, colonyName, executorName))
    .filter((row) => row !== undefined);
}

/**
 * The executor with that id in that colony. A key that was registered under several names speaks for the approved one
 * that was registered last, else for the one registered last.
 */
export function findExecutorById(database: Database, colonyName: string, executorId: string): ExecutorRow | undefined {
  return database.remember(`executor by id\0${executorId}\0${colonyName}`, () =>
    database.get<ExecutorRow>(
      `SELECT * FROM executors WHERE colony_name = ? AND executor_id = ?
       ORDER BY state = ${EXECUTOR_STATE.approved} DESC, commission_ms DESC LIMIT 1`,
      colonyName,
      executorId,
    ),
  );
}

/** Whether anybody in any colony, its owner or the server's has that id. */
export function isKnownId(database: Database, id: string): boolean {
  const found = database.get(
    `SELECT 1 FROM users WHERE user_id = ?1 UNION ALL SELECT 1 FROM executors WHERE executor_id = ?1
     UNION ALL SELECT 1 FROM colonies WHERE colony_id = ?1
     UNION ALL SELECT 1 FROM server_owner WHERE owner_id = ?1 LIMIT 1`,
    id,
  );
  return found !== undefined;
}

/** An id that a colony (with an empty user name) or one of its users had before it was changed. */
interface FormerId {
  readonly colonyName: string;
  readonly userName: string;
  readonly formerId: string;
}

/** Remembers an id that is about to be changed. */
export function rememberFormerId(database: Database, { colonyName, userName, formerId }: FormerId): void {
  database.run('INSERT OR IGNORE INTO former_ids VALUES (?, ?, ?)', colonyName, userName, formerId);
}

/** Whether a colony or user had that id once. */
export function isFormerId(database: Database, { colonyName, userName, formerId }: FormerId): boolean {
  const found = database.get(
    'SELECT 1 FROM former_ids WHERE colony_name = ? AND user_name = ? AND former_id = ?',
    colonyName,
    userName,
    formerId,
  );
  return found !== undefined;
}

/** Whether somebody is an approved executor or a user of a colony. */
export function isMember(database: Database, colonyName: string, id: string): boolean {
  const executor = findExecutorById(database, colonyName, id);
  return executor?.state === EXECUTOR_STATE.approved || findUserById(database, colonyName, id) !== undefined;
}

/** An executor as clients see it. */
export function toExecutor(row: ExecutorRow): Executor {
  return {
    executorId: row.executor_id,
    executorType: row.executor_type,
    executorName: row.executor_name,
    colonyName: row.colony_name,
    state: EXECUTOR_STATES[row.state],
    requireFunctionRegistration: row.require_function_registration === 1,
    commissionTime: toDate(row.commission_ms),
    lastHeardFromTime: toDate(row.last_heard_ms),
    locationName: row.location_name === '' ? undefined : row.location_name,
    capabilities: parseStored(row.capabilities),
    allocations: parseStored(row.allocations),
    blueprintId: row.blueprint_id === '' ? undefined : row.blueprint_id,
    blueprintGeneration: row.blueprint_generation === 0 ? undefined : row.blueprint_generation,
  };
}

/** The user with that id in that colony. */
export function findUserById(database: Database, colonyName: string, userId: string): UserRow | undefined {
  return database.remember(`user by id\0${userId}\0${colonyName}`, () =>
    database.get<UserRow>('SELECT * FROM users WHERE colony_name = ? AND user_id = ?', colonyName, userId),
  );
}

/** What a row takes in an answer beside its texts, more or less. */
const BYTES_PER_USER = 300;

/** The users of a colony by name, as far as they fit into one answer. */
export function listUsers(database: Database, colonyName: string): readonly UserRow[] {
  const rows = database.all<UserRow>(
    'SELECT * FROM users WHERE colony_name = ? ORDER BY name LIMIT ?',
    colonyName,
    MAX_MEMBERS_PER_LIST,
  );
  return fitting(rows, ({ name, email, phone }) => BYTES_PER_USER + Buffer.byteLength(name + email + phone));
}

/** The user of that name. */
export function findUser(database: Database, colonyName: string, name: string): UserRow | undefined {
  return database.get<UserRow>('SELECT * FROM users WHERE colony_name = ? AND name = ?', colonyName, name);
}

/** A user as clients see it. */
export function toUser(row: UserRow): User {
  return { colonyName: row.colony_name, userId: row.user_id, name: row.name, email: row.email, phone: row.phone };
}
