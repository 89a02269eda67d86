import { describe, expect, test } from 'vitest';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import {
  addUser,
  changeColonyId,
  changeServerId,
  changeUserId,
  getCluster,
  getColonies,
  getUser,
} from '../../colony/messages/colonies.ts';
import type { Message } from '../../colony/messages/message.ts';
import { submitFunctionSpec } from '../../colony/messages/processes.ts';
import { startServer } from '../../server/index.ts';
import {
  type Caller,
  gatherCallers,
  NON_LOOSE_MEMBERS,
  NON_OWNERS,
  refusal,
  refusedCallers,
} from '../support/roster.ts';
import { rpc, rpcRaw } from '../support/rpc.ts';
import { assign, quick, succeed } from '../support/server-calls.ts';
import { functionSpec, startTestColony, type TestColony } from '../support/test-colony.ts';

const colonyName = 'test';
const NON_SERVER_OWNERS: readonly Caller[] = ['stranger', 'colonyOwner', 'user', 'executor', 'pending', 'neighbour'];
const notServerOwner = refusal(403, 'Access denied, not server owner');

const changeServer = (colony: TestColony, from: Identity, to: Identity) =>
  colony.call(from, changeServerId, { serverId: to.id });
const colonies = (colony: TestColony, identity: Identity) => colony.call(identity, getColonies, {});

test('the cluster is one server, for the server’s owner to see', async () => {
  await using colony = await startTestColony(quick);
  const callers = await gatherCallers(colony);
  expect(await refusedCallers(colony, callers, getCluster, {})).toEqual(NON_SERVER_OWNERS);
  const { nodes, leader } = await colony.call(colony.serverOwner, getCluster, {});
  expect(nodes).toEqual([leader]);
  expect(leader).toMatchObject({ host: '127.0.0.1', apiPort: colony.address.port });
});

describe('the server', () => {
  test('changes its owner at once and for good, also when it starts again', async () => {
    await using colony = await startTestColony(quick);
    const next = generateIdentity();
    const echo = await changeServer(colony, colony.serverOwner, next);
    expect(echo).toEqual({ msgtype: 'changeserveridmsg', serverid: next.id });
    await expect(colonies(colony, colony.serverOwner)).rejects.toEqual(notServerOwner);
    expect(await colonies(colony, next)).toHaveLength(1);
    await colony.restart();
    await expect(colonies(colony, colony.serverOwner)).rejects.toEqual(notServerOwner);
    expect(await colonies(colony, next)).toHaveLength(1);
  });

  test('belongs to the id it is started with when that is a new one: a lost key can be replaced', async () => {
    await using colony = await startTestColony(quick);
    const [lost, replacement] = [generateIdentity(), generateIdentity()];
    await changeServer(colony, colony.serverOwner, lost);
    await colony.server.stop();
    const options = { ...quick, port: 0, databasePath: colony.databasePath, serverId: replacement.id };
    await using again = await startServer(options);
    await expect(rpc(again.address, lost, getColonies, {})).rejects.toEqual(notServerOwner);
    expect(await rpc(again.address, replacement, getColonies, {})).toHaveLength(1);
  });

  test('is changed by its owner only, to an id only', async () => {
    await using colony = await startTestColony(quick);
    const callers = await gatherCallers(colony);
    const request = { serverId: generateIdentity().id };
    for (const caller of NON_SERVER_OWNERS) {
      await expect(colony.call(callers[caller], changeServerId, request)).rejects.toEqual(notServerOwner);
    }
    await requireIds(colony, colony.serverOwner, changeServerId, 'serverid', 'colony');
  });
});

/** What is no id is refused, in the official server's words. */
async function requireIds(
  colony: TestColony,
  identity: Identity,
  { type }: Pick<Message, 'type'>,
  key: string,
  kind: 'colony' | 'user',
): Promise<void> {
  const change = (id: unknown) => rpcRaw(colony.address, identity, type, { colonyname: colonyName, [key]: id });
  await expect(change('')).rejects.toEqual(refusal(400, `Failed to change ${kind} Id, ${kind} Id is empty`));
  for (const id of ['short', 'X'.repeat(64), 'a'.repeat(65)]) {
    await expect(change(id)).rejects.toEqual(
      refusal(400, `Failed to change ${kind} Id, new ${kind} Id is not 64 characters`),
    );
  }
  await expect(change(7)).rejects.toMatchObject({ status: 400 });
}

