import { describe, expect, test } from 'vitest';
import {
  addAttribute,
  cancelProcess,
  closeSuccessful,
  getAttribute,
  getProcesses,
  removeAllProcesses,
  removeProcess,
  setOutput,
  submitFunctionSpec,
} from '../../colony/messages/processes.ts';
import { rpc, rpcRaw } from '../support/rpc.ts';
import { assign, fail, quick, succeed } from '../support/server-calls.ts';
import { functionSpec, startTestColony, type TestColony } from '../support/test-colony.ts';

const refused = (status: number, serverMessage: string): unknown => expect.objectContaining({ status, serverMessage });

/** A process that an executor runs. */
async function running(colony: TestColony, spec: Parameters<TestColony['submit']>[0] = {}) {
  const executor = await colony.addExecutor('worker');
  await colony.submit(spec, 'worker');
  return { executor, process: await assign(colony, executor) };
}

test('a failed process keeps its output and shows its errors; it is not tried again', async () => {
  await using colony = await startTestColony(quick);
  const { executor, process } = await running(colony, { maxRetries: 5 });
  await colony.call(executor.identity, setOutput, { processId: process.processId, output: ['partly'] });
  await fail(colony, executor, process, ['a', 'b']);
  const closed = await colony.getProcess(process.processId);
  expect(closed).toMatchObject({ state: 'failed', output: ['partly'], errors: ['a', 'b'], isAssigned: true });
  expect(closed.endTime).toBeInstanceOf(Date);
});

test('closing without output keeps what was set before', async () => {
  await using colony = await startTestColony(quick);
  const { executor, process } = await running(colony);
  await colony.call(executor.identity, setOutput, { processId: process.processId, output: ['set'] });
  await succeed(colony, executor, process);
  expect(await colony.getProcess(process.processId)).toMatchObject({ state: 'success', output: ['set'] });
});

describe('closing is refused', () => {
  test('to others than the executor that runs the process', async () => {
    await using colony = await startTestColony(quick);
    const { process } = await running(colony);
    const other = await colony.addExecutor('worker');
    await expect(succeed(colony, other, process)).rejects.toEqual(
      refused(403, 'Failed to close process as successful, not allowed to close process as successful'),
    );
    await expect(fail(colony, other, process)).rejects.toEqual(
      refused(403, 'Failed to close process as failed, not allowed to close process as failed'),
    );
  });

  test('before the process is assigned, and when there is none', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const process = await colony.submit({}, 'worker');
    await expect(succeed(colony, executor, process)).rejects.toEqual(
      refused(403, 'Failed to close process as successful, process is not assigned'),
    );
    await expect(succeed(colony, executor, { processId: 'nope' })).rejects.toEqual(
      refused(500, 'Failed to close process as successful, process is nil'),
    );
  });

  test('a second time, and nothing changes', async () => {
    await using colony = await startTestColony(quick);
    const { executor, process } = await running(colony);
    await succeed(colony, executor, process, ['right']);
    const closed = await colony.getProcess(process.processId);
    await expect(succeed(colony, executor, process, ['late'])).rejects.toEqual(
      refused(400, 'Tried to set successful process as successful'),
    );
    await expect(fail(colony, executor, process, ['late'])).rejects.toEqual(
      refused(400, 'Tried to set successful process as failed'),
    );
    expect(await colony.getProcess(process.processId)).toEqual(closed);
  });

  test('after a cancellation, and no output is taken', async () => {
    await using colony = await startTestColony(quick);
    const { executor, process } = await running(colony);
    await colony.call(colony.user, cancelProcess, process);
    await expect(succeed(colony, executor, process, ['late'])).rejects.toEqual(
      refused(400, 'Tried to set cancelled process as successful'),
    );
    await expect(
      colony.call(executor.identity, setOutput, { processId: process.processId, output: ['late'] }),
    ).rejects.toEqual(refused(403, 'Failed to set output, process is not running'));
    expect(await colony.getProcess(process.processId)).toMatchObject({ state: 'cancelled', output: [] });
    await expect(colony.call(colony.user, cancelProcess, process)).rejects.toEqual(
      refused(400, 'Tried to cancel already cancelled process'),
    );
  });
});

