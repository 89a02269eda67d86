import { describe, expect, test } from 'vitest';
import { addCron, removeCron } from '../../colony/messages/crons.ts';
import { getExecutors, removeExecutor } from '../../colony/messages/executors.ts';
import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { cancelProcess, getAttribute, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { addExecutorLog, addLog, getLogs } from '../../colony/messages/logs.ts';
import { cancelWorkflow, getWorkflow, type Workflow } from '../../colony/messages/workflows.ts';
import { startServer } from '../../server/index.ts';
import { until } from '../support/processes.ts';
import { cronOf } from '../support/recurring.ts';
import { assign, fail, nodesOf, submitGraph, succeed } from '../support/server-calls.ts';
import { functionSpec, startTestColony, type TestColony } from '../support/test-colony.ts';

const HOUR_MS = 3_600_000;

/** A colony that keeps what has ended for an hour, on a clock that the test moves. */
async function forgetfulColony(retentionSeconds = 3600) {
  let nowMs = Date.UTC(2026, 10, 20);
  const colony = await startTestColony({
    clock: () => nowMs,
    retentionSeconds,
    retentionIntervalMs: 20,
    staleExecutorSeconds: 1e9,
  });
  return {
    colony,
    later: (hours: number): void => {
      nowMs += hours * HOUR_MS;
    },
    [Symbol.asyncDispose]: () => colony.stop(),
  };
}

async function isGone(colony: TestColony, { processId }: { readonly processId: string }): Promise<boolean> {
  const answer = await colony.getProcess(processId).catch((thrown: unknown) => thrown);
  return answer instanceof Error && 'status' in answer && answer.status === 404;
}

const untilGone = (colony: TestColony, process: { readonly processId: string }) => until(() => isGone(colony, process));

async function run(colony: TestColony, spec: Partial<FunctionSpec>, end: typeof succeed | typeof fail) {
  const executor = await colony.addExecutor('worker');
  await colony.submit(spec, 'worker');
  const process = await assign(colony, executor);
  await end(colony, executor, process);
  return process;
}

async function isWorkflowGone(colony: TestColony, { workflowId }: Workflow): Promise<boolean> {
  const answer = await colony.call(colony.user, getWorkflow, { workflowId }).catch((thrown: unknown) => thrown);
  return answer instanceof Error;
}

describe('after the time of retention', () => {
  test('processes that succeeded, failed or were cancelled are gone, with attributes and logs', async () => {
    await using forgetful = await forgetfulColony();
    const { colony, later } = forgetful;
    const succeeded = await run(colony, { env: { X: '1' } }, succeed);
    const failed = await run(colony, {}, fail);
    const cancelled = await colony.submit({}, 'nobody');
    await colony.call(colony.user, cancelProcess, cancelled);
    const attributeId = succeeded.attributes[0]?.attributeId ?? '';
    expect(await colony.call(colony.user, getAttribute, { attributeId })).toMatchObject({ key: 'X' });
    later(2);
    for (const process of [succeeded, failed, cancelled]) await untilGone(colony, process);
    await expect(colony.call(colony.user, getAttribute, { attributeId })).rejects.toMatchObject({ status: 400 });
    const logs = { colonyName: 'test', executorName: '', count: 10, sinceNs: 0, latest: false };
    await expect(colony.call(colony.user, getLogs, { ...logs, processId: succeeded.processId })).rejects.toMatchObject({
      status: 500,
    });
  });

  test('what waits or runs stays, however old, and so does what ended lately', async () => {
    await using forgetful = await forgetfulColony();
    const { colony, later } = forgetful;
    const executor = await colony.addExecutor('worker');
    const waiting = await colony.submit({}, 'nobody');
    const running = [await colony.submit({}, 'worker'), await colony.submit({}, 'worker')];
    for (const _ of running) await assign(colony, executor);
    const ended = await run(colony, {}, succeed);
    later(2);
    const [first, second] = running;
    if (first === undefined || second === undefined) throw new Error('expected two');
    await succeed(colony, executor, first);
    await untilGone(colony, ended);
    expect(await colony.getProcess(waiting.processId)).toMatchObject({ state: 'waiting' });
    expect(await colony.getProcess(first.processId)).toMatchObject({ state: 'success' });
    expect(await colony.getProcess(second.processId)).toMatchObject({ state: 'running' });
  });

  test('a workflow is gone as a whole once its last process has ended long ago, and not before', async () => {
    await using forgetful = await forgetfulColony();
    const { colony, later } = forgetful;
    const executor = await colony.addExecutor('worker');
    const workflow = await submitGraph(colony, 'worker', { a: [], b: ['a'], c: ['a'] });
    await succeed(colony, executor, await assign(colony, executor), ['from a']);
    later(2);
    const marker = await run(colony, { priority: 1 }, succeed);
    later(2);
    await untilGone(colony, marker);
    // The only one of its parents that has ended lies four hours back; the children still need it.
    const child = await assign(colony, executor);
    expect(child).toMatchObject({ input: ['from a'] });
    await succeed(colony, executor, child);
    await succeed(colony, executor, await assign(colony, executor));
    const nodes = Object.values(await nodesOf(colony, workflow));
    expect(nodes).toHaveLength(3);
    later(2);
    await until(() => isWorkflowGone(colony, workflow));
    for (const node of nodes) expect(await isGone(colony, node)).toBe(true);
  });

  test('a workflow that has failed stays while others of its processes run', async () => {
    await using forgetful = await forgetfulColony();
    const { colony, later } = forgetful;
    const executor = await colony.addExecutor('worker');
    const workflow = await submitGraph(colony, 'worker', { a: [], b: [], after: ['a'] });
    await fail(colony, executor, await assign(colony, executor), ['no']);
    const other = await assign(colony, executor);
    expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'failed' });
    later(2);
    const marker = await run(colony, {}, succeed);
    later(2);
    await untilGone(colony, marker);
    expect(Object.keys(await nodesOf(colony, workflow))).toEqual(['a', 'b', 'after']);
    await succeed(colony, executor, other);
    later(2);
    await until(() => isWorkflowGone(colony, workflow));
  });

  test('lines of logs are gone, those of executors as well as those of processes that still run', async () => {
    await using forgetful = await forgetfulColony();
    const { colony, later } = forgetful;
    const executor = await colony.addExecutor('worker', 'w');
    const { processId } = await colony.submit({}, 'worker');
    await assign(colony, executor);
    const write = async (message: string) => {
      await colony.call(executor.identity, addExecutorLog, { colonyName: 'test', executorName: 'w', message });
      await colony.call(executor.identity, addLog, { processId, message });
    };
    const linesOf = async (source: { processId: string; executorName: string }) => {
      const request = { colonyName: 'test', count: 10, sinceNs: 0, latest: false, ...source };
      return (await colony.call(colony.user, getLogs, request)).map(({ message }) => message);
    };
    await write('old');
    later(2);
    await write('new');
    await until(async () => !(await linesOf({ processId: '', executorName: 'w' })).includes('old'));
    expect(await linesOf({ processId, executorName: '' })).toEqual(['new']);
    // An executor's lines are those about itself and those about its processes.
    expect(await linesOf({ processId: '', executorName: 'w' })).toEqual(['new', 'new']);
  });
});

