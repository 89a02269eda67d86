import Sqlite from 'libsql';
import { describe, expect, test } from 'vitest';
import { addExecutorLog, addLog, getLogs, searchLogs } from '../../colony/messages/logs.ts';
import { assign, quick, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony, type TestExecutor } from '../support/test-colony.ts';

const refused = (status: number, serverMessage: string): unknown => expect.objectContaining({ status, serverMessage });

async function runningWithLogs(colony: TestColony, messages: readonly string[]) {
  const executor = await colony.addExecutor('worker');
  const { processId } = await colony.submit({}, 'worker');
  await assign(colony, executor);
  for (const message of messages) await log(colony, executor, processId, message);
  return { executor, processId };
}

function log(colony: TestColony, executor: TestExecutor, processId: string, message: string) {
  return colony.call(executor.identity, addLog, { processId, message });
}

function lines(colony: TestColony, request: object) {
  const all = { colonyName: 'test', processId: '', executorName: '', count: 100, sinceNs: 0, latest: false };
  return colony.call(colony.user, getLogs, { ...all, ...request });
}

test('lines are read from the start, from the end, and from where one left off', async () => {
  await using colony = await startTestColony(quick);
  const { processId, executor } = await runningWithLogs(colony, ['a', 'b', 'c', 'd']);
  const texts = async (request: object) =>
    (await lines(colony, { processId, ...request })).map(({ message }) => message);
  expect(await texts({ count: 2 })).toEqual(['a', 'b']);
  expect(await texts({ count: 2, latest: true })).toEqual(['c', 'd']);
  expect(await texts({ count: 0 })).toEqual([]);
  const [first, second] = await lines(colony, { processId, count: 2 });
  expect(first).toMatchObject({ processId, colonyName: 'test', executorName: executor.name });
  expect(await texts({ sinceNs: second?.timestampNs })).toEqual(['c', 'd']);
  await expect(lines(colony, { processId, count: 501 })).rejects.toEqual(
    refused(403, 'Count exceeds max log count (500)'),
  );
  await expect(lines(colony, { processId: 'nope' })).rejects.toEqual(
    refused(500, 'Failed to get logs, process does not exist'),
  );
});

test('only the executor that runs a process adds lines, while it runs, and no endless ones', async () => {
  await using colony = await startTestColony(quick);
  const { processId, executor } = await runningWithLogs(colony, []);
  const other = await colony.addExecutor('worker');
  await expect(log(colony, other, processId, 'x')).rejects.toEqual(
    refused(403, 'Failed to add log, not allowed to add log, only the assigned Executor may att logs'),
  );
  await expect(log(colony, executor, processId, 'x'.repeat(70_000))).rejects.toMatchObject({ status: 413 });
  await succeed(colony, executor, { processId });
  await expect(log(colony, executor, processId, 'x')).rejects.toEqual(
    refused(403, 'Failed to set output, process is not running'),
  );
});

test('an executor writes about itself under its own name', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker', 'w');
  const write = (executorName: string, identity = executor.identity) =>
    colony.call(identity, addExecutorLog, { colonyName: 'test', executorName, message: 'starts' });
  await write('w');
  await expect(write('other')).rejects.toEqual(refused(403, 'Failed to add executor log, executor name mismatch'));
  await expect(write('w', colony.user)).rejects.toEqual(refused(403, 'Failed to add executor log, executor not found'));
  expect(await lines(colony, { executorName: 'w' })).toMatchObject([{ processId: '', message: 'starts' }]);
  await expect(lines(colony, { executorName: 'nobody' })).rejects.toEqual(
    refused(500, 'Failed to get logs, executor does not exist'),
  );
});

test('lines are found by a part of their text, as it stands', async () => {
  await using colony = await startTestColony(quick);
  await runningWithLogs(colony, ['100% done', 'Done', 'done again']);
  const found = async (text: string, days = 1, count = 10) =>
    (await colony.call(colony.user, searchLogs, { colonyName: 'test', text, days, count })).map(
      ({ message }) => message,
    );
  expect(await found('done')).toEqual(['100% done', 'done again']);
  expect(await found('0%')).toEqual(['100% done']);
  await expect(found('x', 31)).rejects.toEqual(refused(400, 'Count exceeds max day count (30)'));
  await expect(found('x', 1, 101)).rejects.toEqual(refused(400, 'Count exceeds max log count (100)'));
});

/** Puts lines into the stopped server's database. */
async function fill(colony: TestColony, processId: string | null, timestampUs: number): Promise<void> {
  await colony.server.stop();
  const database = new Sqlite(colony.databasePath);
  database
    .prepare(
      `WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 9999)
       INSERT INTO logs SELECT ? + n, 'test', ?, 'w', 'x' FROM many`,
    )
    .run(timestampUs, processId);
  database.close();
  await colony.restart();
}

test('lines are found among thousands, oldest first and as many as were asked for', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker', 'w');
  const firstUs = (Date.now() - 60_000) * 1000;
  await fill(colony, null, firstUs);
  const written = { colonyName: 'test', executorName: 'w', message: 'a needle' };
  await colony.call(executor.identity, addExecutorLog, written);
  await runningWithLogs(colony, ['another needle']);
  const found = (text: string, count: number) =>
    colony.call(colony.user, searchLogs, { colonyName: 'test', text, days: 1, count });
  expect((await found('needle', 10)).map(({ message }) => message)).toEqual(['a needle', 'another needle']);
  const many = await found('x', 100);
  expect(many.map(({ timestampNs }) => timestampNs)).toEqual(
    Array.from({ length: 100 }, (_, index) => (firstUs + 1 + index) * 1000),
  );
  expect(await found('x', 0)).toEqual([]);
});

describe('a log that grows too long', () => {
  test('of a process takes ten thousand lines', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker', 'w');
    await colony.submit({}, 'worker');
    const { processId } = await assign(colony, executor);
    await fill(colony, processId, 1);
    const write = () => log(colony, executor, processId, 'one more');
    await write();
    await expect(write()).rejects.toEqual(refused(413, 'Failed to add log, expected at most 10000 lines per process'));
  });

  test('of an executor about itself takes ten thousand lines an hour', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker', 'w');
    const write = () =>
      colony.call(executor.identity, addExecutorLog, { colonyName: 'test', executorName: 'w', message: 'one more' });
    await fill(colony, null, 1);
    await write();
    await write();
    await fill(colony, null, (Date.now() - 60_000) * 1000);
    await expect(write()).rejects.toMatchObject({ status: 429 });
  });
});
