import * as z from 'zod';
import { type Attribute, FunctionSpec, PROCESS_STATES, type Process } from '../../colony/messages/processes.ts';
import { STATE } from '../graph.ts';
import { MAX_HISTORY } from '../limits.ts';
import type { Database, SqlValue } from './database.ts';
import { fitting, parseStored, toDate } from './values.ts';

/** One row of `processes`. */
export interface ProcessRow {
  readonly sequence: number;
  readonly process_id: string;
  readonly colony_name: string;
  readonly workflow_id: string | null;
  readonly initiator_id: string;
  readonly initiator_name: string;
  readonly assigned_executor_id: string;
  readonly state: number;
  readonly executor_type: string;
  readonly node_name: string;
  readonly priority_ms: number;
  readonly submission_ms: number;
  readonly start_ms: number | null;
  readonly end_ms: number | null;
  readonly wait_deadline_ms: number | null;
  readonly exec_deadline_ms: number | null;
  readonly retries: number;
  /** How often it has been given to an executor. */
  readonly attempt: number;
  readonly waits_for_parents: number;
  readonly spec: string;
  readonly input: string;
  readonly output: string;
  readonly errors: string;
}

interface AttributeRow {
  readonly attribute_id: string;
  readonly process_id: string;
  readonly colony_name: string;
  readonly attribute_type: number;
  readonly key: string;
  readonly value: string;
}

const NANOSECONDS_PER_MILLISECOND = 1e6;

/** The row of a process, if there is such a process. */
export function findProcessRow(database: Database, processId: string): ProcessRow | undefined {
  return database.get<ProcessRow>('SELECT * FROM processes WHERE process_id = ?', processId);
}

/** The function spec of a row. */
export function specOf(row: ProcessRow): FunctionSpec {
  return z.decode(FunctionSpec, parseStored(row.spec));
}

/** A process as clients see it. */
export function toProcess(database: Database, row: ProcessRow): Process {
  return {
    processId: row.process_id,
    initiatorId: row.initiator_id,
    initiatorName: row.initiator_name,
    assignedExecutorId: row.assigned_executor_id,
    isAssigned: row.assigned_executor_id !== '',
    state: PROCESS_STATES[row.state] ?? 'waiting',
    priorityTime: row.priority_ms * NANOSECONDS_PER_MILLISECOND,
    submissionTime: toDate(row.submission_ms),
    startTime: toDate(row.start_ms),
    endTime: toDate(row.end_ms),
    waitDeadline: toDate(row.wait_deadline_ms),
    execDeadline: toDate(row.exec_deadline_ms),
    retries: row.retries,
    attempt: row.attempt,
    attributes: attributesOf(database, row),
    spec: specOf(row),
    waitForParents: row.waits_for_parents === 1,
    parents: row.workflow_id === null ? [] : parentsOf(database, row.process_id),
    children: row.workflow_id === null ? [] : childrenOf(database, row.process_id),
    workflowId: row.workflow_id ?? '',
    input: parseStored(row.input),
    output: parseStored(row.output),
    errors: parseStored(row.errors),
  };
}

/** The parents of a process in the order of its dependencies; one named twice stands twice. */
function parentsOf(database: Database, processId: string): string[] {
  return database
    .all<{ parent_id: string }>('SELECT parent_id FROM edges WHERE child_id = ? ORDER BY position', processId)
    .map((edge) => edge.parent_id);
}

/** The children of a process in the order in which they were submitted. */
export function childrenOf(database: Database, processId: string): string[] {
  return database
    .all<{ child_id: string }>(
      `SELECT DISTINCT edges.child_id FROM edges JOIN processes ON processes.process_id = edges.child_id
       WHERE edges.parent_id = ? ORDER BY processes.sequence`,
      processId,
    )
    .map((edge) => edge.child_id);
}

function attributesOf(database: Database, row: ProcessRow): Attribute[] {
  return database
    .all<AttributeRow>('SELECT * FROM attributes WHERE process_id = ? ORDER BY key, attribute_type', row.process_id)
    .map((attribute) => toAttribute(attribute, row));
}

