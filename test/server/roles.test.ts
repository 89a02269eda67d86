import { describe, expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import {
  addColony,
  addUser,
  getColonies,
  getColony,
  getStatistics,
  getUsers,
  removeColony,
  removeUser,
} from '../../colony/messages/colonies.ts';
import {
  addExecutor,
  addFunction,
  approveExecutor,
  getExecutorById,
  getExecutors,
  getFunctions,
  rejectExecutor,
  removeExecutor,
} from '../../colony/messages/executors.ts';
import { addLog } from '../../colony/messages/logs.ts';
import { getProcess, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { rpc, rpcRaw } from '../support/rpc.ts';
import { assign, quick, succeed } from '../support/server-calls.ts';
import { executorRegistration, functionSpec, startTestColony, type TestColony } from '../support/test-colony.ts';

const stranger = generateIdentity();
const refused = (status: number, serverMessage: string): unknown => expect.objectContaining({ status, serverMessage });

/** A second colony on the same server, with a user. */
async function addNeighbour(colony: TestColony) {
  const [owner, user] = [generateIdentity(), generateIdentity()];
  await colony.call(colony.serverOwner, addColony, { colony: { colonyId: owner.id, name: 'neighbour' } });
  const added = { colonyName: 'neighbour', userId: user.id, name: 'user', email: '', phone: '' };
  await colony.call(owner, addUser, { user: added });
  return { owner, user };
}

test('only the server’s owner founds and lists colonies', async () => {
  await using colony = await startTestColony(quick);
  const notOwner = refused(403, 'Access denied, not server owner');
  await expect(colony.call(colony.colonyOwner, getColonies, {})).rejects.toEqual(notOwner);
  await expect(colony.call(stranger, addColony, { colony: { colonyId: stranger.id, name: 'mine' } })).rejects.toEqual(
    notOwner,
  );
  await addNeighbour(colony);
  const colonies = await colony.call(colony.serverOwner, getColonies, {});
  expect(colonies.map(({ name }) => name)).toEqual(['neighbour', 'test']);
});

test('removing a colony removes everything in it, and its executors are strangers', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const process = await colony.submit({ env: { X: '1' } }, 'worker');
  await assign(colony, executor);
  await colony.call(executor.identity, addLog, { processId: process.processId, message: 'hello' });
  const counts = () => colony.call(colony.serverOwner, getStatistics, {});
  expect(await counts()).toMatchObject({ colonies: 1, executors: 1, activeExecutors: 1, runningProcesses: 1 });
  const poll = assign(colony, executor).catch((thrown: unknown) => thrown);
  await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 404 });
  const { colonyName } = colony;
  await colony.call(colony.serverOwner, removeColony, { colonyName });
  expect(await counts()).toMatchObject({ colonies: 0, executors: 0, runningProcesses: 0 });
  await expect(assign(colony, executor)).rejects.toEqual(refused(403, 'Colony with name <test> does not exists'));
  await expect(colony.call(colony.serverOwner, removeColony, { colonyName })).rejects.toEqual(
    refused(400, 'Colony with name <test> not found'),
  );
  expect(await poll).toMatchObject({ status: 403 });
});

test('only the colony’s owner adds and removes members', async () => {
  await using colony = await startTestColony(quick);
  const user = { colonyName: colony.colonyName, userId: stranger.id, name: 'eve', email: '', phone: '' };
  const notOwner = refused(403, 'Access denied, not colony owner');
  await expect(colony.call(colony.user, addUser, { user })).rejects.toEqual(notOwner);
  await expect(colony.call(colony.user, removeUser, { colonyName: colony.colonyName, name: 'user' })).rejects.toEqual(
    notOwner,
  );
  await expect(colony.call(colony.colonyOwner, addUser, { user: { ...user, colonyName: 'nowhere' } })).rejects.toEqual(
    refused(400, 'Colony with name <nowhere> does not exists'),
  );
  await expect(colony.call(colony.colonyOwner, addUser, { user: { ...user, colonyName: '' } })).rejects.toEqual(
    refused(400, 'Colony with name <> does not exists'),
  );
});