describe('a request with a nonce', () => {
  test('that is repeated gets the same answer and is done once', async () => {
    await using colony = await startTestColony(quick);
    const submit = () =>
      rpc(
        colony.address,
        colony.user,
        submitFunctionSpec,
        { spec: functionSpec('test', 'worker') },
        { extra: { nonce: 'one' } },
      );
    const first = await submit();
    expect(await submit()).toEqual(first);
    await colony.restart();
    expect(await submit()).toEqual(first);
    const executor = await colony.addExecutor('worker');
    const process = await assign(colony, executor);
    const close = () =>
      rpc(
        colony.address,
        executor.identity,
        closeSuccessful,
        { processId: process.processId, output: ['x'] },
        { extra: { nonce: 'two' } },
      );
    await close();
    expect(await close()).toBeUndefined();
    await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 404 });
  });

  test('that submits gets the process as it was then, whatever has happened to it since, until it is removed', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const spec = functionSpec('test', 'worker', { env: { b: '1', a: '2' }, maxWaitTimeSeconds: 100, maxRetries: 3 });
    const submit = () => rpc(colony.address, colony.user, submitFunctionSpec, { spec }, { extra: { nonce: 'one' } });
    const first = await submit();
    expect(await colony.getProcess(first.processId)).toEqual(first);
    const process = await assign(colony, executor);
    const fields = { attributeId: '', processId: process.processId, colonyName: 'test', workflowId: '', state: 0 };
    await colony.call(executor.identity, addAttribute, {
      attribute: { ...fields, attributeType: 3, key: 'c', value: '3' },
    });
    expect(await submit()).toEqual(first);
    await fail(colony, executor, process, ['no']);
    expect(await submit()).toEqual(first);
    await colony.call(colony.user, removeProcess, process);
    await expect(submit()).rejects.toMatchObject({ status: 404 });
  });

  test('is done again when somebody else signs it, and when it was refused before', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const submit = (identity = colony.user) =>
      rpc(
        colony.address,
        identity,
        submitFunctionSpec,
        { spec: functionSpec('test', 'worker') },
        { extra: { nonce: 'one' } },
      );
    const { processId } = await submit();
    expect((await submit(executor.identity)).processId).not.toBe(processId);
    const close = () =>
      rpc(colony.address, executor.identity, closeSuccessful, { processId, output: [] }, { extra: { nonce: 'two' } });
    await expect(close()).rejects.toMatchObject({ status: 403 });
    await assign(colony, executor);
    expect(await close()).toBeUndefined();
  });
});

describe('a request that says when it was issued', () => {
  const minuteMs = 60_000;
  const startMs = Date.UTC(2026, 10, 20);

  test.for([
    ['by a clock that is right', 0],
    ['by a clock that is ahead', 10],
    ['by a clock that is behind', -10],
  ] as const)('%s is done once, however late it is repeated', async ([, aheadMinutes]) => {
    let nowMs = startMs;
    await using colony = await startTestColony({ ...quick, clock: () => nowMs });
    const extra = { nonce: 'one', issuedat: startMs + aheadMinutes * minuteMs };
    const submit = () =>
      rpc(colony.address, colony.user, submitFunctionSpec, { spec: functionSpec('test', 'worker') }, { extra });
    const { processId } = await submit();
    for (let minutes = 1; minutes <= 25; minutes += 1) {
      nowMs = startMs + minutes * minuteMs;
      const repeated = await submit().catch((thrown: unknown) => thrown);
      const tooOld = {
        status: 400,
        serverMessage: expect.stringMatching(/^The request is too old .* check the clocks/u),
      };
      expect(repeated).toMatchObject(minutes > 10 + aheadMinutes ? tooOld : { processId });
    }
    const waiting = { colonyName: 'test', count: 10, state: 0, executorType: '', label: '', initiator: '' };
    expect(await colony.call(colony.user, getProcesses, waiting)).toHaveLength(1);
  });

  test('far in the future, or in other words than a number, is refused', async () => {
    await using colony = await startTestColony({ ...quick, clock: () => startMs });
    for (const issuedat of [startMs + 11 * minuteMs, startMs - 11 * minuteMs, 'now', 1e300]) {
      const submitted = rpc(
        colony.address,
        colony.user,
        submitFunctionSpec,
        { spec: functionSpec('test', 'worker') },
        { extra: { nonce: 'one', issuedat } },
      );
      await expect(submitted).rejects.toMatchObject({ status: 400 });
    }
  });
});

