import { EXECUTOR_STATE, type ExecutorRow, findColony, findExecutorById, findUserById } from './store/members.ts';
import { findProcessRow, type ProcessRow } from './store/processes.ts';
import { serverOwnerOf } from './store/server-owner.ts';
import { Refusal, required } from './refusal.ts';
import type { Database } from './store/database.ts';

/** Somebody who belongs to a colony. */
export interface Member {
  readonly colonyName: string;
  readonly id: string;
  /** The name of the executor or user. */
  readonly name: string;
  /** Present when the member is an executor rather than a user. */
  readonly executor: ExecutorRow | undefined;
}

/** What the checks need to know: who calls, what is stored. */
export interface RoleContext {
  readonly database: Database;
  readonly callerId: string;
  /** Told of every executor that has shown its signature. */
  readonly heardFrom: (executor: ExecutorRow) => void;
}

/** @throws Refusal 403 unless the colony exists and its owner calls */
export function requireColonyOwner(context: RoleContext, colonyName: string): void {
  if (colonyName === '') throw new Refusal(403, 'Empty Colony name');
  const colony = required(findColony(context.database, colonyName), 403, unknownColony(colonyName));
  if (context.callerId !== colony.colony_id) throw new Refusal(403, 'Access denied, not colony owner');
}

/**
 * Approved executors of the colony and its users.
 *
 * @throws Refusal 403 for everybody else
 */
export function requireMember(context: RoleContext, colonyName: string): Member {
  return memberIn(context, colonyName, isApproved);
}

function isApproved(executor: ExecutorRow): boolean {
  return executor.state === EXECUTOR_STATE.approved;
}

function memberIn(context: RoleContext, colonyName: string, isAccepted: (executor: ExecutorRow) => boolean): Member {
  const found = findMember(context, colonyName, isAccepted);
  if (found !== undefined) return found;
  if (findColony(context.database, colonyName) === undefined) throw new Refusal(403, unknownColony(colonyName));
  throw new Refusal(403, `Access denied, not a member of Colony with name <${colonyName}>`);
}

function findMember(
  context: RoleContext,
  colonyName: string,
  isAccepted: (executor: ExecutorRow) => boolean,
): Member | undefined {
  const { database, callerId } = context;
  const executor = findExecutorById(database, colonyName, callerId);
  if (executor !== undefined && isAccepted(executor)) {
    context.heardFrom(executor);
    return { colonyName, id: callerId, name: executor.executor_name, executor };
  }
  const user = findUserById(database, colonyName, callerId);
  return user === undefined ? undefined : { colonyName, id: callerId, name: user.name, executor: undefined };
}

/**
 * Role of a message that tells everybody whether a colony exists: another role, but without such a colony it is refused
 * with 400 rather than 403.
 *
 * @param text how an unknown colony is refused
 */
export function ofExistingColony<Subject>(
  role: (request: AboutColony, context: RoleContext) => Subject,
  text: (colonyName: string) => string = unknownColony,
): (request: AboutColony, context: RoleContext) => Subject {
  return (request, context) => {
    required(findColony(context.database, request.colonyName), 400, text(request.colonyName));
    return role(request, context);
  };
}

/** Who calls, and the process the call is about. */
export interface ProcessAccess {
  readonly member: Member;
  readonly process: ProcessRow;
}

/**
 * A process, for members of its colony.
 *
 * @param notFound how the message refuses an unknown id
 * @throws Refusal `notFound`, or 403 for everybody who is no member
 */
export function requireProcess(
  context: RoleContext,
  processId: string,
  notFound: readonly [status: number, message: string],
): ProcessAccess {
  const process = required(findProcessRow(context.database, processId), ...notFound);
  return { process, member: requireMember(context, process.colony_name) };
}

function unknownColony(colonyName: string): string {
  return `Colony with name <${colonyName}> does not exists`;
}

/** A message about one colony. */
interface AboutColony {
  readonly colonyName: string;
}

/** Role of a message: the server's owner. */
export function serverOwner(_request: unknown, context: RoleContext): void {
  if (context.callerId !== serverOwnerOf(context.database)) throw new Refusal(403, 'Access denied, not server owner');
}

/** Role of a message: the owner of the colony it names. */
export function colonyOwner({ colonyName }: AboutColony, context: RoleContext): void {
  requireColonyOwner(context, colonyName);
}

/** Role of a message: a member of the colony it names. */
export function member({ colonyName }: AboutColony, context: RoleContext): Member {
  return requireMember(context, colonyName);
}

/** Role of a message: a member of the colony it names, or the colony's owner; everybody else is told to be no owner. */
export function memberOrColonyOwner({ colonyName }: AboutColony, context: RoleContext): void {
  if (findMember(context, colonyName, isApproved) === undefined) requireColonyOwner(context, colonyName);
}

/** Role of a message: a user of the colony it names, or an executor of it in whatever state. */
export function looseMember({ colonyName }: AboutColony, context: RoleContext): Member {
  return memberIn(context, colonyName, () => true);
}

/** Role of a message about a process: a member of the process's colony. `notFound` refuses an unknown process. */
export function memberOfProcess(
  notFound: readonly [status: number, message: string],
): (request: { readonly processId: string }, context: RoleContext) => ProcessAccess {
  return ({ processId }, context) => requireProcess(context, processId, notFound);
}
