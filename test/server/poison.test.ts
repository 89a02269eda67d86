import Sqlite from 'libsql';
import { expect, test } from 'vitest';
import { getStatistics } from '../../colony/messages/colonies.ts';
import { getWorkflow } from '../../colony/messages/workflows.ts';
import { batched, inWords, marked, sendBatch } from '../support/batches.ts';
import { assign, nodesOf, quick, submitGraph, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

/** Changes what the stopped server has stored, then starts it again. */
async function restartAfter(colony: TestColony, sql: string): Promise<void> {
  await colony.server.stop();
  const database = new Sqlite(colony.databasePath);
  database.exec(sql);
  database.pragma('journal_mode = DELETE');
  database.close();
  await colony.restart();
}

test('a process that gets more input than the server hands out fails with the reason, and nobody waits behind it', async () => {
  await using colony = await startTestColony({ ...quick, maxInputBytes: 1000 });
  const executor = await colony.addExecutor('worker');
  const workflow = await submitGraph(colony, 'worker', { a: [], b: [], join: ['a', 'b'], below: ['join'] });
  await succeed(colony, executor, await assign(colony, executor), ['x'.repeat(600)]);
  const waiting = await assign(colony, executor);
  const next = await colony.submit({}, 'worker');
  await succeed(colony, executor, waiting, ['x'.repeat(600)]);
  expect(await assign(colony, executor)).toMatchObject({ processId: next.processId });
  expect(await nodesOf(colony, workflow)).toMatchObject({
    join: {
      state: 'failed',
      errors: [expect.stringMatching(/^Not run: expected at most 1000 bytes of input .* got 1208;/u)],
    },
    below: { state: 'failed' },
  });
  expect(await colony.call(colony.user, getWorkflow, workflow)).toMatchObject({ state: 'failed' });
});

test('a parent stored three thousand times over does not stop the server', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const workflow = await submitGraph(colony, 'worker', { p: [], child: ['p'] });
  await succeed(colony, executor, await assign(colony, executor), ['x'.repeat(1_000_000)]);
  await restartAfter(
    colony,
    `WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 3000)
     INSERT INTO edges SELECT child_id, n, parent_id FROM edges, many`,
  );
  await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 404 });
  expect(await nodesOf(colony, workflow)).toMatchObject({ child: { state: 'failed' } });
});

test('a process whose data cannot be read any more fails alone', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const { processId } = await colony.submit({}, 'worker');
  const next = await colony.submit({}, 'worker');
  await restartAfter(colony, `UPDATE processes SET input = 'no JSON' WHERE process_id = '${processId}'`);
  expect(await assign(colony, executor)).toMatchObject({ processId: next.processId });
});

test('in a batch, what fails halfway is undone by itself', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  await colony.submit({}, 'worker');
  const { processId } = await assign(colony, executor);
  const { processId: nextId } = await colony.submit({}, 'worker');
  await restartAfter(colony, `UPDATE processes SET spec = 'no JSON' WHERE process_id = '${processId}'`);
  const { submit, succeed: close, assign: poll } = batched;
  const requests = [submit('other'), close(processId), submit('other'), poll()];
  const marks = marked('once');
  for (const last of ['assignprocessmsg', expect.stringContaining('was answered before')]) {
    const replies = await sendBatch(colony.address, executor.identity, requests, marks);
    const failed = '500 Internal server error; the server has logged what happened';
    expect(replies.map(inWords)).toEqual(['submitfuncspecmsg', failed, 'submitfuncspecmsg', last]);
  }
  expect(await colony.getProcess(nextId)).toMatchObject({ state: 'running' });
  const { runningProcesses, successfulProcesses, waitingProcesses } = await colony.call(
    colony.serverOwner,
    getStatistics,
    {},
  );
  expect({ runningProcesses, successfulProcesses, waitingProcesses }).toEqual({
    runningProcesses: 2,
    successfulProcesses: 0,
    waitingProcesses: 2,
  });
});
