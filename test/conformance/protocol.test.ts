import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ColoniesClient, createColoniesClient } from '../../colony/client.ts';
import { generateIdentity } from '../../colony/identity.ts';
import type { Process } from '../../colony/messages/processes.ts';
import { functionSpec } from '../support/test-colony.ts';
import { until } from '../support/processes.ts';
import { openWorld, type World } from './world.ts';

/** What our client and our executors rely on, through the client. */

let world: World;
let colonyName: string;
let user: ColoniesClient;

beforeAll(async () => {
  world = await openWorld();
  ({ colonyName } = world);
  user = createColoniesClient({ server: world.address, identity: world.people.user });
});

afterAll(() => world[Symbol.asyncDispose]());

/** An executor of a type of its own, and a client that signs as it. */
async function addExecutor() {
  const { identity, name, type } = await world.addExecutor();
  return { client: createColoniesClient({ server: world.address, identity }), name, type };
}

const NO_LIMITS = { availableCpu: '', availableMemory: '' };

function assign(client: ColoniesClient, timeoutSeconds = 10): Promise<Process> {
  return client.assignProcess({ colonyName, timeoutSeconds, ...NO_LIMITS });
}

async function submit(type: string, fields: Parameters<typeof functionSpec>[2] = {}): Promise<Process> {
  return user.submitFunctionSpec({ spec: functionSpec(colonyName, type, fields) });
}

/** Submits a workflow of nodes of one type; `dependencies` by node name. */
async function submitWorkflow(
  type: string,
  dependencies: Readonly<Record<string, readonly string[]>>,
): Promise<string> {
  const functionSpecs = Object.entries(dependencies).map(([nodeName, names]) =>
    functionSpec(colonyName, type, { nodeName, conditions: { dependencies: names } }),
  );
  return (await user.submitWorkflowSpec({ spec: { colonyName, functionSpecs } })).workflowId;
}

test('a submitted process goes to an executor of its type and keeps its arguments and output', async () => {
  const { client, type } = await addExecutor();
  const { processId } = await submit(type, { functionName: 'add', args: [1, 'two'], kwargs: { three: '3' } });
  const assigned = await assign(client);
  expect(assigned).toMatchObject({ processId, state: 'running', isAssigned: true });
  expect(assigned.spec).toMatchObject({ functionName: 'add', args: [1, 'two'], kwargs: { three: '3' } });
  await client.closeSuccessful({ processId, output: ['six'] });
  expect(await user.getProcess({ processId })).toMatchObject({ state: 'success', output: ['six'], errors: [] });
});

test('nothing to assign is status 404 with the words that executors wait for', async () => {
  const { client } = await addExecutor();
  await expect(assign(client, -1)).rejects.toMatchObject({
    status: 404,
    serverMessage: 'No process available for assignment',
  });
});

test('asking with a negative amount of processor takes nothing: the sign of life of a busy executor', async () => {
  const { client, type } = await addExecutor();
  const { processId } = await submit(type);
  const heartbeat = { colonyName, timeoutSeconds: -1, availableCpu: '-1m', availableMemory: '' };
  await expect(client.assignProcess(heartbeat)).rejects.toMatchObject({ status: 404 });
  expect(await user.getProcess({ processId })).toMatchObject({ state: 'waiting' });
});

test('a waiting poll is answered when work arrives', async () => {
  const { client, type } = await addExecutor();
  const poll = assign(client);
  const { processId } = await submit(type);
  expect((await poll).processId).toBe(processId);
});

test('higher priority goes first, then the older process', async () => {
  const { client, type } = await addExecutor();
  const plain = [await submit(type), await submit(type)];
  const urgent = await submit(type, { priority: 1 });
  const order = [await assign(client), await assign(client), await assign(client)];
  expect(order.map(({ processId }) => processId)).toEqual([urgent, ...plain].map(({ processId }) => processId));
});

