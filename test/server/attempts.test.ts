import { describe, expect, test } from 'vitest';
import { approveExecutor, removeExecutor } from '../../colony/messages/executors.ts';
import { addLog, getLogs } from '../../colony/messages/logs.ts';
import {
  addAttribute,
  closeFailed,
  closeSuccessful,
  type Process,
  setOutput,
} from '../../colony/messages/processes.ts';
import { addChild } from '../../colony/messages/workflows.ts';
import { rpcRaw } from '../support/rpc.ts';
import { refusal } from '../support/roster.ts';
import { assign, quick, submitGraph, succeed } from '../support/server-calls.ts';
import { functionSpec, startTestColony, type TestColony, type TestExecutor } from '../support/test-colony.ts';

/** A process that the same executor was given twice: its first attempt ran out of time. */
async function givenTwice(colony: TestColony) {
  const executor = await colony.addExecutor('worker');
  const submitted = await colony.submit({ maxExecTimeSeconds: 1, maxRetries: 5 }, 'worker');
  const first = await assign(colony, executor);
  const second = await assign(colony, executor);
  expect([submitted.attempt, first.attempt, second.attempt]).toEqual([0, 1, 2]);
  expect(second.processId).toBe(first.processId);
  return { executor, first, second };
}

const attribute = (processId: string) => ({
  attributeId: '',
  processId,
  colonyName: '',
  workflowId: '',
  state: 0,
  attributeType: 1,
  key: 'k',
  value: 'v',
});

/** Everything an executor may send about its process, in the name of an attempt. */
function reports(colony: TestColony, { identity }: TestExecutor, processId: string, attempt: number | undefined) {
  return {
    log: () => colony.call(identity, addLog, { processId, attempt, message: 'hello' }),
    output: () => colony.call(identity, setOutput, { processId, attempt, output: ['set'] }),
    attribute: () => colony.call(identity, addAttribute, { attempt, attribute: attribute(processId) }),
    failure: () => colony.call(identity, closeFailed, { processId, attempt, errors: ['late'] }),
    success: () => colony.call(identity, closeSuccessful, { processId, attempt, output: ['late'] }),
  };
}

const over = (failure: string, attempt: number, current: number): unknown =>
  refusal(403, `${failure}, attempt ${attempt} is over: the process is at attempt ${current}`);

describe('what an earlier attempt of the same executor sends late', () => {
  test('is refused and changes nothing, while the later attempt runs', async () => {
    await using colony = await startTestColony(quick);
    const { executor, first, second } = await givenTwice(colony);
    const { processId } = first;
    const late = reports(colony, executor, processId, first.attempt);
    await expect(late.log()).rejects.toEqual(over('Failed to add log', 1, 2));
    await expect(late.output()).rejects.toEqual(over('Failed to set output', 1, 2));
    await expect(late.attribute()).rejects.toEqual(over('Failed to add attribute', 1, 2));
    await expect(late.failure()).rejects.toEqual(over('Failed to close process as failed', 1, 2));
    await expect(late.success()).rejects.toEqual(over('Failed to close process as successful', 1, 2));
    expect(await colony.getProcess(processId)).toMatchObject({ state: 'running', output: [], attributes: [] });
    const logs = { colonyName: 'test', processId, executorName: '', count: 10, sinceNs: 0, latest: false };
    expect(await colony.call(colony.user, getLogs, logs)).toEqual([]);

    const timely = reports(colony, executor, processId, second.attempt);
    await timely.log();
    await timely.output();
    await timely.attribute();
    await timely.success();
    expect(await colony.getProcess(processId)).toMatchObject({ state: 'success', output: ['late'], attempt: 2 });
  });

  test('is refused when the later attempt has ended, and so is a second close of that', async () => {
    await using colony = await startTestColony(quick);
    const { executor, first, second } = await givenTwice(colony);
    await reports(colony, executor, second.processId, second.attempt).failure();
    await expect(reports(colony, executor, first.processId, first.attempt).success()).rejects.toEqual(
      over('Failed to close process as successful', 1, 2),
    );
    await expect(reports(colony, executor, first.processId, second.attempt).success()).rejects.toEqual(
      refusal(400, 'Tried to set failed process as successful'),
    );
  });

  test('is accepted without the attempt, as from the official clients', async () => {
    await using colony = await startTestColony(quick);
    const { executor, first } = await givenTwice(colony);
    await reports(colony, executor, first.processId, undefined).success();
    expect(await colony.getProcess(first.processId)).toMatchObject({ state: 'success', attempt: 2 });
  });
});

test('an attempt that no process can be at is refused, and one that is no number cannot be read', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  await colony.submit({}, 'worker');
  const { processId } = await assign(colony, executor);
  await expect(reports(colony, executor, processId, 7).success()).rejects.toEqual(
    over('Failed to close process as successful', 7, 1),
  );
  for (const attempt of ['1', 1.5, {}]) {
    const close = rpcRaw(colony.address, executor.identity, 'closesuccessfulmsg', { processid: processId, attempt });
    await expect(close).rejects.toEqual(refusal(400, 'Failed to close successful, invalid JSON'));
  }
  await rpcRaw(colony.address, executor.identity, 'closesuccessfulmsg', { processid: processId, attempt: null });
});

test('every hand-over counts, also the one after the executor was removed', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker', 'w');
  await colony.submit({}, 'worker');
  const first: Process = await assign(colony, executor);
  const named = { colonyName: 'test', executorName: 'w' };
  await colony.call(colony.colonyOwner, removeExecutor, named);
  await colony.call(colony.colonyOwner, approveExecutor, named);
  const second = await assign(colony, executor);
  expect(second).toMatchObject({ processId: first.processId, retries: 0, attempt: 2 });
  await expect(reports(colony, executor, first.processId, first.attempt).success()).rejects.toEqual(
    over('Failed to close process as successful', 1, 2),
  );
});

test('a child is added by the attempt that runs', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const { workflowId } = await submitGraph(colony, 'worker', { a: [] });
  const parent = await assign(colony, executor);
  const add = (attempt: number) =>
    colony.call(executor.identity, addChild, {
      workflowId,
      attempt,
      parentProcessId: parent.processId,
      childProcessId: '',
      spec: functionSpec('test', 'worker', { nodeName: `child-of-${attempt}` }),
      insert: false,
    });
  await expect(add(2)).rejects.toEqual(
    refusal(403, 'Failed to add child, attempt 2 is over: the process is at attempt 1'),
  );
  await add(1);
  await succeed(colony, executor, parent);
  expect(await assign(colony, executor)).toMatchObject({ spec: { nodeName: 'child-of-1' } });
});
