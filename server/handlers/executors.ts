import {
  addExecutor,
  approveExecutor,
  changeExecutorId,
  type Executor,
  getExecutor,
  getExecutorById,
  getExecutors,
  rejectExecutor,
  removeExecutor,
  reportAllocations,
  updateExecutor,
} from '../../colony/messages/executors.ts';
import { forgetExecutor, unregisterExecutor } from '../executor-lifecycle.ts';
import { type Call, faultTexts, type Handler, reads, writes } from '../handler.ts';
import { keepBelongings } from '../ownership.ts';
import { Refusal, required } from '../refusal.ts';
import { colonyOwner, looseMember, type Member, member, requireColonyOwner } from '../roles.ts';
import {
  EXECUTOR_STATE,
  type ExecutorRow,
  findExecutor,
  findExecutorById,
  isKnownId,
  listExecutors,
  toExecutor,
} from '../store/members.ts';
import { requireId, requireName, requirePrintable, requireReportSize } from './names.ts';

/** What is stored of an executor that says nothing of itself. */
const NO_CAPABILITIES = { hardware: null, software: null };
const NO_ALLOCATIONS = { projects: null };
const NOT_ADDED = 'Failed to add executor, addedExecutor is nil';

/** Executors: their registration, approval and removal, and what they say of themselves. */
export const executorHandlers: readonly Handler[] = [
  writes({
    message: addExecutor,
    texts: faultTexts('Failed to add executor', undefined, { executor: 'Failed to add executor, executor is nil' }),
    role: ({ executor }, call) => requireColonyOwner(call, executor.colonyName),
    handle({ executor }, _subject, call) {
      requireName(executor.executorName, 'Failed to add executor');
      requirePrintable(executor.executorType, 'Failed to add executor, the type');
      requirePrintable(executor.locationName ?? '', 'Failed to add executor, the location');
      requireReportSize([executor.capabilities, executor.allocations], 'Failed to add executor');
      requireId(executor.executorId, 'Failed to add executor, invalid executor Id length');
      const { colonyName, executorName } = executor;
      const known = findExecutor(call.database, colonyName, executorName);
      if (known !== undefined && !call.facts.allowsExecutorReregistration) {
        throw new Refusal(400, `Executor with name <${executorName}> in Colony <${colonyName}> already exists`);
      }
      if (known !== undefined) forgetExecutor(call, known);
      insertExecutor(call, executor);
      call.scheduler.serveColony(call, colonyName);
      return toExecutor(required(findExecutor(call.database, colonyName, executorName), 500, NOT_ADDED));
    },
  }),
  writes({
    message: approveExecutor,
    texts: faultTexts('Failed to approve executor'),
    role: colonyOwner,
    handle: (request, _subject, call) => setState(call, request, EXECUTOR_STATE.approved, 'approve'),
  }),
  writes({
    message: rejectExecutor,
    texts: faultTexts('Failed to reject executor'),
    role: colonyOwner,
    handle: (request, _subject, call) => setState(call, request, EXECUTOR_STATE.rejected, 'reject'),
  }),
  writes({
    message: removeExecutor,
    texts: faultTexts('Failed to remove executor'),
    role: colonyOwner,
    handle(request, _subject, call) {
      unregisterExecutor(call, requireExecutor(call, request, 'Failed to remove executor, executor is nil'));
      call.scheduler.serveColony(call, request.colonyName);
    },
  }),
  reads({
    message: getExecutors,
    texts: faultTexts('Failed to get executors'),
    role: looseMember,
    handle: ({ colonyName }, _member, call) =>
      listExecutors(call.database, colonyName).map((row) => withPresence(call, row)),
  }),
  reads({
    message: getExecutor,
    texts: faultTexts('Failed to get executor'),
    role: member,
    handle: (request, _member, call) =>
      withPresence(call, requireExecutor(call, request, 'Failed to get executor, executor is nil')),
  }),
  reads({
    message: getExecutorById,
    texts: faultTexts('Failed to get executor by ID'),
    role: member,
    handle({ colonyName, executorId }, _member, call) {
      const row = findExecutorById(call.database, colonyName, executorId);
      return withPresence(call, required(row, 404, 'Failed to get executor by ID, executor is nil'));
    },
  }),
];

