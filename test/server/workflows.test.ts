import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addChild,
  cancelWorkflow,
  getWorkflow,
  getWorkflows,
  removeAllWorkflows,
  removeWorkflow,
  submitWorkflowSpec,
} from '../../colony/messages/workflows.ts';
import type { RequestOf } from '../../colony/messages/message.ts';
import { getColonyStatistics } from '../../colony/messages/colonies.ts';
import { cancelProcess, type FunctionSpec, removeProcess } from '../../colony/messages/processes.ts';
import { assign, fail, nodesOf, quick, submitGraph, succeed } from '../support/server-calls.ts';
import { functionSpec, startTestColony, type TestColony, type TestExecutor } from '../support/test-colony.ts';

const refused = (status: number, serverMessage: string): unknown => expect.objectContaining({ status, serverMessage });

/** A node named a that needs so much memory. */
function nodeWith(memory: string): FunctionSpec {
  return functionSpec('', 'worker', { nodeName: 'a', conditions: { memory } });
}

/** Runs the next process with its own node name as output. */
async function runNext(colony: TestColony, executor: TestExecutor) {
  const process = await assign(colony, executor);
  await succeed(colony, executor, process, [process.spec.nodeName]);
  return process;
}

test('a submitted workflow names its processes in the order of the spec', async () => {
  await using colony = await startTestColony(quick);
  const workflow = await submitGraph(colony, 'worker', { join: ['r2', 'r1'], r1: [], r2: [] });
  const nodes = await nodesOf(colony, workflow);
  expect(Object.keys(nodes)).toEqual(['join', 'r1', 'r2']);
  expect(workflow.rootProcessIds).toEqual([nodes['r1']?.processId, nodes['r2']?.processId]);
  expect(nodes['join']).toMatchObject({
    waitForParents: true,
    parents: [nodes['r2']?.processId, nodes['r1']?.processId],
    children: [],
    workflowId: workflow.workflowId,
  });
  expect(nodes['r1']).toMatchObject({ waitForParents: false, children: [nodes['join']?.processId] });
  expect(workflow).toMatchObject({ state: 'waiting', initiatorName: 'user', startTime: undefined, endTime: undefined });
});

test('a join receives its parents’ outputs in the order of its dependencies, and is told which are whose', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const workflow = await submitGraph(colony, 'worker', { a: [], b: [], silent: [], join: ['b', 'silent', 'a'] });
  const [a, b, silent] = [
    await assign(colony, executor),
    await assign(colony, executor),
    await assign(colony, executor),
  ];
  expect(a).toMatchObject({ spec: { nodeName: 'a' }, input: [] });
  await succeed(colony, executor, a, ['A1', { deep: ['A2'] }]);
  await succeed(colony, executor, silent);
  await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 404 });
  expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'running' });
  await succeed(colony, executor, b, ['B1']);
  const join = await assign(colony, executor);
  expect(join).toMatchObject({ waitForParents: false, input: ['B1', 'A1', { deep: ['A2'] }], inputCounts: [1, 0, 2] });
  expect(await colony.getProcess(a.processId)).toMatchObject({ input: [], inputCounts: undefined });
  expect((await colony.getProcess(join.processId)).inputCounts).toEqual([1, 0, 2]);
  await succeed(colony, executor, join, ['done']);
  const done = await colony.call(colony.user, getWorkflow, workflow);
  expect(done).toMatchObject({ state: 'success' });
  expect(done.startTime).toBeInstanceOf(Date);
  expect(done.endTime).toBeInstanceOf(Date);
});

test('a picture of a workflow has its nodes, edges and colours', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const workflow = await submitGraph(colony, 'worker', { r1: [], r2: [], middle: ['r1'], join: ['middle', 'r2'] });
  await runNext(colony, executor);
  await assign(colony, executor);
  const { nodes, edges, processIds } = await colony.call(colony.user, getWorkflow, workflow);
  const [r1 = '', r2 = '', middle = '', join = ''] = processIds;
  expect(nodes.map(({ data, type, style, position }) => [data.label, type, style.background, position.y])).toEqual([
    ['r1', 'input', '#92d050', 0],
    ['r2', 'input', '#4689cd', 0],
    ['middle', '', '#eee8d8', 80],
    ['join', 'output', '#eee8d8', 160],
  ]);
  expect(edges.map(({ source, target }) => [source, target])).toEqual([
    [r1, middle],
    [middle, join],
    [r2, join],
  ]);
  expect(edges[0]?.edgeId).toBe(`${r1}-${middle}`);
});

