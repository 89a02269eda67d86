import { expect, test } from 'vitest';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { approveExecutor, removeExecutor } from '../../colony/messages/executors.ts';
import { assignProcess, closeSuccessful, type Process } from '../../colony/messages/processes.ts';
import type { Worker } from '../../colony/worker.ts';
import { until } from '../support/processes.ts';
import type { TestColony } from '../support/test-colony.ts';
import { daemonOf, openStage } from './daemons.ts';

/** Takes a process from a daemon and gives it to the same executor again, behind the daemon's back. */
async function giveAgain(colony: TestColony, worker: Worker, identity: Identity): Promise<Process> {
  const named = { colonyName: colony.colonyName, executorName: worker.name };
  await colony.call(colony.colonyOwner, removeExecutor, named);
  await colony.call(colony.colonyOwner, approveExecutor, named);
  const wanted = { colonyName: colony.colonyName, timeoutSeconds: 10, availableCpu: '', availableMemory: '' };
  return colony.call(identity, assignProcess, wanted);
}

test('a daemon whose process has come to a later attempt cannot close that one', async () => {
  await using stage = await openStage();
  const { colony, logs, start, submit } = stage;
  const identity = generateIdentity();
  let release: ((text: string) => void) | undefined;
  const result = new Promise<string>((resolve) => (release = resolve));
  // The daemon does not look at the server here.
  const worker = await start(
    daemonOf(() => result),
    { identity, watchMs: 3_600_000 },
  );
  const { processId } = await submit('f');
  await until(() => worker.running === 1);
  const again = await giveAgain(colony, worker, identity);
  expect(again).toMatchObject({ processId, attempt: 2, retries: 0 });
  release?.('from the first attempt');
  await until(() => worker.running === 0);
  expect(logs.mention('the result is dropped', 'attempt 1 is over')).toBe(true);
  expect(await colony.getProcess(processId)).toMatchObject({ state: 'running', output: [] });
  await colony.call(identity, closeSuccessful, { processId, attempt: 2, output: ['from the second'] });
  expect(await colony.getProcess(processId)).toMatchObject({ state: 'success', output: ['from the second'] });
});

test('a daemon sees that its process has come to a later attempt, and ends its own', async () => {
  await using stage = await openStage();
  const { colony, start, submit } = stage;
  const identity = generateIdentity();
  const reasons: unknown[] = [];
  const worker = await start(
    daemonOf(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason);
            reject(new Error('aborted'));
          });
        }),
    ),
    { identity, watchMs: 3000 },
  );
  const { processId } = await submit('f');
  await until(() => worker.running === 1);
  await giveAgain(colony, worker, identity);
  await until(() => reasons.length === 1);
  expect(reasons).toEqual([expect.objectContaining({ code: 'REASSIGNED', processId })]);
  expect(await colony.getProcess(processId)).toMatchObject({ state: 'running', attempt: 2 });
});
