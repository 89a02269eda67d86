import { expect, test } from 'vitest';
import { assignProcess, closeSuccessful } from '../../colony/messages/processes.ts';
import { getWorkflow, submitWorkflowSpec } from '../../colony/messages/workflows.ts';
import { functionSpec, startTestColony } from '../support/test-colony.ts';

test('a submitted process is assigned, closed and shows its output', async () => {
  await using colony = await startTestColony();
  const executor = await colony.addExecutor('worker');
  const submitted = await colony.submit({ kwargs: { a: 'b' } }, 'worker');
  expect(submitted.state).toBe('waiting');
  const poll = { colonyName: colony.colonyName, timeoutSeconds: 5, availableCpu: '', availableMemory: '' };
  const assigned = await colony.call(executor.identity, assignProcess, poll);
  expect(assigned.processId).toBe(submitted.processId);
  await colony.call(executor.identity, closeSuccessful, { processId: assigned.processId, output: ['x'] });
  const closed = await colony.getProcess(assigned.processId);
  expect(closed).toMatchObject({ state: 'success', output: ['x'] });
});

test('a workflow runs', async () => {
  await using colony = await startTestColony();
  const executor = await colony.addExecutor('worker');
  const spec = (nodeName: string, ...dependencies: string[]) =>
    functionSpec(colony.colonyName, 'worker', { nodeName, conditions: { dependencies } });
  const poll = { colonyName: colony.colonyName, timeoutSeconds: 5, availableCpu: '', availableMemory: '' };
  const workflow = await colony.call(colony.user, submitWorkflowSpec, {
    spec: { colonyName: colony.colonyName, functionSpecs: [spec('a'), spec('b'), spec('c', 'b', 'a')] },
  });
  for (let index = 0; index < 3; index++) {
    const process = await colony.call(executor.identity, assignProcess, poll);
    if (process.spec.nodeName === 'c') expect(process.input).toEqual(['b', 'a']);
    await colony.call(executor.identity, closeSuccessful, {
      processId: process.processId,
      output: [process.spec.nodeName],
    });
  }
  expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'success' });
});
