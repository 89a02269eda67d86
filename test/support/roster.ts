import { expect } from 'vitest';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { addColony, addUser } from '../../colony/messages/colonies.ts';
import { addExecutor } from '../../colony/messages/executors.ts';
import type { Message } from '../../colony/messages/message.ts';
import { executorRegistration, type TestColony } from './test-colony.ts';

/** Everybody who may want something of a colony. */
export type Caller = 'stranger' | 'serverOwner' | 'colonyOwner' | 'user' | 'executor' | 'pending' | 'neighbour';

/** Keys of every kind of caller: an approved and a pending executor of the colony, a user of another colony. */
export async function gatherCallers(colony: TestColony): Promise<Readonly<Record<Caller, Identity>>> {
  const { colonyName, serverOwner, colonyOwner, user } = colony;
  const pending = { identity: generateIdentity(), type: 'worker', name: 'pending' };
  await colony.call(colonyOwner, addExecutor, { executor: executorRegistration(colonyName, pending) });
  const [neighbourOwner, neighbour] = [generateIdentity(), generateIdentity()];
  await colony.call(serverOwner, addColony, { colony: { colonyId: neighbourOwner.id, name: 'neighbour' } });
  const added = { colonyName: 'neighbour', userId: neighbour.id, name: 'user', email: '', phone: '' };
  await colony.call(neighbourOwner, addUser, { user: added });
  const { identity: executor } = await colony.addExecutor('worker', 'approved');
  return {
    stranger: generateIdentity(),
    serverOwner,
    colonyOwner,
    user,
    executor,
    pending: pending.identity,
    neighbour,
  };
}

/** Those of the callers whom the server refuses for who they are. */
export async function refusedCallers<Request>(
  colony: TestColony,
  callers: Readonly<Record<Caller, Identity>>,
  message: Message<Request>,
  request: Request,
): Promise<readonly string[]> {
  const refused: string[] = [];
  for (const [caller, identity] of Object.entries(callers)) {
    const answer = await colony.call(identity, message, request).catch((thrown: unknown) => thrown);
    const text = answer instanceof Error && 'serverMessage' in answer ? String(answer.serverMessage) : '';
    if (text.startsWith('Access denied')) refused.push(caller);
  }
  return refused;
}

/** What a refused call is rejected with. */
export function refusal(status: number, serverMessage: string): unknown {
  return expect.objectContaining({ status, serverMessage });
}

/** Everybody but members. */
export const NON_MEMBERS: readonly Caller[] = ['stranger', 'serverOwner', 'colonyOwner', 'pending', 'neighbour'];
/** Everybody but members in whatever state. */
export const NON_LOOSE_MEMBERS: readonly Caller[] = ['stranger', 'serverOwner', 'colonyOwner', 'neighbour'];
/** Everybody but the owner of the colony. */
export const NON_OWNERS: readonly Caller[] = ['stranger', 'serverOwner', 'user', 'executor', 'pending', 'neighbour'];