/** What executors report of themselves. */
export const selfReportHandlers: readonly Handler[] = [
  writes({
    message: changeExecutorId,
    texts: faultTexts('Failed to change executor Id'),
    role: looseMember,
    handle(request, caller, call) {
      const own = required(caller.executor, 400, 'Failed to change executor Id, executor not found');
      if (request.executorId === '') throw new Refusal(400, 'Failed to change executor Id, executor Id is empty');
      requireId(request.executorId, 'Failed to change executor Id, new executor Id is not 64 characters');
      // Nothing proves that the caller has the new key, so it must not be anybody's.
      if (isKnownId(call.database, request.executorId)) {
        throw new Refusal(400, 'Failed to change executor Id, somebody has this Id already');
      }
      call.database.run(
        'UPDATE executors SET executor_id = ? WHERE colony_name = ? AND executor_name = ?',
        request.executorId,
        own.colony_name,
        own.executor_name,
      );
      call.database.run(
        'UPDATE processes SET assigned_executor_id = ? WHERE assigned_executor_id = ? AND colony_name = ? AND state = 1',
        request.executorId,
        own.executor_id,
        own.colony_name,
      );
      keepBelongings(call.database, own.colony_name, own.executor_id, request.executorId);
      return { colonyname: request.colonyName, executorid: request.executorId, msgtype: changeExecutorId.type };
    },
  }),
  writes({
    message: reportAllocations,
    texts: faultTexts('Failed to report allocation'),
    role: looseMember,
    handle(request, caller, call) {
      requireSelf(call, caller, request.executorName, 'Only an executor can report allocations to itself');
      const allocations = request.allocations ?? NO_ALLOCATIONS;
      requireReportSize(allocations, 'Failed to report allocation');
      storeReport(call, request, 'allocations', allocations);
    },
  }),
  writes({
    message: updateExecutor,
    texts: faultTexts('Failed to update executor'),
    role: looseMember,
    handle(request, caller, call) {
      requireSelf(call, caller, request.executorName, 'Only an executor can update its own capabilities');
      const capabilities = request.capabilities ?? NO_CAPABILITIES;
      requireReportSize(capabilities, 'Failed to update executor');
      storeReport(call, request, 'capabilities', capabilities);
    },
  }),
];

interface Named {
  readonly colonyName: string;
  readonly executorName: string;
}

function requireExecutor({ database }: Call, { colonyName, executorName }: Named, text: string): ExecutorRow {
  return required(findExecutor(database, colonyName, executorName), 500, text);
}

function insertExecutor({ database, nowMs }: Call, executor: Executor): void {
  database.run(
    `INSERT INTO executors (colony_name, executor_name, executor_id, executor_type, state,
       require_function_registration, commission_ms, location_name, capabilities, allocations, blueprint_id,
       blueprint_generation)
     VALUES (?, ?, ?, ?, ${EXECUTOR_STATE.pending}, ?, ?, ?, ?, ?, ?, ?)`,
    executor.colonyName,
    executor.executorName,
    executor.executorId,
    executor.executorType,
    executor.requireFunctionRegistration ? 1 : 0,
    nowMs,
    executor.locationName ?? '',
    JSON.stringify(executor.capabilities ?? NO_CAPABILITIES),
    JSON.stringify(executor.allocations ?? NO_ALLOCATIONS),
    executor.blueprintId ?? '',
    executor.blueprintGeneration ?? 0,
  );
}

function setState(call: Call, named: Named, state: number, verb: string): undefined {
  requireExecutor(call, named, `Failed to ${verb} executor, executor is nil`);
  call.database.run(
    'UPDATE executors SET state = ? WHERE colony_name = ? AND executor_name = ?',
    state,
    named.colonyName,
    named.executorName,
  );
  call.scheduler.serveColony(call, named.colonyName);
}

function requireSelf(call: Call, caller: Member, executorName: string, text: string): void {
  const named = findExecutor(call.database, caller.colonyName, executorName);
  const { executor_id: ownerId } = required(named, 400, `Executor with name <${executorName}> does not exist`);
  if (ownerId !== caller.id) throw new Refusal(400, text);
}

function storeReport({ database }: Call, named: Named, column: 'allocations' | 'capabilities', report: object): void {
  database.run(
    `UPDATE executors SET ${column} = ? WHERE colony_name = ? AND executor_name = ?`,
    JSON.stringify(report),
    named.colonyName,
    named.executorName,
  );
}

function withPresence(call: Call, row: ExecutorRow): Executor {
  return toExecutor({ ...row, last_heard_ms: call.lastHeardMs(row) });
}
