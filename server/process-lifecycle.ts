import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type Conditions, FunctionSpec } from '../colony/messages/processes.ts';
import { holdBlobs } from './blobs/references.ts';
import { toExactJson } from './exact-json.ts';
import { STATE } from './graph.ts';
import { Refusal } from './refusal.ts';
import { parseCpuMilli, parseMebibytes } from './resources.ts';
import { insertChannels } from './store/channels.ts';
import {
  ENVIRONMENT_ATTRIBUTE,
  insertAttribute,
  type ProcessRow,
  type StoredProcess,
  termsOf,
} from './store/processes.ts';
import { requireAcceptable } from './submission.ts';
import { randomId } from './store/values.ts';
import type { Transaction } from './transaction.ts';
import { countChange } from './workflow-counts.ts';

/** The state changes of a single process. What they mean for other nodes of its workflow is in workflow-lifecycle.ts. */

/** What a state change needs to know of a process. */
export type ProcessState = Pick<ProcessRow, 'process_id' | 'colony_name' | 'workflow_id' | 'executor_type' | 'state'>;

/** Who submits. */
export interface Initiator {
  readonly id: string;
  readonly name: string;
}

/** A process that is about to be stored. */
export interface NewProcess {
  readonly spec: FunctionSpec;
  readonly initiator: Initiator;
  /** Undefined outside workflows. */
  readonly workflowId: string | undefined;
  readonly waitsForParents: boolean;
}

const MILLISECONDS_PER_SECOND = 1000;
const MILLISECONDS_PER_DAY = 86_400_000;

/**
 * Stores a process in state waiting. Whoever adds to a workflow counts it there.
 *
 * @returns what is stored now
 * @throws Refusal 400 when the spec cannot be accepted, or asks for an amount of processors or memory that cannot be read
 */