test('names and ids are unique in a colony, and names carry no colon', async () => {
  await using colony = await startTestColony(quick);
  const user = { colonyName: colony.colonyName, userId: colony.user.id, name: 'user', email: '', phone: '' };
  const add = (changed: object) => colony.call(colony.colonyOwner, addUser, { user: { ...user, ...changed } });
  await expect(add({})).rejects.toEqual(
    refused(400, 'A user with name <user> already exists in Colony with name <test>'),
  );
  await expect(add({ name: 'other' })).rejects.toEqual(
    refused(400, `A user with Id <${colony.user.id}> already exists in Colony with name <test>`),
  );
  await expect(add({ name: 'a:b', userId: stranger.id })).rejects.toMatchObject({ status: 400 });
  await expect(add({ name: 'b', userId: 'short' })).rejects.toMatchObject({ status: 400 });
});

test('strangers, and owners who are no members, see nothing of a colony', async () => {
  await using colony = await startTestColony(quick);
  const process = await colony.submit({}, 'worker');
  const notMember = refused(403, 'Access denied, not a member of Colony with name <test>');
  for (const identity of [stranger, colony.colonyOwner, colony.serverOwner]) {
    await expect(colony.call(identity, getProcess, process)).rejects.toEqual(notMember);
    await expect(colony.call(identity, getColony, { colonyName: 'test' })).rejects.toEqual(notMember);
  }
  await expect(colony.call(colony.user, getColony, { colonyName: 'nowhere' })).rejects.toEqual(
    refused(403, 'Colony with name <nowhere> does not exists'),
  );
});

test('members of another colony see nothing either', async () => {
  await using colony = await startTestColony(quick);
  const neighbour = await addNeighbour(colony);
  const executor = await colony.addExecutor('worker');
  const process = await colony.submit({}, 'worker');
  const notMember = { status: 403, serverMessage: 'Access denied, not a member of Colony with name <test>' };
  await expect(colony.call(neighbour.user, getProcess, process)).rejects.toMatchObject(notMember);
  await expect(
    colony.call(neighbour.user, submitFunctionSpec, { spec: functionSpec('test', 'worker') }),
  ).rejects.toMatchObject(notMember);
  await expect(
    colony.call(neighbour.user, getExecutorById, { colonyName: 'neighbour', executorId: executor.identity.id }),
  ).rejects.toMatchObject({ status: 404, serverMessage: 'Failed to get executor by ID, executor is nil' });
});

test('an executor whose id somebody registers in another colony works on in its own', async () => {
  await using colony = await startTestColony(quick);
  const neighbour = await addNeighbour(colony);
  const executor = await colony.addExecutor('worker');
  const stolen = executorRegistration('neighbour', { ...executor, name: 'stolen' });
  await colony.call(neighbour.owner, addExecutor, { executor: stolen });
  await colony.call(neighbour.owner, rejectExecutor, { colonyName: 'neighbour', executorName: 'stolen' });
  const { processId } = await colony.submit({}, 'worker');
  const process = await assign(colony, executor);
  expect(process).toMatchObject({ processId, assignedExecutorId: executor.identity.id });
  await succeed(colony, executor, process, ['done']);
  expect(await colony.getProcess(processId)).toMatchObject({ state: 'success', output: ['done'] });
});