test('a child starts after its parents, with their outputs in the order of its dependencies', async () => {
  const { client, type } = await addExecutor();
  const workflowId = await submitWorkflow(type, { a: [], b: [], sum: ['b', 'a'] });
  for (let root = 0; root < 2; root += 1) {
    const { processId, spec } = await assign(client);
    await client.closeSuccessful({ processId, output: [`${spec.nodeName}1`, `${spec.nodeName}2`] });
  }
  const child = await assign(client);
  expect(child.spec.nodeName).toBe('sum');
  expect(child.input).toEqual(['b1', 'b2', 'a1', 'a2']);
  await client.closeSuccessful({ processId: child.processId, output: ['done'] });
  expect(await user.getWorkflow({ workflowId })).toMatchObject({ state: 'success' });
});

test('a failed parent fails its waiting children and the workflow', async () => {
  const { client, type } = await addExecutor();
  const workflowId = await submitWorkflow(type, { a: [], sum: ['a'] });
  const { processId } = await assign(client);
  await client.closeFailed({ processId, errors: ['no data'] });
  expect(await user.getProcess({ processId })).toMatchObject({ state: 'failed', errors: ['no data'] });
  const { state, processIds } = await user.getWorkflow({ workflowId });
  expect(state).toBe('failed');
  const states = await Promise.all(processIds.map(async (id) => (await user.getProcess({ processId: id })).state));
  expect(states).toEqual(['failed', 'failed']);
});

test('only the executor it is assigned to closes a process', async () => {
  const { client, type } = await addExecutor();
  const other = await addExecutor();
  const { processId } = await submit(type);
  await expect(client.closeSuccessful({ processId, output: [] })).rejects.toMatchObject({ status: 403 });
  await assign(client);
  await expect(other.client.closeSuccessful({ processId, output: [] })).rejects.toMatchObject({ status: 403 });
  await client.closeSuccessful({ processId, output: ['mine'] });
});

test('a process that runs out of time is handed out again, and the late answer is refused', async () => {
  const { client, type } = await addExecutor();
  const { processId } = await submit(type, { maxExecTimeSeconds: 1, maxRetries: 1 });
  await assign(client);
  await until(async () => (await user.getProcess({ processId })).state === 'waiting');
  await expect(client.closeSuccessful({ processId, output: ['late'] })).rejects.toMatchObject({ status: 403 });
  expect(await assign(client)).toMatchObject({ processId, retries: 1 });
  await client.closeSuccessful({ processId, output: ['in time'] });
});

test('a process that runs out of time for the last time has failed', async () => {
  const { client, type } = await addExecutor();
  const { processId } = await submit(type, { maxExecTimeSeconds: 1, maxRetries: 0 });
  await assign(client);
  await until(async () => (await user.getProcess({ processId })).state === 'failed');
  expect((await user.getProcess({ processId })).errors).toEqual(['Maximum execution time limit exceeded']);
});

test('cancelling ends waiting processes and workflows', async () => {
  const { type } = await addExecutor();
  const { processId } = await submit(type);
  await user.cancelProcess({ processId });
  expect(await user.getProcess({ processId })).toMatchObject({ state: 'cancelled' });
  const workflowId = await submitWorkflow(type, { a: [], b: ['a'] });
  await user.cancelWorkflow({ workflowId });
  expect(await user.getWorkflow({ workflowId })).toMatchObject({ state: 'cancelled' });
});

test('lines that an executor adds to a running process are read in their order', async () => {
  const { client, type } = await addExecutor();
  const { processId } = await submit(type);
  await assign(client);
  await client.addLog({ processId, message: 'first' });
  await client.addLog({ processId, message: 'second' });
  const query = { colonyName, executorName: '', count: 10, sinceNs: 0, latest: true };
  const lines = await user.getLogs({ ...query, processId });
  expect(lines.map(({ message }) => message)).toEqual(['first', 'second']);
  await client.closeSuccessful({ processId, output: [] });
});

test('a stranger is refused', async () => {
  const { type } = await addExecutor();
  const { processId } = await submit(type);
  await expect(user.getProcess({ processId }, { identity: generateIdentity() })).rejects.toMatchObject({ status: 403 });
  await user.cancelProcess({ processId });
});

test('an unknown process is status 404', async () => {
  await expect(user.getProcess({ processId: 'f'.repeat(64) })).rejects.toMatchObject({ status: 404 });
});