test('the same request without a nonce is done again, as users of other clients expect', async () => {
  await using colony = await startTestColony(quick);
  const [first, second] = [await colony.submit({}, 'worker'), await colony.submit({}, 'worker')];
  expect(first.processId).not.toBe(second.processId);
});

test('only processes outside workflows that do not run are removed', async () => {
  await using colony = await startTestColony(quick);
  const { process } = await running(colony);
  const { processId } = await colony.submit({}, 'worker');
  await expect(colony.call(colony.user, removeProcess, process)).rejects.toEqual(
    refused(400, 'Failed to remove process, cannot remove a running process'),
  );
  await colony.call(colony.user, removeProcess, { processId });
  await expect(colony.getProcess(processId)).rejects.toEqual(refused(404, 'Failed to get process, process not found'));
  const removeAll = (state: number) =>
    colony.call(colony.colonyOwner, removeAllProcesses, { colonyName: 'test', state });
  await expect(removeAll(1)).rejects.toEqual(refused(400, 'Not possible to remove running processes'));
  await expect(removeAll(7)).rejects.toEqual(refused(400, 'Invalid state when deleting all processes'));
  await removeAll(-1);
  await expect(colony.getProcess(process.processId)).rejects.toMatchObject({ status: 404 });
});

test('lists are filtered, limited and ordered', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  for (const label of ['a', 'b', 'a']) await colony.submit({ label, functionName: label }, 'worker');
  const list = (request: object) =>
    colony.call(colony.user, getProcesses, {
      colonyName: 'test',
      count: 100,
      state: 0,
      executorType: '',
      label: '',
      initiator: '',
      ...request,
    });
  expect(await list({ label: 'a' })).toHaveLength(2);
  expect(await list({ executorType: 'other' })).toEqual([]);
  expect(await list({ initiator: 'user', count: 2 })).toHaveLength(2);
  await expect(list({ initiator: 'bob' })).rejects.toEqual(refused(400, 'User <bob> does not exist'));
  await expect(list({ count: 101 })).rejects.toEqual(refused(400, 'Count is larger than MaxCount limit <100>'));
  await expect(list({ state: 5 })).rejects.toEqual(refused(400, 'Failed to get processes, invalid msg.State'));
  const ended = [];
  for (let index = 0; index < 3; index++) {
    const process = await assign(colony, executor);
    await succeed(colony, executor, process);
    ended.unshift(process.processId);
  }
  expect((await list({ state: 2 })).map(({ processId }) => processId)).toEqual(ended);
});

test('attributes belong to the executor that runs the process, and a key is set once', async () => {
  await using colony = await startTestColony(quick);
  const { executor, process } = await running(colony);
  const other = await colony.addExecutor('worker');
  const attribute = { targetid: process.processId, attributetype: 1, key: 'k', value: 'v' };
  const added = await rpcRaw(colony.address, executor.identity, addAttribute.type, { attribute });
  expect(added).toMatchObject({ ...attribute, state: 1, targetprocessgraphid: '' });
  await expect(rpcRaw(colony.address, other.identity, addAttribute.type, { attribute })).rejects.toEqual(
    refused(
      403,
      `Failed to add attribute, only executor with id <${executor.identity.id}> is allowed to set attributes`,
    ),
  );
  await expect(rpcRaw(colony.address, executor.identity, addAttribute.type, { attribute })).rejects.toMatchObject({
    status: 400,
  });
  const [stored] = (await colony.getProcess(process.processId)).attributes;
  expect(await colony.call(colony.user, getAttribute, { attributeId: stored?.attributeId ?? '' })).toEqual(stored);
  await expect(colony.call(colony.user, getAttribute, { attributeId: 'nope' })).rejects.toEqual(
    refused(400, 'Attribute does not exists'),
  );
});
