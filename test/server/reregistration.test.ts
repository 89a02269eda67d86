import { expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import {
  addExecutor,
  addFunction,
  approveExecutor,
  getExecutor,
  getFunctions,
  removeExecutor,
} from '../../colony/messages/executors.ts';
import { rpcRaw } from '../support/rpc.ts';
import { refusal } from '../support/roster.ts';
import { assign, quick, succeed } from '../support/server-calls.ts';
import { executorRegistration, startTestColony, type TestColony, type TestExecutor } from '../support/test-colony.ts';

const named = { colonyName: 'test', executorName: 'w' };

function register(colony: TestColony, executor: TestExecutor) {
  return colony.call(colony.colonyOwner, addExecutor, { executor: executorRegistration('test', executor) });
}

/** An executor that is allowed to run something, and the one that shall take its name. */
async function predecessor(colony: TestColony) {
  const old = await colony.addExecutor('worker', 'w');
  const fun = { colonyname: 'test', executorname: 'w', funcname: 'f' };
  await rpcRaw(colony.address, old.identity, addFunction.type, { fun });
  const submitted = await colony.submit({}, 'worker');
  await assign(colony, old);
  return { old, submitted, next: { identity: generateIdentity(), type: 'worker', name: 'w' } };
}

test('the name of an executor is taken for ever, unless the server is told otherwise', async () => {
  await using colony = await startTestColony(quick);
  const { next } = await predecessor(colony);
  const taken = refusal(400, 'Executor with name <w> in Colony <test> already exists');
  await expect(register(colony, next)).rejects.toEqual(taken);
  await colony.call(colony.colonyOwner, removeExecutor, named);
  await expect(register(colony, next)).rejects.toEqual(taken);
});

test('with the option a new key takes the name: pending, without functions, and what ran waits again', async () => {
  await using colony = await startTestColony({ ...quick, allowExecutorReregister: true });
  const { old, next, submitted } = await predecessor(colony);
  const registered = await register(colony, { ...next, type: 'other' });
  expect(registered).toMatchObject({
    state: 'pending',
    executorId: next.identity.id,
    executorType: 'other',
    lastHeardFromTime: undefined,
  });
  expect(await colony.call(colony.user, getFunctions, named)).toEqual([]);
  expect(await colony.getProcess(submitted.processId)).toMatchObject({ state: 'waiting', isAssigned: false });
  await expect(succeed(colony, old, submitted)).rejects.toMatchObject({ status: 403 });
  await expect(assign(colony, old, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 403 });
  await expect(assign(colony, next, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 403 });
  await colony.call(colony.colonyOwner, approveExecutor, named);
  await expect(assign(colony, next, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 404 });
});

test('a daemon comes back under its name with a fresh key, and goes on with what waits', async () => {
  await using colony = await startTestColony({ ...quick, allowExecutorReregister: true });
  const { next, submitted } = await predecessor(colony);
  await colony.call(colony.colonyOwner, removeExecutor, named);
  await register(colony, next);
  await colony.call(colony.colonyOwner, approveExecutor, named);
  expect(await assign(colony, next)).toMatchObject({ processId: submitted.processId, attempt: 2 });
  await succeed(colony, next, submitted);
  expect(await colony.call(colony.user, getExecutor, named)).toMatchObject({
    state: 'approved',
    executorId: next.identity.id,
  });
});

test('the long poll of the old key is refused when its name goes to another', async () => {
  await using colony = await startTestColony({ ...quick, allowExecutorReregister: true });
  const idle = await colony.addExecutor('worker', 'w');
  const poll = assign(colony, idle).catch((thrown: unknown) => thrown);
  await expect(assign(colony, idle, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 404 });
  await register(colony, { identity: generateIdentity(), type: 'worker', name: 'w' });
  await colony.submit({}, 'worker');
  expect(await poll).toMatchObject({ status: 403 });
});

test('other executors keep their names and their work', async () => {
  await using colony = await startTestColony({ ...quick, allowExecutorReregister: true });
  const other = await colony.addExecutor('worker', 'v');
  const { next } = await predecessor(colony);
  await register(colony, next);
  await colony.submit({}, 'worker');
  expect(await assign(colony, other)).toMatchObject({ assignedExecutorId: other.identity.id });
});