describe('an executor', () => {
  test('works only while it is approved, but may always look who else is there', async () => {
    await using colony = await startTestColony(quick);
    const executor = { identity: generateIdentity(), type: 'worker', name: 'w' };
    const { colonyName } = colony;
    const named = { colonyName, executorName: 'w' };
    const registered = await colony.call(colony.colonyOwner, addExecutor, {
      executor: executorRegistration(colonyName, executor),
    });
    expect(registered).toMatchObject({ state: 'pending', lastHeardFromTime: undefined });
    const notMember = refused(403, 'Access denied, not a member of Colony with name <test>');
    const listing = () => colony.call(executor.identity, getExecutors, { colonyName });

    await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toEqual(notMember);
    expect(await listing()).toHaveLength(1);
    await colony.call(colony.colonyOwner, approveExecutor, named);
    await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 404 });
    await colony.call(colony.colonyOwner, rejectExecutor, named);
    await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toEqual(notMember);
    await colony.call(colony.colonyOwner, removeExecutor, named);
    await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toEqual(notMember);
    expect(await listing()).toMatchObject([{ executorName: 'w', state: 'unregistered' }]);
    expect(await colony.call(executor.identity, getUsers, { colonyName })).toHaveLength(1);
  });

  test('cannot take a name that was used before', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker', 'w');
    const { colonyName } = colony;
    await colony.call(colony.colonyOwner, removeExecutor, { colonyName, executorName: 'w' });
    await expect(
      colony.call(colony.colonyOwner, addExecutor, { executor: executorRegistration(colonyName, executor) }),
    ).rejects.toEqual(refused(400, 'Executor with name <w> in Colony <test> already exists'));
  });

  test('comes back with its key under another name', async () => {
    await using colony = await startTestColony(quick);
    const first = await colony.addExecutor('worker', 'w1');
    const { colonyName } = colony;
    await colony.call(colony.colonyOwner, removeExecutor, { colonyName, executorName: 'w1' });
    const second = { ...first, name: 'w2' };
    await colony.call(colony.colonyOwner, addExecutor, { executor: executorRegistration(colonyName, second) });
    await colony.call(colony.colonyOwner, approveExecutor, { colonyName, executorName: 'w2' });
    const submitted = await colony.submit({}, 'worker');
    expect(await assign(colony, second)).toMatchObject({ processId: submitted.processId });
  });

  test('loses its running process when it is removed, and its long poll', async () => {
    await using colony = await startTestColony(quick);
    const [busy, idle, other] = [
      await colony.addExecutor('worker'),
      await colony.addExecutor('idle'),
      await colony.addExecutor('worker'),
    ];
    const submitted = await colony.submit({}, 'worker');
    await assign(colony, busy);
    const poll = assign(colony, idle).catch((thrown: unknown) => thrown);
    const { colonyName } = colony;
    await colony.call(colony.colonyOwner, removeExecutor, { colonyName, executorName: busy.name });
    await colony.call(colony.colonyOwner, removeExecutor, { colonyName, executorName: idle.name });
    const again = await assign(colony, other);
    expect(again).toMatchObject({ processId: submitted.processId, retries: 0 });
    await colony.submit({}, 'idle');
    expect(await poll).toMatchObject({ status: 403 });
  });

  test('registers functions of its own only, and they carry statistics', async () => {
    await using colony = await startTestColony(quick);
    const [one, two] = [await colony.addExecutor('worker'), await colony.addExecutor('worker')];
    const { colonyName } = colony;
    const fun = { colonyname: colonyName, executorname: one.name, funcname: 'f', description: 'does f' };
    const added = await rpcRaw(colony.address, one.identity, addFunction.type, { fun });
    expect(added).toMatchObject({ executorname: one.name, executortype: '', funcname: 'f', counter: 0 });
    await expect(rpcRaw(colony.address, two.identity, addFunction.type, { fun })).rejects.toEqual(
      refused(403, 'Not allowed to add a function to another executor'),
    );
    const listed = await rpc(colony.address, colony.user, getFunctions, { colonyName, executorName: '' });
    expect(listed).toMatchObject([{ functionName: 'f', description: 'does f' }]);
    for (const functionName of ['f', 'f', 'g']) {
      await colony.submit({ functionName }, 'worker');
      await succeed(colony, one, await assign(colony, one));
    }
    const [counted] = await rpc(colony.address, colony.user, getFunctions, { colonyName, executorName: one.name });
    expect(counted).toMatchObject({ counter: 2, functionId: listed[0]?.functionId });
    expect(counted?.averageExecTimeSeconds).toBeLessThanOrEqual(counted?.maxExecTimeSeconds ?? 0);
    await rpcRaw(colony.address, one.identity, 'removefunctionmsg', { functionid: counted?.functionId });
    expect(await rpc(colony.address, colony.user, getFunctions, { colonyName, executorName: '' })).toEqual([]);
  });
});
