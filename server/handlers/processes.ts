import {
  assignProcess,
  cancelProcess,
  closeFailed,
  closeSuccessful,
  getProcess,
  getProcesses,
  getProcessHistory,
  removeAllProcesses,
  removeProcess,
  setOutput,
  submitFunctionSpec,
} from '../../colony/messages/processes.ts';
import { STATE } from '../graph.ts';
import { type Call, faultTexts, type Handler, polls, reads, writes, writesInSteps } from '../handler.ts';
import { JsonText } from '../json-text.ts';
import { MAX_PROCESSES_PER_LIST } from '../limits.ts';
import { requireSay } from '../ownership.ts';
import { asSubmitted, insertProcess, requireAttempt, requireClosable, storeOutput } from '../process-lifecycle.ts';
import { Refusal, required } from '../refusal.ts';
import { removeProcesses } from '../removal.ts';
import { parseCpuMilli, parseMebibytes } from '../resources.ts';
import { colonyOwner, member, memberOfProcess, type ProcessAccess, requireMember } from '../roles.ts';
import { countCall } from '../store/functions.ts';
import { findUser } from '../store/members.ts';
import { requireModestSpec } from '../submission.ts';
import {
  findProcessRow,
  listHistory,
  listProcesses,
  processJson,
  type ProcessRow,
  specOf,
  submittedJson,
  termsOf,
} from '../store/processes.ts';
import { finish } from '../workflow-lifecycle.ts';

/** Submitting, giving out and ending processes. */
export const processHandlers: readonly Handler[] = [
  writes({
    message: submitFunctionSpec,
    texts: faultTexts('Failed to submit process', 'Failed to submit process spec', {
      spec: 'Failed to submit process spec, msg.FunctionSpec is nil',
    }),
    screen: requireModestSpec,
    role: ({ spec }, call) => requireMember(call, spec.conditions.colonyName),
    handle({ spec }, initiator, call) {
      const row = insertProcess(call, { spec, initiator, workflowId: undefined, waitsForParents: false });
      const { text } = submittedJson(call.database, row, new Set(Object.keys(spec.env)));
      return new JsonText(text, row.process_id);
    },
    recall: recallSubmission,
  }),
  polls({
    message: assignProcess,
    isTaking: true,
    texts: {
      ...faultTexts('Failed to assign process'),
      typeMismatch: 'Failed to assign process, msg.msgType does not match payloadType',
    },
    role: member,
    handle(request, { executor }, { scheduler }, disconnected) {
      if (request.timeoutSeconds === 0) throw new Refusal(400, 'Invalid timeout value, timeout cannot be zero');
      const want = {
        executor: required(executor, 500, 'Failed to assign process, executor not found'),
        cpuMilli: request.availableCpu === '' ? undefined : parseCpuMilli(request.availableCpu),
        memoryMebibytes: request.availableMemory === '' ? undefined : parseMebibytes(request.availableMemory),
      };
      return scheduler.next(want, request.timeoutSeconds, disconnected);
    },
  }),
  writes({
    message: closeSuccessful,
    texts: faultTexts('Failed to close successful', 'Failed to close process as successful'),
    role: memberOfProcess([500, 'Failed to close process as successful, process is nil']),
    handle({ attempt, output }, access, call) {
      requireAssigned(access, attempt, 'successful');
      requireClosable(access.process, 'successful');
      finish(call, access.process, { state: STATE.success, output });
      countSuccess(call, access);
    },
  }),
  writes({
    message: closeFailed,
    texts: faultTexts('Failed to close failed', 'Failed to close process as failed'),
    role: memberOfProcess([500, 'Failed to close process as failed, process is nil']),
    handle({ attempt, errors }, access, call) {
      requireAssigned(access, attempt, 'failed');
      requireClosable(access.process, 'failed');
      finish(call, access.process, { state: STATE.failed, errors });
    },
  }),
  writes({
    message: setOutput,
    texts: faultTexts('Failed to set output'),
    role: memberOfProcess([500, 'Failed to set output, process is nil']),
    handle({ attempt, output }, access, call) {
      if (access.process.assigned_executor_id !== access.member.id) {
        throw new Refusal(403, 'Failed to close process as successful, not allowed to close process as successful');
      }
      requireAttempt(access.process, attempt, 'Failed to set output');
      if (access.process.state !== STATE.running)
        throw new Refusal(403, 'Failed to set output, process is not running');
      if (output.length > 0) storeOutput(call, access.process.process_id, output);
    },
  }),
  writes({
    message: cancelProcess,
    texts: faultTexts('Failed to cancel process'),
    role: ownProcess('Failed to cancel process, process is nil'),
    handle(_request, process, call) {
      if (process.workflow_id !== null) {
        throw new Refusal(
          400,
          'Failed to cancel, cannot cancel a process part of a workflow, cancel the entire workflow instead',
        );
      }
      const refusal = CANCEL_REFUSALS.get(process.state);
      if (refusal !== undefined) throw new Refusal(400, refusal);
      finish(call, process, { state: STATE.cancelled });
    },
  }),
];