describe('a colony', () => {
  test('changes its owner, and the server still starts with the id it was founded with', async () => {
    await using colony = await startTestColony(quick);
    const next = generateIdentity();
    const echo = await colony.call(colony.colonyOwner, changeColonyId, { colonyName, colonyId: next.id });
    expect(echo).toEqual({ msgtype: 'changecolonyidmsg', colonyname: colonyName, colonyid: next.id });
    const user = { colonyName, userId: generateIdentity().id, name: 'new', email: '', phone: '' };
    const notOwner = refusal(403, 'Access denied, not colony owner');
    await expect(colony.call(colony.colonyOwner, addUser, { user })).rejects.toEqual(notOwner);
    await colony.restart();
    await expect(colony.call(colony.colonyOwner, addUser, { user })).rejects.toEqual(notOwner);
    expect(await colony.call(next, addUser, { user })).toEqual(user);
  });

  test('is changed by its owner only', async () => {
    await using colony = await startTestColony(quick);
    const callers = await gatherCallers(colony);
    const own = { colonyName, colonyId: colony.colonyOwner.id };
    expect(await refusedCallers(colony, callers, changeColonyId, own)).toEqual(NON_OWNERS);
  });

  test('gets nothing but an id, and none that another colony has', async () => {
    await using colony = await startTestColony(quick);
    await gatherCallers(colony);
    const [, neighbour] = (await colonies(colony, colony.serverOwner)).toSorted((one) =>
      one.name === 'test' ? -1 : 1,
    );
    const theirs = neighbour?.colonyId ?? '';
    await expect(colony.call(colony.colonyOwner, changeColonyId, { colonyName, colonyId: theirs })).rejects.toEqual(
      refusal(400, `A Colony with Id <${theirs}> already exists`),
    );
    await requireIds(colony, colony.colonyOwner, changeColonyId, 'colonyid', 'colony');
    const own = { colonyName, colonyId: colony.colonyOwner.id };
    expect(await colony.call(colony.colonyOwner, changeColonyId, own)).toMatchObject({ colonyid: own.colonyId });
  });
});

describe('a user', () => {
  test('changes its id, keeps what it submitted, and the server still starts with the first one', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const [waiting, done] = [await colony.submit({ priority: -1 }, 'worker'), await colony.submit({}, 'worker')];
    await succeed(colony, executor, await assign(colony, executor));
    const next = generateIdentity();
    const echo = await colony.call(colony.user, changeUserId, { colonyName, userId: next.id });
    expect(echo).toEqual({ msgtype: 'changeuseridmsg', colonyname: colonyName, userid: next.id });
    const spec = functionSpec(colonyName, 'worker');
    await expect(colony.call(colony.user, submitFunctionSpec, { spec })).rejects.toMatchObject({ status: 403 });
    await colony.restart();
    await expect(colony.call(colony.user, submitFunctionSpec, { spec })).rejects.toMatchObject({ status: 403 });
    expect(await colony.call(next, submitFunctionSpec, { spec })).toMatchObject({ initiatorName: 'user' });
    const processes = await Promise.all(
      [waiting, done].map(({ processId }) => rpcRaw(colony.address, next, 'getprocessmsg', { processid: processId })),
    );
    expect(processes).toMatchObject([{ initiatorid: next.id }, { initiatorid: colony.user.id }]);
  });

  test('must be one, and does not take the id of anybody else', async () => {
    await using colony = await startTestColony(quick);
    const callers = await gatherCallers(colony);
    const change = (identity: Identity, userId: string) => colony.call(identity, changeUserId, { colonyName, userId });
    const taken = refusal(400, 'Failed to change user Id, somebody has this Id already');
    for (const { id } of Object.values(callers).filter((identity) => identity !== callers.stranger)) {
      await expect(change(colony.user, id)).rejects.toEqual(taken);
    }
    const free = generateIdentity().id;
    for (const identity of [callers.executor, callers.pending]) {
      await expect(change(identity, free)).rejects.toEqual(refusal(400, 'Failed to change user Id, user not found'));
    }
    expect(await refusedCallers(colony, callers, changeUserId, { colonyName, userId: '' })).toEqual(NON_LOOSE_MEMBERS);
    await requireIds(colony, colony.user, changeUserId, 'userid', 'user');
    expect(await colony.call(colony.user, getUser, { colonyName, name: 'user' })).toMatchObject({
      userId: colony.user.id,
    });
  });
});