test('what became too old while the server was down is gone soon after its start', async () => {
  await using forgetful = await forgetfulColony();
  const { colony, later } = forgetful;
  const ended = await run(colony, {}, succeed);
  const kept = await colony.submit({}, 'nobody');
  await colony.server.stop();
  later(24);
  await colony.restart();
  await untilGone(colony, ended);
  expect(await isGone(colony, kept)).toBe(false);
});

test('without an option everything is kept', async () => {
  let nowMs = Date.UTC(2026, 10, 20);
  await using colony = await startTestColony({ clock: () => nowMs, retentionIntervalMs: 1, sweepIntervalMs: 20 });
  const ended = await run(colony, {}, succeed);
  nowMs += 24 * 365 * HOUR_MS;
  await colony.restart();
  expect(await isGone(colony, ended)).toBe(false);
});

test('a time of retention that is none is told before the server starts', async () => {
  for (const retentionSeconds of [0, -1, Number.NaN, Infinity]) {
    const options = { port: 0, databasePath: ':memory:', serverId: 'x', retentionSeconds };
    await expect(startServer(options)).rejects.toThrow(/^server retention: expected a number of seconds above 0/u);
  }
});

const namesOf = async (colony: TestColony): Promise<readonly string[]> =>
  (await colony.call(colony.user, getExecutors, { colonyName: 'test' })).map(({ executorName }) => executorName);

const remove = (colony: TestColony, executorName: string) =>
  colony.call(colony.colonyOwner, removeExecutor, { colonyName: 'test', executorName });

describe('executors that are no longer registered', () => {
  test('are forgotten after the time of retention, and their names are free', async () => {
    await using forgetful = await forgetfulColony();
    const { colony, later } = forgetful;
    for (const name of ['daemon-1', 'daemon-2', 'daemon-3']) await colony.addExecutor('worker', name);
    await remove(colony, 'daemon-1');
    later(0.5);
    await remove(colony, 'daemon-2');
    later(0.6);
    await until(async () => !(await namesOf(colony)).includes('daemon-1'));
    expect(await namesOf(colony)).toEqual(['daemon-2', 'daemon-3']);
    await colony.addExecutor('worker', 'daemon-1');
    later(2);
    await until(async () => !(await namesOf(colony)).includes('daemon-2'));
    expect((await namesOf(colony)).toSorted()).toEqual(['daemon-1', 'daemon-3']);
  });

  test('are kept as long as anything stored names them', async () => {
    await using forgetful = await forgetfulColony();
    const { colony, later } = forgetful;
    const ran = await colony.addExecutor('worker', 'ran');
    const workflow = await submitGraph(colony, 'worker', { a: [], b: ['a'] });
    await succeed(colony, ran, await assign(colony, ran));
    const submitted = await colony.addExecutor('x', 'submitted');
    const added = await colony.addExecutor('x', 'added');
    const idle = await colony.addExecutor('x', 'idle');
    const spec = functionSpec('test', 'nobody');
    const waiting = await colony.call(submitted.identity, submitFunctionSpec, { spec });
    const cron = await colony.call(added.identity, addCron, { cron: cronOf({ intervalSeconds: 1e6 }) });
    for (const { name } of [ran, submitted, added, idle]) await remove(colony, name);
    later(2);
    await until(async () => !(await namesOf(colony)).includes('idle'));
    expect((await namesOf(colony)).toSorted()).toEqual(['added', 'ran', 'submitted']);
    await colony.call(colony.user, cancelWorkflow, workflow);
    await colony.call(colony.user, cancelProcess, waiting);
    await colony.call(colony.user, removeCron, cron);
    later(2);
    await until(async () => (await namesOf(colony)).length === 0);
  });
});