export function insertProcess(transaction: Transaction, submitted: NewProcess): StoredProcess {
  requireAcceptable(submitted.spec);
  const spec = normalizeSpec(submitted.spec);
  const { conditions } = spec;
  const row = rowOf(transaction, submitted, spec);
  transaction.database.run(
    `INSERT INTO processes (process_id, colony_name, workflow_id, initiator_id, initiator_name, state, executor_type,
       executor_names, location_name, cpu_milli, memory_mebibytes, label, node_name, priority_ms, submission_ms,
       wait_deadline_ms, waits_for_parents, spec)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    row.process_id,
    row.colony_name,
    row.workflow_id,
    row.initiator_id,
    row.initiator_name,
    row.state,
    row.executor_type,
    conditions.executorNames.length === 0 ? null : JSON.stringify(conditions.executorNames),
    conditions.locationName?.toLowerCase() ?? '',
    parseCpuMilli(conditions.cpu),
    parseMebibytes(conditions.memory),
    spec.label,
    row.node_name,
    row.priority_ms,
    row.submission_ms,
    row.wait_deadline_ms,
    row.waits_for_parents,
    row.spec,
  );
  const processId = row.process_id;
  holdBlobs(transaction, processId, row.spec);
  for (const [key, value] of Object.entries(spec.env)) insertEnvironment(transaction, spec, processId, key, value);
  insertChannels(transaction.database, processId, spec.channels ?? []);
  const { colonyName, executorType } = conditions;
  transaction.changes.push({
    processId,
    colonyName,
    executorType,
    state: STATE.waiting,
    isAssignable: !submitted.waitsForParents,
  });
  return row;
}

/** What is stored of a process that was just submitted, known without reading it. */
function rowOf({ nowMs }: Transaction, submitted: NewProcess, spec: FunctionSpec): StoredProcess {
  const { colonyName, executorType } = spec.conditions;
  return {
    process_id: randomId(),
    colony_name: colonyName,
    workflow_id: submitted.workflowId ?? null,
    initiator_id: submitted.initiator.id,
    initiator_name: submitted.initiator.name,
    executor_type: executorType,
    node_name: spec.nodeName,
    priority_ms: nowMs - spec.priority * MILLISECONDS_PER_DAY,
    submission_ms: nowMs,
    waits_for_parents: submitted.waitsForParents ? 1 : 0,
    spec: toExactJson(z.encode(FunctionSpec, spec)),
    ...untouched(nowMs, spec.maxWaitTimeSeconds),
  };
}

/** What nothing has happened to yet. */
function untouched(submissionMs: number, maxWaitTimeSeconds: number) {
  return {
    assigned_executor_id: '',
    state: STATE.waiting,
    start_ms: null,
    end_ms: null,
    wait_deadline_ms: deadline(submissionMs, maxWaitTimeSeconds),
    exec_deadline_ms: null,
    retries: 0,
    attempt: 0,
    input: '[]',
    input_counts: null,
    output: '[]',
    errors: '[]',
  };
}

/** A process outside workflows as it was when it was submitted, whatever has happened to it since. */
export function asSubmitted(row: StoredProcess): StoredProcess {
  return { ...row, ...untouched(row.submission_ms, termsOf(row).maxWaitTimeSeconds) };
}

/** The identity of an attribute: one per process, key and type. */
export function attributeIdOf(processId: string, key: string, attributeType: number): string {
  return createHash('sha3-256').update(`${processId}${key}${attributeType}`).digest('hex');
}

function insertEnvironment(
  { database }: Transaction,
  spec: FunctionSpec,
  processId: string,
  key: string,
  value: string,
): void {
  insertAttribute(database, {
    attributeId: attributeIdOf(processId, key, ENVIRONMENT_ATTRIBUTE),
    processId,
    colonyName: spec.conditions.colonyName,
    workflowId: '',
    state: STATE.waiting,
    attributeType: ENVIRONMENT_ATTRIBUTE,
    key,
    value,
  });
}

/** Fills in what was left out and writes amounts the way every client reads them. */
function normalizeSpec(spec: FunctionSpec): FunctionSpec {
  return {
    ...spec,
    filesystem: spec.filesystem ?? { mount: '', snapshots: null, dirs: null },
    conditions: normalizeConditions(spec.conditions),
  };
}

function normalizeConditions(conditions: Conditions): Conditions {
  const { executorNames, gpu } = conditions;
  return {
    ...conditions,
    executorNames: executorNames.length === 1 && executorNames[0] === '*' ? [] : executorNames,
    cpu: `${parseCpuMilli(conditions.cpu)}m`,
    memory: normalizeMemory(conditions.memory),
    storage: normalizeMemory(conditions.storage),
    gpu: {
      name: gpu?.name ?? '',
      memory: normalizeMemory(gpu?.memory ?? ''),
      count: gpu?.count ?? 0,
      nodeCount: gpu?.nodeCount ?? 0,
    },
  };
}

function normalizeMemory(amount: string): string {
  return `${parseMebibytes(amount)}Mi`;
}

/** When a limit of so many seconds from now is reached; never for 0 or less. */
function deadline(nowMs: number, limitSeconds: number): number | null {
  return limitSeconds > 0 ? nowMs + limitSeconds * MILLISECONDS_PER_SECOND : null;
}

/** What a process is given. */
export interface Input {
  /** The JSON text of an array. */
  readonly json: string;
  /** How many of its elements each parent gave, the JSON text of an array; null where there are no parents. */
  readonly counts: string | null;
}

/**
 * Hands a waiting process to an executor.
 *
 * @returns the process as it is now
 */
export function markRunning(
  transaction: Transaction,
  process: ProcessRow,
  executorId: string,
  input: Input,
  maxExecTimeSeconds: number,
): ProcessRow {
  const { database, nowMs } = transaction;
  const execDeadlineMs = deadline(nowMs, maxExecTimeSeconds);
  database.run(
    `UPDATE processes SET state = ${STATE.running}, assigned_executor_id = ?, start_ms = ?, end_ms = NULL,
       exec_deadline_ms = ?, input = ?, input_counts = ?, attempt = attempt + 1 WHERE process_id = ?`,
    executorId,
    nowMs,
    execDeadlineMs,
    input.json,
    input.counts,
    process.process_id,
  );
  holdBlobs(transaction, process.process_id, input.json);
  change(transaction, process, STATE.running);
  return {
    ...process,
    state: STATE.running,
    assigned_executor_id: executorId,
    start_ms: nowMs,
    end_ms: null,
    exec_deadline_ms: execDeadlineMs,
    input: input.json,
    input_counts: input.counts,
    attempt: process.attempt + 1,
  };
}

/** How a process ends. */
export interface Ending {
  readonly state: typeof STATE.success | typeof STATE.failed | typeof STATE.cancelled;
  /** Replaces what was stored, unless it is empty. */
  readonly output?: readonly unknown[];
  readonly errors?: readonly string[];
}

/** Ends a process that is not final yet. */
export function markFinal(transaction: Transaction, process: ProcessState, ending: Ending): void {
  storeEnding(transaction, process, ending);
  change(transaction, process, ending.state);
}

/** Ends processes of a workflow that are not final yet: they are counted together. */
export function markAllFinal(
  transaction: Transaction,
  workflowId: string,
  processes: readonly ProcessState[],
  ending: Ending,
): void {
  for (const process of processes) {
    storeEnding(transaction, process, ending);
    announce(transaction, process, ending.state);
  }
  for (const from of new Set(processes.map(({ state }) => state))) {
    const processCount = processes.filter(({ state }) => state === from).length;
    countChange(transaction, workflowId, from, ending.state, processCount);
  }
}

function storeEnding(transaction: Transaction, process: ProcessState, ending: Ending): void {
  const { database, nowMs } = transaction;
  const { state, output = [], errors = [] } = ending;
  const stored = output.length > 0 ? toExactJson(output) : null;
  database.run(
    `UPDATE processes SET state = ?, end_ms = ?, errors = ?, output = ifnull(?, output),
       output_count = ifnull(?, output_count) WHERE process_id = ?`,
    state,
    nowMs,
    JSON.stringify(errors),
    stored,
    stored === null ? null : output.length,
    process.process_id,
  );
  if (stored !== null) holdBlobs(transaction, process.process_id, stored);
}

/** Stores what a process has produced without ending it. */
export function storeOutput(transaction: Transaction, processId: string, output: readonly unknown[]): void {
  const stored = toExactJson(output);
  transaction.database.run(
    'UPDATE processes SET output = ?, output_count = ? WHERE process_id = ?',
    stored,
    output.length,
    processId,
  );
  holdBlobs(transaction, processId, stored);
}

/** Lets a running process wait again; `retries` counts the attempts that ran out of time. */
export function requeue(
  transaction: Transaction,
  process: ProcessState,
  maxWaitTimeSeconds: number,
  retries: number,
): void {
  const { database, nowMs } = transaction;
  database.run(
    `UPDATE processes SET state = ${STATE.waiting}, assigned_executor_id = '', start_ms = NULL, end_ms = NULL,
       exec_deadline_ms = NULL, wait_deadline_ms = ?, retries = ? WHERE process_id = ?`,
    deadline(nowMs, maxWaitTimeSeconds),
    retries,
    process.process_id,
  );
  change(transaction, process, STATE.waiting);
}

/** Lets a process that was waiting for its parents be taken. */
export function markReady(transaction: Transaction, process: ProcessState): void {
  transaction.database.run('UPDATE processes SET waits_for_parents = 0 WHERE process_id = ?', process.process_id);
  change(transaction, process, STATE.waiting);
}

/** Counts a process in its new state, and tells of it. */
function change(transaction: Transaction, process: ProcessState, state: number): void {
  countChange(transaction, process.workflow_id, process.state, state);
  announce(transaction, process, state);
}

/** Tells of a process in its new state. What enters state waiting so waits for no parents. */
function announce(transaction: Transaction, process: ProcessState, state: number): void {
  transaction.changes.push({
    processId: process.process_id,
    colonyName: process.colony_name,
    executorType: process.executor_type,
    state,
    isAssignable: state === STATE.waiting,
  });
}

/**
 * Keeps what an executor sends late, about an attempt that is over, from what a later attempt does: the same executor can
 * have been given the process again.
 *
 * @param attempt the one the executor speaks for; undefined: whichever runs
 * @throws Refusal 403 when the process is at another attempt
 */
export function requireAttempt(process: ProcessRow, attempt: number | undefined, failure: string): void {
  if (attempt === undefined || attempt === process.attempt) return;
  throw new Refusal(403, `${failure}, attempt ${attempt} is over: the process is at attempt ${process.attempt}`);
}

/** What stands between a process and a successful or failed end. */
const CLOSE_REFUSALS: Readonly<Record<'successful' | 'failed', readonly string[]>> = {
  successful: [
    'Tried to set waiting process as successful without being running',
    '',
    'Tried to set successful process as successful',
    'Tried to set failed process as successful',
    'Tried to set cancelled process as successful',
  ],
  failed: [
    'Tried to set waiting process as failed without being running',
    '',
    'Tried to set successful process as failed',
    'Tried to set failed process as failed',
    'Tried to set cancelled process as failed',
  ],
};

/** @throws Refusal 400 unless the process is running */
export function requireClosable(process: ProcessRow, ending: 'successful' | 'failed'): void {
  if (process.state !== STATE.running) {
    throw new Refusal(
      400,
      CLOSE_REFUSALS[ending][process.state] ?? `Tried to close a process in state ${process.state}`,
    );
  }
}