describe('a workflow is refused and nothing of it stored', () => {
  test.for([
    ['without nodes', {}, 'Failed to submit workflow, the workflow has no nodes'],
    ['with a nameless node', { '': [] }, 'Nodename is missing, check function spec for errors'],
    ['with a cycle', { a: ['b'], b: ['a'] }, 'Failed to submit workflow, the dependencies form a cycle: a -> b -> a'],
    [
      'with an unknown dependency',
      { a: [], b: ['c'] },
      'Failed to submit workflow, invalid dependencies, are you depending on a nodename that does not exits? (b depends on c)',
    ],
  ] as const)('%s', async ([, graph, message]) => {
    await using colony = await startTestColony(quick);
    await expect(submitGraph(colony, 'worker', graph)).rejects.toEqual(refused(500, message));
    expect(await colony.call(colony.user, getColonyStatistics, { colonyName: 'test' })).toMatchObject({
      waitingWorkflows: 0,
      waitingProcesses: 0,
    });
  });

  test('with two nodes of one name, or an amount of memory nobody can read', async () => {
    await using colony = await startTestColony(quick);
    const submit = (...functionSpecs: FunctionSpec[]) =>
      colony.call(colony.user, submitWorkflowSpec, { spec: { colonyName: 'test', functionSpecs } });
    await expect(submit(nodeWith(''), nodeWith(''))).rejects.toEqual(refused(500, 'Duplicate nodename: a'));
    const other = { ...nodeWith('lots'), nodeName: 'b' };
    await expect(submit(nodeWith(''), other)).rejects.toMatchObject({ status: 400 });
    expect(await colony.call(colony.user, getColonyStatistics, { colonyName: 'test' })).toMatchObject({
      waitingWorkflows: 0,
      waitingProcesses: 0,
    });
  });
});

describe('when a node fails', () => {
  test('all that depends on it fails with a reason, and nothing else changes', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const graph = { done: [], bad: [], slow: [], child: ['bad', 'done'], grandchild: ['child'], free: ['slow'] };
    const workflow = await submitGraph(colony, 'worker', graph);
    await runNext(colony, executor);
    const [bad, slow] = [await assign(colony, executor), await assign(colony, executor)];
    await fail(colony, executor, bad, ['no data']);
    const nodes = await nodesOf(colony, workflow);
    expect(Object.fromEntries(Object.entries(nodes).map(([name, { state }]) => [name, state]))).toEqual({
      done: 'success',
      bad: 'failed',
      slow: 'running',
      child: 'failed',
      grandchild: 'failed',
      free: 'waiting',
    });
    const reason = `Not run: node bad (process ${bad.processId}), which it depends on, has failed`;
    for (const name of ['child', 'grandchild']) {
      expect(nodes[name]?.errors).toEqual([reason]);
      expect(nodes[name]?.endTime).toBeInstanceOf(Date);
    }
    expect(nodes['done']).toMatchObject({ output: ['done'], errors: [] });
    expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'failed' });
    await succeed(colony, executor, slow);
    await runNext(colony, executor);
    expect((await nodesOf(colony, workflow))['free']).toMatchObject({ state: 'success' });
    expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'failed' });
  });
});

describe('cancelling', () => {
  test('a workflow cancels what is not final and leaves the rest', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const workflow = await submitGraph(colony, 'worker', { a: [], b: ['a'], c: ['b'] });
    await runNext(colony, executor);
    const running = await assign(colony, executor);
    await colony.call(colony.user, cancelWorkflow, workflow);
    const nodes = await nodesOf(colony, workflow);
    expect([nodes['a']?.state, nodes['b']?.state, nodes['c']?.state]).toEqual(['success', 'cancelled', 'cancelled']);
    expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'cancelled' });
    await expect(succeed(colony, executor, running)).rejects.toEqual(
      refused(400, 'Tried to set cancelled process as successful'),
    );
  });

  test('a finished workflow changes nothing', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const workflow = await submitGraph(colony, 'worker', { a: [] });
    await runNext(colony, executor);
    await colony.call(colony.user, cancelWorkflow, workflow);
    expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'success' });
  });

  test('or removing one node of a workflow is refused', async () => {
    await using colony = await startTestColony(quick);
    const [processId = ''] = (await submitGraph(colony, 'worker', { a: [] })).processIds;
    await expect(colony.call(colony.user, cancelProcess, { processId })).rejects.toMatchObject({ status: 400 });
    await expect(colony.call(colony.user, removeProcess, { processId })).rejects.toMatchObject({ status: 400 });
  });
});

