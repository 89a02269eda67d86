import { describe, expect, test } from 'vitest';
import { getColonyStatistics } from '../../colony/messages/colonies.ts';
import { getExecutor } from '../../colony/messages/executors.ts';
import { addLog } from '../../colony/messages/logs.ts';
import type { ProcessState } from '../../colony/messages/processes.ts';
import { getWorkflow } from '../../colony/messages/workflows.ts';
import { until } from '../support/processes.ts';
import { assign, nodesOf, quick, submitGraph, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

/** A colony whose time passes only when told. */
async function startColonyWithClock() {
  let nowMs = Date.UTC(2026, 10, 20);
  const colony = await startTestColony({ ...quick, clock: () => nowMs });
  return {
    colony,
    pass: (seconds: number) => {
      nowMs += seconds * 1000;
    },
    [Symbol.asyncDispose]: () => colony.stop(),
  };
}

async function untilState(colony: TestColony, { processId }: { readonly processId: string }, state: ProcessState) {
  await until(async () => (await colony.getProcess(processId)).state === state);
  return colony.getProcess(processId);
}

describe('a process that runs too long', () => {
  test('is tried again as often as it may, then fails', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    const [first, second] = [await colony.addExecutor('worker'), await colony.addExecutor('worker')];
    const submitted = await colony.submit({ maxExecTimeSeconds: 10, maxRetries: 1 }, 'worker');
    await assign(colony, first);
    pass(11);
    const requeued = await untilState(colony, submitted, 'waiting');
    expect(requeued).toMatchObject({ retries: 1, isAssigned: false, assignedExecutorId: '', endTime: undefined });
    await expect(succeed(colony, first, submitted, ['late'])).rejects.toMatchObject({
      status: 403,
      serverMessage: 'Failed to close process as successful, process is not assigned',
    });
    await assign(colony, second);
    await expect(succeed(colony, first, submitted, ['late'])).rejects.toMatchObject({ status: 403 });
    pass(11);
    const failed = await untilState(colony, submitted, 'failed');
    expect(failed).toMatchObject({ retries: 1, errors: ['Maximum execution time limit exceeded'], output: [] });
    expect(failed.endTime).toBeInstanceOf(Date);
    await expect(succeed(colony, second, submitted, ['late'])).rejects.toMatchObject({
      status: 400,
      serverMessage: 'Tried to set failed process as successful',
    });
  });

  test('is tried without end when its retries are negative', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    const executor = await colony.addExecutor('worker');
    const submitted = await colony.submit({ maxExecTimeSeconds: 1, maxRetries: -1 }, 'worker');
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(await assign(colony, executor)).toMatchObject({ retries: attempt });
      pass(2);
      await untilState(colony, submitted, 'waiting');
    }
  });

  test('wakes an executor that waits for work', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    const [first, second] = [await colony.addExecutor('worker'), await colony.addExecutor('worker')];
    const submitted = await colony.submit({ maxExecTimeSeconds: 10, maxRetries: 1 }, 'worker');
    await assign(colony, first);
    const poll = assign(colony, second);
    pass(11);
    expect(await poll).toMatchObject({ processId: submitted.processId, retries: 1 });
  });
});

test('limits of 0 and less are no limits', async () => {
  await using setting = await startColonyWithClock();
  const { colony, pass } = setting;
  const executor = await colony.addExecutor('worker');
  const limits = [0, -1, -7];
  for (const limit of limits) await colony.submit({ maxExecTimeSeconds: limit, maxWaitTimeSeconds: limit }, 'worker');
  const witness = await colony.submit({ maxWaitTimeSeconds: 30 }, 'other');
  const [first] = [await assign(colony, executor), await assign(colony, executor)];
  pass(400);
  await untilState(colony, witness, 'failed');
  expect(await colony.getProcess(first.processId)).toMatchObject({ state: 'running', execDeadline: undefined });
  expect(await assign(colony, executor)).toMatchObject({ state: 'running' });
});