/**
 * The reply to a submission again: the process as it was then.
 *
 * @param kept its id; or the reply, which older versions kept
 * @throws Refusal 404 when it was removed meanwhile
 */
function recallSubmission(kept: string, { database }: Call): JsonText {
  if (kept.startsWith('{')) return new JsonText(kept);
  const row = required(
    findProcessRow(database, kept),
    404,
    'Failed to submit process spec, process was submitted and has been removed since',
  );
  return submittedJson(database, asSubmitted(row), new Set(Object.keys(specOf(row).env)));
}

const CANCEL_REFUSALS: ReadonlyMap<number, string> = new Map([
  [STATE.success, 'Tried to cancel successful process'],
  [STATE.failed, 'Tried to cancel failed process'],
  [STATE.cancelled, 'Tried to cancel already cancelled process'],
]);

/** Role of a message that ends a process for all: whoever has a say in it. */
function ownProcess(notFound: string): (request: { readonly processId: string }, call: Call) => ProcessRow {
  return ({ processId }, call) => {
    const process = required(findProcessRow(call.database, processId), 500, notFound);
    requireSay(call, { colonyName: process.colony_name, ownerIds: [process.initiator_id], what: 'process' });
    return process;
  };
}

function requireAssigned(
  { process, member: caller }: ProcessAccess,
  attempt: number | undefined,
  ending: 'successful' | 'failed',
): void {
  const failure = `Failed to close process as ${ending}`;
  if (process.assigned_executor_id === '') throw new Refusal(403, `${failure}, process is not assigned`);
  if (process.assigned_executor_id !== caller.id) {
    throw new Refusal(403, `${failure}, not allowed to close process as ${ending}`);
  }
  requireAttempt(process, attempt, failure);
}

function countSuccess({ database, nowMs }: Call, { process, member: caller }: ProcessAccess): void {
  if (caller.executor === undefined) return;
  const startMs = process.start_ms ?? nowMs;
  const waitSeconds = (startMs - process.submission_ms) / 1000;
  countCall(database, caller.executor, termsOf(process).functionName, waitSeconds, (nowMs - startMs) / 1000);
}

/** Looking processes up and removing them. */
export const processListHandlers: readonly Handler[] = [
  reads({
    message: getProcess,
    texts: faultTexts('Failed to get process'),
    role: memberOfProcess([404, 'Failed to get process, process not found']),
    handle: (_request, { process }, { database }) => processJson(database, process),
  }),
  reads({
    message: getProcesses,
    texts: faultTexts('Failed to get processes'),
    role: member,
    handle(request, _member, { database }) {
      requireCount(request.count);
      requireState(request.state);
      const { colonyName, initiator } = request;
      if (initiator !== '' && findUser(database, colonyName, initiator) === undefined) {
        throw new Refusal(400, `User <${initiator}> does not exist`);
      }
      return listProcesses(database, { ...request, initiatorName: initiator });
    },
  }),
  reads({
    message: getProcessHistory,
    texts: faultTexts('Failed to get process hist', 'Failed to get process history'),
    role: member,
    handle({ colonyName, executorId, seconds, state }, _member, { database, nowMs }) {
      return listHistory(database, colonyName, { executorId, sinceMs: nowMs - seconds * 1000, state });
    },
  }),
  writes({
    message: removeProcess,
    texts: faultTexts('Failed to remove process'),
    role: ownProcess('Failed to remove process, process is nil'),
    handle(_request, process, { database }) {
      requireRemovable(process);
      database.run('DELETE FROM processes WHERE process_id = ?', process.process_id);
    },
  }),
  writesInSteps({
    message: removeAllProcesses,
    texts: faultTexts('Failed to remove all processes'),
    role: colonyOwner,
    handle({ colonyName, state }) {
      if (state === STATE.running) throw new Refusal(400, 'Not possible to remove running processes');
      if (state < -1 || state > STATE.cancelled) throw new Refusal(400, 'Invalid state when deleting all processes');
      return removeProcesses(colonyName, state);
    },
  }),
];

/** @throws Refusal 400 when a list of that length cannot be asked for */
export function requireCount(count: number): void {
  if (count > MAX_PROCESSES_PER_LIST) {
    throw new Refusal(400, `Count is larger than MaxCount limit <${MAX_PROCESSES_PER_LIST}>`);
  }
  if (count < 0) throw new Refusal(400, 'Count must not be negative');
}

function requireState(state: number): void {
  if (state < STATE.waiting || state > STATE.cancelled) {
    throw new Refusal(400, 'Failed to get processes, invalid msg.State');
  }
}

function requireRemovable(process: ProcessRow): void {
  if (process.workflow_id !== null) {
    throw new Refusal(
      400,
      'Failed to remove, cannot remove a process part of a workflow, delete the entire workflow instead',
    );
  }
  if (process.state === STATE.running)
    throw new Refusal(400, 'Failed to remove process, cannot remove a running process');
}