test('workflows are listed newest first and removed with their processes, unless they run', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const list = (state: number) => colony.call(colony.user, getWorkflows, { colonyName: 'test', count: 10, state });
  const first = await submitGraph(colony, 'worker', { a: [] });
  const second = await submitGraph(colony, 'worker', { a: [] });
  expect((await list(0)).map(({ workflowId }) => workflowId)).toEqual([second.workflowId, first.workflowId]);
  await expect(list(5)).rejects.toEqual(refused(400, 'invalid msg.State'));
  await assign(colony, executor);
  await expect(colony.call(colony.user, removeWorkflow, first)).rejects.toEqual(
    refused(400, 'Failed to remove processgraph, cannot remove a running processgraph'),
  );
  await colony.call(colony.user, removeWorkflow, second);
  await expect(colony.getProcess(second.processIds[0] ?? '')).rejects.toMatchObject({ status: 404 });
  await colony.call(colony.colonyOwner, removeAllWorkflows, { colonyName: 'test', state: -1 });
  await expect(colony.call(colony.user, getWorkflow, first)).rejects.toEqual(
    refused(500, 'Failed to get processgraph, graph is nil'),
  );
});

/** Adds a child, as far as the request says. */
function child(colony: TestColony, executor: TestExecutor, request: Partial<RequestOf<typeof addChild>>) {
  return colony.call(executor.identity, addChild, {
    workflowId: '',
    parentProcessId: '',
    childProcessId: '',
    spec: functionSpec('', 'worker', { nodeName: 'new' }),
    insert: false,
    ...request,
  });
}

describe('adding a child to a running node', () => {
  test('puts it beside the others, or between the parent and one of them', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const { workflowId } = await submitGraph(colony, 'worker', { a: [], b: ['a'] });
    const parent = await assign(colony, executor);
    const [b = ''] = (await colony.getProcess(parent.processId)).children;
    const added = await child(colony, executor, {
      workflowId,
      parentProcessId: parent.processId,
      childProcessId: b,
    });
    expect(added).toMatchObject({
      waitForParents: true,
      parents: [parent.processId],
      children: [b],
      initiatorName: '',
    });
    expect(await colony.getProcess(b)).toMatchObject({ parents: [parent.processId, added.processId] });
    await succeed(colony, executor, parent, ['A']);
    expect(await runNext(colony, executor)).toMatchObject({ processId: added.processId, input: ['A'] });
    expect(await runNext(colony, executor)).toMatchObject({ processId: b, input: ['A', 'new'] });
  });

  test('can take over all children of the parent', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const workflow = await submitGraph(colony, 'worker', { a: [], b: ['a'], c: ['a'] });
    const parent = await assign(colony, executor);
    const { workflowId } = workflow;
    const added = await child(colony, executor, { workflowId, parentProcessId: parent.processId, insert: true });
    const nodes = await nodesOf(colony, workflow);
    expect(nodes['a']?.children).toEqual([added.processId]);
    expect([nodes['b']?.parents, nodes['c']?.parents]).toEqual([[added.processId], [added.processId]]);
  });

  test('is refused for parents that do not exist, do not run, belong to others or to no workflow', async () => {
    await using colony = await startTestColony(quick);
    const [executor, other] = [await colony.addExecutor('worker'), await colony.addExecutor('worker')];
    const { workflowId, processIds } = await submitGraph(colony, 'worker', { a: [], b: ['a'] });
    const [a = '', b = ''] = processIds;
    const attempt = (request: Partial<RequestOf<typeof addChild>>, as = executor) =>
      child(colony, as, { workflowId, parentProcessId: a, ...request });
    await expect(attempt({ parentProcessId: 'nope' })).rejects.toEqual(
      refused(400, 'Process with Id nope does not exist'),
    );
    await expect(attempt({})).rejects.toEqual(refused(400, `Process with Id ${a} is not running`));
    await assign(colony, executor);
    await expect(attempt({}, other)).rejects.toEqual(
      refused(400, `Process with Id ${a} is not assigned to executor with Id ${other.identity.id}`),
    );
    await expect(attempt({ workflowId: 'other' })).rejects.toEqual(
      refused(400, `Process with Id ${a} does not belong to a processgraph`),
    );
    await expect(attempt({ childProcessId: 'nope' })).rejects.toMatchObject({ status: 400 });
    await expect(attempt({ childProcessId: a })).rejects.toMatchObject({ status: 400 });
    expect(await attempt({ childProcessId: b })).toMatchObject({ state: 'waiting' });
  });
});

test('any DAG runs to its end, each node after its parents and with their outputs in order', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const dags = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(dags, async (drawn) => {
      const graph = Object.fromEntries(
        drawn.map((picks, index) => [
          `n${index}`,
          index === 0 ? [] : [...new Set(picks.map((pick) => `n${pick % index}`))],
        ]),
      );
      const workflow = await submitGraph(colony, 'worker', graph);
      for (let finished = 0; finished < drawn.length; finished++) {
        const process = await runNext(colony, executor);
        expect(process.input).toEqual(graph[process.spec.nodeName]);
      }
      expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'success' });
    }),
    { seed: 20261120, numRuns: 12 },
  );
});
