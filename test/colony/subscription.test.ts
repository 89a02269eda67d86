import { describe, expect, test as base } from 'vitest';
import { createColoniesClient } from '../../colony/client.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { addChild, cancelWorkflow, submitWorkflowSpec } from '../../colony/messages/workflows.ts';
import { assignProcess, cancelProcess, closeFailed, closeSuccessful } from '../../colony/messages/processes.ts';
import { followWorkflow, subscribeToProcess, waitForProcess } from '../../colony/subscription.ts';
import { functionSpec, startTestColony, type TestColony, type TestExecutor } from '../support/test-colony.ts';

const TYPE = 'waited-for';
/** Far beyond the patience of a test: whoever waits here was woken by an event. */
const NEVER_MS = 3_600_000;

const test = base.extend<{ colony: TestColony; executor: TestExecutor }>({
  colony: async ({}, use) => {
    await using colony = await startTestColony();
    await use(colony);
  },
  executor: async ({ colony }, use) => {
    await use(await colony.addExecutor(TYPE));
  },
});

function clientOf(colony: TestColony) {
  return createColoniesClient({ server: colony.address, identity: colony.user });
}

async function assign(colony: TestColony, { identity }: TestExecutor) {
  const request = { colonyName: colony.colonyName, timeoutSeconds: 10, availableCpu: '', availableMemory: '' };
  return colony.call(identity, assignProcess, request);
}

describe('waiting for a process', () => {
  test('ends with its output as soon as it has succeeded', async ({ colony, executor }) => {
    const { processId } = await colony.submit({}, TYPE);
    const waiting = waitForProcess(clientOf(colony), { processId, pollMs: NEVER_MS });
    await assign(colony, executor);
    await colony.call(executor.identity, closeSuccessful, { processId, output: ['60'] });
    expect(await waiting).toMatchObject({ state: 'success', output: ['60'] });
  });

  test('ends with its errors as soon as it has failed', async ({ colony, executor }) => {
    const { processId } = await colony.submit({}, TYPE);
    const waiting = waitForProcess(clientOf(colony), { processId, pollMs: NEVER_MS });
    await assign(colony, executor);
    await colony.call(executor.identity, closeFailed, { processId, errors: ['no data'] });
    expect(await waiting).toMatchObject({ state: 'failed', errors: ['no data'] });
  });

  test('ends when it was cancelled, of which some servers tell nobody', async ({ colony }) => {
    const { processId } = await colony.submit({}, TYPE);
    const waiting = waitForProcess(clientOf(colony), { processId, pollMs: 20 });
    await colony.call(colony.user, cancelProcess, { processId });
    expect((await waiting).state).toBe('cancelled');
  });

  test('ends at once when the process has ended before', async ({ colony }) => {
    const { processId } = await colony.submit({}, TYPE);
    await colony.call(colony.user, cancelProcess, { processId });
    expect((await waitForProcess(clientOf(colony), { processId, pollMs: NEVER_MS })).state).toBe('cancelled');
  });

  test('survives a restart of the server', async ({ colony, executor }) => {
    const { processId } = await colony.submit({}, TYPE);
    const waiting = waitForProcess(clientOf(colony), { processId, pollMs: NEVER_MS });
    await colony.restart();
    await assign(colony, executor);
    await colony.call(executor.identity, closeSuccessful, { processId, output: ['x'] });
    expect((await waiting).output).toEqual(['x']);
  });

  test('ends after its time, or with the signal of whoever waits', async ({ colony }) => {
    const { processId } = await colony.submit({}, TYPE);
    const client = clientOf(colony);
    await expect(waitForProcess(client, { processId, timeoutMs: 30 })).rejects.toMatchObject({ code: 'WAIT_TIMEOUT' });
    const stop = new AbortController();
    const waiting = waitForProcess(client, { processId, signal: stop.signal, timeoutMs: NEVER_MS / 2 });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(waitForProcess(client, { processId, signal: stop.signal })).rejects.toThrow('enough');
  });

  test('fails for an unknown process and for a stranger', async ({ colony }) => {
    const { processId } = await colony.submit({}, TYPE);
    const unknown = waitForProcess(clientOf(colony), { processId: 'a'.repeat(64) });
    await expect(unknown).rejects.toMatchObject({ status: 404 });
    const stranger = waitForProcess(clientOf(colony), { processId, identity: generateIdentity() });
    await expect(stranger).rejects.toMatchObject({ status: 403 });
  });
});