/** An attribute as clients see it; its state is its process's. */
function toAttribute(attribute: AttributeRow, process: ProcessRow): Attribute {
  return {
    attributeId: attribute.attribute_id,
    processId: attribute.process_id,
    colonyName: attribute.colony_name,
    workflowId: process.workflow_id ?? '',
    state: process.state,
    attributeType: attribute.attribute_type,
    key: attribute.key,
    value: attribute.value,
  };
}

/** An attribute and the process it belongs to, if there is such an attribute. */
export function findAttribute(
  database: Database,
  attributeId: string,
): { readonly attribute: Attribute; readonly process: ProcessRow } | undefined {
  const attribute = database.get<AttributeRow>('SELECT * FROM attributes WHERE attribute_id = ?', attributeId);
  if (attribute === undefined) return undefined;
  const process = findProcessRow(database, attribute.process_id);
  return process === undefined ? undefined : { attribute: toAttribute(attribute, process), process };
}

/** Stores an attribute of a process. */
export function insertAttribute(database: Database, attribute: Attribute): void {
  database.run(
    'INSERT INTO attributes (attribute_id, process_id, colony_name, attribute_type, key, value) VALUES (?, ?, ?, ?, ?, ?)',
    attribute.attributeId,
    attribute.processId,
    attribute.colonyName,
    attribute.attributeType,
    attribute.key,
    attribute.value,
  );
}

/** Which processes {@link listProcesses} gives: one state and at most one filter. */
export interface ProcessFilter {
  readonly colonyName: string;
  readonly state: number;
  readonly count: number;
  readonly executorType: string;
  readonly initiatorName: string;
  readonly label: string;
}

/** What a process takes in an answer, more or less: asked of the store, so that long ones are not read in vain. */
const SIZE = `octet_length(spec) + octet_length(input) + octet_length(output) + octet_length(errors) +
  (SELECT coalesce(sum(octet_length(key) + octet_length(value) + 400), 0) FROM attributes
   WHERE attributes.process_id = processes.process_id) AS bytes`;

/** The processes that a query finds, as far as they fit into one answer. */
function selectFitting(database: Database, rest: string, ...values: readonly SqlValue[]): Process[] {
  const found = database.all<{ process_id: string; bytes: number }>(
    `SELECT process_id, ${SIZE} FROM processes WHERE ${rest}`,
    ...values,
  );
  return fitting(found, ({ bytes }) => bytes)
    .map(({ process_id: processId }) => findProcessRow(database, processId))
    .filter((row) => row !== undefined)
    .map((row) => toProcess(database, row));
}

/**
 * Processes in one state: waiting ones in the order of the queue, running ones oldest first, final ones newest first.
 * Fewer than asked for when they would not fit into one answer.
 */
export function listProcesses(database: Database, filter: ProcessFilter): Process[] {
  const [condition, value] = filterCondition(filter);
  const values: SqlValue[] = [filter.colonyName, filter.state, ...value, filter.count];
  return selectFitting(
    database,
    `colony_name = ? AND state = ? ${condition} ORDER BY ${orderOf(filter.state)} LIMIT ?`,
    ...values,
  );
}

/** What {@link listHistory} gives: processes in one state, submitted after a moment, of one executor or (empty) of all. */
export interface HistoryFilter {
  readonly executorId: string;
  readonly sinceMs: number;
  readonly state: number;
}

/** The newest processes of a colony's recent past, oldest first; at most {@link MAX_HISTORY}, and what fits. */
export function listHistory(database: Database, colonyName: string, filter: HistoryFilter): Process[] {
  return selectFitting(
    database,
    `colony_name = ? AND state = ? AND submission_ms >= ?
       AND (? = '' OR assigned_executor_id = ?) ORDER BY sequence DESC LIMIT ${MAX_HISTORY}`,
    colonyName,
    filter.state,
    filter.sinceMs,
    filter.executorId,
    filter.executorId,
  ).toReversed();
}

function filterCondition({ executorType, initiatorName, label }: ProcessFilter): [condition: string, values: string[]] {
  if (executorType !== '') return ['AND executor_type = ?', [executorType]];
  if (initiatorName !== '') return ['AND initiator_name = ?', [initiatorName]];
  if (label !== '') return ['AND label = ?', [label]];
  return ['', []];
}

function orderOf(state: number): string {
  if (state === STATE.waiting) return 'priority_ms, sequence';
  return state === STATE.running ? 'start_ms, sequence' : 'end_ms DESC, sequence DESC';
}
