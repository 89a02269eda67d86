import { expect, test } from 'vitest';
import { changeExecutorId, getExecutor, reportAllocations, updateExecutor } from '../../colony/messages/executors.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { rpcRaw } from '../support/rpc.ts';
import { assign, quick, succeed } from '../support/server-calls.ts';
import { startTestColony } from '../support/test-colony.ts';

const refused = (status: number, serverMessage: string): unknown => expect.objectContaining({ status, serverMessage });

test('an executor reports its capabilities and allocations, and only its own', async () => {
  await using colony = await startTestColony(quick);
  const [executor, other] = [await colony.addExecutor('worker', 'w'), await colony.addExecutor('worker')];
  const named = { colonyName: 'test', executorName: 'w' };
  const read = () => rpcRaw(colony.address, colony.user, getExecutor.type, { colonyname: 'test', executorname: 'w' });
  expect(await read()).toMatchObject({
    state: 1,
    capabilities: { hardware: null, software: null },
    allocations: { projects: null },
  });
  const capabilities = { hardware: [{ model: 'small' }], software: null };
  const allocations = { projects: { p: { allocatedcpu: 1 } } };
  await colony.call(executor.identity, updateExecutor, { ...named, capabilities });
  await colony.call(executor.identity, reportAllocations, { ...named, allocations });
  expect(await read()).toMatchObject({ capabilities, allocations });
  await expect(colony.call(other.identity, updateExecutor, { ...named, capabilities: {} })).rejects.toEqual(
    refused(400, 'Only an executor can update its own capabilities'),
  );
  await expect(
    colony.call(executor.identity, reportAllocations, { ...named, executorName: 'nobody', allocations: {} }),
  ).rejects.toEqual(refused(400, 'Executor with name <nobody> does not exist'));
});

test('a report of an executor that is too long for lists is refused', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker', 'w');
  const capabilities = { hardware: [{ model: 'x'.repeat(300_000) }], software: null };
  await expect(
    colony.call(executor.identity, updateExecutor, { colonyName: 'test', executorName: 'w', capabilities }),
  ).rejects.toMatchObject({ status: 413 });
});

test('an executor changes its key and keeps what it runs', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const process = await colony.submit({}, 'worker');
  await assign(colony, executor);
  const identity = generateIdentity();
  const change = (executorId: string) =>
    colony.call(executor.identity, changeExecutorId, { colonyName: 'test', executorId });
  await expect(change('short')).rejects.toEqual(
    refused(400, 'Failed to change executor Id, new executor Id is not 64 characters'),
  );
  const { colonyOwner, serverOwner, user } = colony;
  const other = await colony.addExecutor('other');
  for (const { id } of [user, colonyOwner, serverOwner, other.identity, executor.identity]) {
    await expect(change(id)).rejects.toEqual(
      refused(400, 'Failed to change executor Id, somebody has this Id already'),
    );
  }
  await change(identity.id);
  await expect(succeed(colony, executor, process)).rejects.toMatchObject({ status: 403 });
  await succeed(colony, { ...executor, identity }, process, ['done']);
  expect(await colony.getProcess(process.processId)).toMatchObject({ state: 'success', output: ['done'] });
});