test('a subscription shows every state on the way', async ({ colony, executor }) => {
  const { processId } = await colony.submit({}, TYPE);
  const states: string[] = [];
  for await (const process of subscribeToProcess(clientOf(colony), { processId, pollMs: NEVER_MS })) {
    states.push(process.state);
    if (process.state === 'waiting') await assign(colony, executor);
    if (process.state === 'running') await colony.call(executor.identity, closeSuccessful, { processId, output: [] });
  }
  expect(states).toEqual(['waiting', 'running', 'success']);
});

test('a subscription may be left at any time', async ({ colony }) => {
  const { processId } = await colony.submit({}, TYPE);
  for await (const process of subscribeToProcess(clientOf(colony), { processId })) {
    expect(process.state).toBe('waiting');
    break;
  }
});

describe('following a workflow', () => {
  test('tells of every change and ends with the result', async ({ colony, executor }) => {
    const { workflowId } = await submitChain(colony, ['first', 'second']);
    const changes = new Set<string>();
    const following = followWorkflow(clientOf(colony), {
      workflowId,
      pollMs: 100,
      onProgress: (processes) => processes.forEach(({ spec, state }) => changes.add(`${spec.nodeName} ${state}`)),
    });
    for (const output of ['a', 'b']) {
      const { processId } = await assign(colony, executor);
      await colony.call(executor.identity, closeSuccessful, { processId, output: [output] });
    }
    const { workflow, processes } = await following;
    expect(workflow.state).toBe('success');
    expect(processes.map(({ spec, output }) => [spec.nodeName, output])).toEqual([
      ['first', ['a']],
      ['second', ['b']],
    ]);
    expect([...changes].filter((change) => change.endsWith('success'))).toEqual(['first success', 'second success']);
  });

  test('ends when a node has failed, and shows which', async ({ colony, executor }) => {
    const { workflowId } = await submitChain(colony, ['first', 'second']);
    const following = followWorkflow(clientOf(colony), { workflowId, pollMs: 50 });
    const { processId } = await assign(colony, executor);
    await colony.call(executor.identity, closeFailed, { processId, errors: ['no data'] });
    const { workflow, processes } = await following;
    expect(workflow.state).toBe('failed');
    expect(processes.find(({ spec }) => spec.nodeName === 'first')?.errors).toEqual(['no data']);
  });

  test('ends when it was cancelled', async ({ colony }) => {
    const { workflowId } = await submitChain(colony, ['first', 'second']);
    const following = followWorkflow(clientOf(colony), { workflowId, pollMs: 20 });
    await colony.call(colony.user, cancelWorkflow, { workflowId });
    expect((await following).workflow.state).toBe('cancelled');
  });

  test('sees nodes that are added on the way', async ({ colony, executor }) => {
    const { workflowId } = await submitChain(colony, ['first']);
    const following = followWorkflow(clientOf(colony), { workflowId, pollMs: 50 });
    const { processId: parentProcessId } = await assign(colony, executor);
    const spec = functionSpec(colony.colonyName, TYPE, { nodeName: 'late' });
    const child = { workflowId, parentProcessId, childProcessId: '', spec, insert: false };
    await colony.call(executor.identity, addChild, child);
    await colony.call(executor.identity, closeSuccessful, { processId: parentProcessId, output: ['a'] });
    const { processId } = await assign(colony, executor);
    await colony.call(executor.identity, closeSuccessful, { processId, output: ['b'] });
    expect((await following).processes.map(({ spec: { nodeName } }) => nodeName)).toEqual(['first', 'late']);
  });

  test('fails for an unknown workflow', async ({ colony }) => {
    await expect(followWorkflow(clientOf(colony), { workflowId: 'a'.repeat(64) })).rejects.toMatchObject({
      serverMessage: 'Failed to get processgraph, graph is nil',
    });
  });
});

/** Submits a workflow whose nodes depend on each other in a row. */
async function submitChain(colony: TestColony, nodeNames: readonly string[]) {
  const functionSpecs = nodeNames.map((nodeName, index) =>
    functionSpec(colony.colonyName, TYPE, {
      nodeName,
      conditions: { dependencies: nodeNames.slice(index - 1, index) },
    }),
  );
  return colony.call(colony.user, submitWorkflowSpec, { spec: { colonyName: colony.colonyName, functionSpecs } });
}
