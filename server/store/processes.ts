import * as z from 'zod';
import { Attribute, FunctionSpec } from '../../colony/messages/processes.ts';
import { list } from '../../colony/messages/wire.ts';
import { STATE } from '../graph.ts';
import { JsonText, listOf, requireJson } from '../json-text.ts';
import { MAX_HISTORY } from '../limits.ts';
import type { Database, SqlValue } from './database.ts';
import { fitting, parseStored, toWireTime } from './values.ts';

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
  /** How many elements of the input each parent gave, as JSON; null where there were no parents. */
  readonly input_counts: string | null;
  readonly output: string;
  readonly errors: string;
}

/** A process as it is stored, without its place in the queue. */
export type StoredProcess = Omit<ProcessRow, 'sequence'>;

/** The type of the attributes that a spec's `env` becomes. */
export const ENVIRONMENT_ATTRIBUTE = 3;

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
export function specOf(row: Pick<ProcessRow, 'spec'>): FunctionSpec {
  return z.decode(FunctionSpec, parseStored(row.spec));
}

/** What the server itself goes by in the function spec of a row. Decoding all of a spec takes many times as long. */
export type FunctionTerms = Pick<
  FunctionSpec,
  'functionName' | 'maxWaitTimeSeconds' | 'maxExecTimeSeconds' | 'maxRetries'
>;

/** @see {@link FunctionTerms} */
export function termsOf(row: Pick<ProcessRow, 'spec'>): FunctionTerms {
  const { funcname, maxwaittime, maxexectime, maxretries } = parseStored<Partial<StoredTerms>>(row.spec);
  return {
    functionName: funcname ?? '',
    maxWaitTimeSeconds: maxwaittime ?? 0,
    maxExecTimeSeconds: maxexectime ?? 0,
    maxRetries: maxretries ?? 0,
  };
}

/** The same as it is stored. */
interface StoredTerms {
  readonly funcname: string | null;
  readonly maxwaittime: number | null;
  readonly maxexectime: number | null;
  readonly maxretries: number | null;
}

/**
 * A process as clients see it, in the form of the codec `Process`.
 *
 * @throws SyntaxError when what is stored of it cannot be read
 */
export function processJson(database: Database, row: StoredProcess): JsonText {
  const family =
    row.workflow_id === null
      ? ALONE
      : { parents: parentsOf(database, row.process_id), children: childrenOf(database, row.process_id) };
  return toJson(row, family, attributesOf(database, row));
}

/**
 * A process outside workflows as clients see it when it has just been submitted.
 *
 * @param keys the keys of its spec's `env`
 */
export function submittedJson(database: Database, row: StoredProcess, keys: ReadonlySet<string>): JsonText {
  const isFromEnvironment = ({ attributeType, key }: Attribute): boolean =>
    attributeType === ENVIRONMENT_ATTRIBUTE && keys.has(key);
  return toJson(row, ALONE, keys.size === 0 ? [] : attributesOf(database, row).filter(isFromEnvironment));
}

/** The ids of a process's neighbours in its workflow. */
interface Family {
  readonly parents: readonly string[];
  readonly children: readonly string[];
}

const ALONE: Family = { parents: [], children: [] };

function toJson(row: StoredProcess, { parents, children }: Family, attributes: readonly Attribute[]): JsonText {
  const whatItIs = {
    processid: row.process_id,
    initiatorid: row.initiator_id,
    initiatorname: row.initiator_name,
    assignedexecutorid: row.assigned_executor_id,
    isassigned: row.assigned_executor_id !== '',
    state: row.state,
    prioritytime: row.priority_ms * NANOSECONDS_PER_MILLISECOND,
    submissiontime: toWireTime(row.submission_ms),
    starttime: toWireTime(row.start_ms),
    endtime: toWireTime(row.end_ms),
    waitdeadline: toWireTime(row.wait_deadline_ms),
    execdeadline: toWireTime(row.exec_deadline_ms),
    retries: row.retries,
    attempt: row.attempt,
    attributes: attributes.length === 0 ? [] : z.encode(Attributes, attributes),
    waitforparents: row.waits_for_parents === 1,
    parents,
    children,
    processgraphid: row.workflow_id ?? '',
  };
  const counts = row.input_counts === null ? '' : `,"incounts":${requireJson(row.input_counts)}`;
  const texts = `"spec":${requireJson(row.spec)},"in":${requireJson(row.input)}${counts},"out":${requireJson(row.output)}`;
  return new JsonText(`${JSON.stringify(whatItIs).slice(0, -1)},${texts},"errors":${requireJson(row.errors)}}`);
}

const Attributes = list(Attribute);

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

function attributesOf(database: Database, row: StoredProcess): Attribute[] {
  return database
    .all<AttributeRow>('SELECT * FROM attributes WHERE process_id = ? ORDER BY key, attribute_type', row.process_id)
    .map((attribute) => toAttribute(attribute, row));
}

/** An attribute as clients see it; its state is its process's. */
function toAttribute(attribute: AttributeRow, process: StoredProcess): Attribute {
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
function selectFitting(database: Database, rest: string, ...values: readonly SqlValue[]): readonly JsonText[] {
  const found = database.all<{ process_id: string; bytes: number }>(
    `SELECT process_id, ${SIZE} FROM processes WHERE ${rest}`,
    ...values,
  );
  return fitting(found, ({ bytes }) => bytes)
    .map(({ process_id: processId }) => findProcessRow(database, processId))
    .filter((row) => row !== undefined)
    .map((row) => processJson(database, row));
}

/**
 * Processes in one state: waiting ones in the order of the queue, running ones oldest first, final ones newest first.
 * Fewer than asked for when they would not fit into one answer.
 */
export function listProcesses(database: Database, filter: ProcessFilter): JsonText {
  const [condition, value] = filterCondition(filter);
  const values: SqlValue[] = [filter.colonyName, filter.state, ...value, filter.count];
  const rest = `colony_name = ? AND state = ? ${condition} ORDER BY ${orderOf(filter.state)} LIMIT ?`;
  return listOf(selectFitting(database, rest, ...values));
}

/** What {@link listHistory} gives: processes in one state, submitted after a moment, of one executor or (empty) of all. */
export interface HistoryFilter {
  readonly executorId: string;
  readonly sinceMs: number;
  readonly state: number;
}

/** The newest processes of a colony's recent past, oldest first; at most {@link MAX_HISTORY}, and what fits. */
export function listHistory(database: Database, colonyName: string, filter: HistoryFilter): JsonText {
  const newestFirst = selectFitting(
    database,
    `colony_name = ? AND state = ? AND submission_ms >= ?
       AND (? = '' OR assigned_executor_id = ?) ORDER BY sequence DESC LIMIT ${MAX_HISTORY}`,
    colonyName,
    filter.state,
    filter.sinceMs,
    filter.executorId,
    filter.executorId,
  );
  return listOf(newestFirst.toReversed());
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