test('a process that waits too long fails', async () => {
  await using setting = await startColonyWithClock();
  const { colony, pass } = setting;
  const submitted = await colony.submit({ maxWaitTimeSeconds: 5 }, 'worker');
  pass(6);
  expect(await untilState(colony, submitted, 'failed')).toMatchObject({
    errors: ['Maximum waiting time limit exceeded'],
  });
});

test('a node of a workflow that ran out of time takes what depends on it along', async () => {
  await using setting = await startColonyWithClock();
  const { colony, pass } = setting;
  const executor = await colony.addExecutor('worker');
  const workflow = await submitGraph(colony, 'worker', { a: [], b: ['a'] }, { maxExecTimeSeconds: 5 });
  const process = await assign(colony, executor);
  pass(6);
  await untilState(colony, process, 'failed');
  const nodes = await nodesOf(colony, workflow);
  expect(nodes['b']).toMatchObject({ state: 'failed', errors: [expect.stringContaining('node a')] });
  expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'failed' });
});

test('deadlines pass while the server is down, too', async () => {
  await using setting = await startColonyWithClock();
  const { colony, pass } = setting;
  const executor = await colony.addExecutor('worker');
  const submitted = await colony.submit({ maxExecTimeSeconds: 10, maxRetries: 3 }, 'worker');
  await assign(colony, executor);
  await colony.restart();
  expect(await colony.getProcess(submitted.processId)).toMatchObject({ state: 'running' });
  await colony.server.stop();
  pass(11);
  await colony.restart();
  expect(await untilState(colony, submitted, 'waiting')).toMatchObject({ retries: 1 });
});

async function stateOf(colony: TestColony, executorName: string) {
  const { colonyName } = colony;
  return (await colony.call(colony.user, getExecutor, { colonyName, executorName })).state;
}

test('hundreds of deadlines that pass together are all noticed', async () => {
  await using setting = await startColonyWithClock();
  const { colony, pass } = setting;
  const graph = Object.fromEntries(Array.from({ length: 450 }, (_, index) => [`node-${index}`, []]));
  const workflow = await submitGraph(colony, 'nobody', graph, { maxWaitTimeSeconds: 1 });
  pass(2);
  const statistics = (): Promise<{ waitingProcesses: number; failedProcesses: number }> =>
    colony.call(colony.user, getColonyStatistics, { colonyName: colony.colonyName });
  await until(async () => (await statistics()).waitingProcesses === 0);
  expect(await statistics()).toMatchObject({ failedProcesses: 450 });
  expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'failed' });
});

describe('an executor that is not heard from', () => {
  test('is unregistered, and what it was running waits again', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    const executor = await colony.addExecutor('worker');
    const submitted = await colony.submit({}, 'worker');
    await assign(colony, executor);
    pass(601);
    await until(async () => (await stateOf(colony, executor.name)) === 'unregistered');
    expect(await colony.getProcess(submitted.processId)).toMatchObject({ state: 'waiting', retries: 0 });
  });

  test('stays while any of its signed calls arrives', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    const [busy, silent] = [await colony.addExecutor('worker'), await colony.addExecutor('silent')];
    const submitted = await colony.submit({}, 'worker');
    await assign(colony, busy);
    await expect(assign(colony, silent, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 404 });
    pass(400);
    await colony.call(busy.identity, addLog, { processId: submitted.processId, message: 'still here' });
    pass(400);
    await until(async () => (await stateOf(colony, silent.name)) === 'unregistered');
    expect(await stateOf(colony, busy.name)).toBe('approved');
  });

  test('is not blamed for the time in which the server was down', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    const executor = await colony.addExecutor('worker');
    await colony.submit({}, 'worker');
    await assign(colony, executor);
    await colony.server.stop();
    pass(3600);
    await colony.restart();
    const witness = await colony.submit({ maxWaitTimeSeconds: 1 }, 'nobody');
    pass(2);
    await untilState(colony, witness, 'failed');
    expect(await stateOf(colony, executor.name)).toBe('approved');
  });
});
