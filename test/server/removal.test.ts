import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addColony, getStatistics, removeColony } from '../../colony/messages/colonies.ts';
import { closeSuccessful, removeAllProcesses } from '../../colony/messages/processes.ts';
import { getWorkflow, removeAllWorkflows } from '../../colony/messages/workflows.ts';
import {
  removeColonyInSteps,
  removeEndedBefore,
  removeProcesses,
  removeWorkflows,
  type Step,
} from '../../server/removal.ts';
import { type Database, openDatabase } from '../../server/store/database.ts';
import { until } from '../support/processes.ts';
import { rpc } from '../support/rpc.ts';
import { assign, quick, submitGraph, succeed } from '../support/server-calls.ts';
import { startTestColony } from '../support/test-colony.ts';

const COUNT = 3000;

/** Stores processes: states 0 to 4 in turn, every tenth in the other colony, every eleventh in a workflow. */
function fill(database: Database, processCount: number): void {
  database.run("INSERT OR IGNORE INTO colonies (colony_name, colony_id) VALUES ('test', 'a'), ('other', 'b')");
  database.run(
    `INSERT INTO workflows (workflow_id, colony_name, initiator_id, initiator_name, state, submission_ms, end_ms)
       VALUES ('w', 'test', '', '', 2, 0, 1), ('x', 'test', '', '', 1, 0, NULL)`,
  );
  database.run(
    `INSERT INTO processes (process_id, colony_name, workflow_id, initiator_id, initiator_name, state, executor_type,
         location_name, cpu_milli, memory_mebibytes, label, node_name, priority_ms, submission_ms, end_ms,
         waits_for_parents, spec)
       SELECT 'p' || value, iif(value % 10 = 0, 'other', 'test'), iif(value % 11 = 0, 'w', NULL), '', '', value % 5, 't', '',
         0, 0, '', '', 0, 0, iif(value % 5 < 2, NULL, value), 0, '{}'
       FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?) SELECT * FROM n)`,
    processCount,
  );
}

describe('a removal of much', () => {
  let database: Database;

  beforeEach(() => {
    database = openDatabase(':memory:');
    fill(database, COUNT);
  });

  afterEach(() => database.close());

  const count = (condition = 'true'): number =>
    database.get<{ count: number }>(`SELECT count(*) AS count FROM processes WHERE ${condition}`)?.count ?? 0;

  /** Takes every step; tells how many processes each has removed. */
  function takeAll(step: Step): number[] {
    const removed: number[] = [];
    for (let state = 'more'; state === 'more';) {
      const before = count();
      state = step({ database, nowMs: 0, changes: [], afterwards: [] });
      removed.push(before - count());
    }
    return removed;
  }

  test('takes many steps, each a short one', () => {
    const removed = takeAll(removeProcesses('test', -1));
    expect(Math.max(...removed)).toBeLessThanOrEqual(500);
    expect(removed.length).toBeGreaterThan(5);
  });

  test.each([
    ['processes', removeProcesses('test', -1), 'p2'],
    ['workflows', removeWorkflows('test', -1), 'p22'],
    ['processes that ended long ago', removeEndedBefore(10_000), 'p2'],
    ['workflows that ended long ago', removeEndedBefore(10_000), 'p22'],
  ])('takes many lines of a log in steps before the %s', (_what, step, processId) => {
    const lineCount = 20_000;
    database.run('DELETE FROM processes WHERE end_ms IS NULL');
    database.run(
      `INSERT INTO logs SELECT 1e12 + value, 'test', ?, 'w', 'x'
         FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?) SELECT * FROM n)`,
      processId,
      lineCount,
    );
    const lines = (): number => database.get<{ count: number }>('SELECT count(*) AS count FROM logs')?.count ?? 0;
    const removed: number[] = [];
    for (let state = 'more'; state === 'more';) {
      const before = lines();
      state = step({ database, nowMs: 0, changes: [], afterwards: [] });
      removed.push(before - lines());
    }
    expect(lines()).toBe(0);
    expect(Math.max(...removed)).toBeLessThanOrEqual(2500);
    expect(count(`process_id = '${processId}'`)).toBe(0);
  });

  test('removes exactly the processes outside workflows of one colony, in one state or in all', () => {
    const mine = "colony_name = 'test' AND workflow_id IS NULL";
    const [all, failed] = [count(), count(`${mine} AND state = 3`)];
    takeAll(removeProcesses('test', 3));
    expect([count(), count(`${mine} AND state = 3`)]).toEqual([all - failed, 0]);
    const left = count(`NOT (${mine})`);
    takeAll(removeProcesses('test', -1));
    expect([count(), count(mine)]).toEqual([left, 0]);
  });

  test('leaves alone what is added meanwhile', () => {
    const step = removeProcesses('test', -1);
    expect(step({ database, nowMs: 0, changes: [], afterwards: [] })).toBe('more');
    database.run(
      `INSERT INTO processes (process_id, colony_name, initiator_id, initiator_name, state, executor_type, location_name,
         cpu_milli, memory_mebibytes, label, node_name, priority_ms, submission_ms, waits_for_parents, spec)
       VALUES ('late', 'test', '', '', 0, 't', '', 0, 0, '', '', 0, 0, 0, '{}')`,
    );
    takeAll(step);
    expect(count("colony_name = 'test' AND workflow_id IS NULL")).toBe(1);
  });

  test('removes workflows with their processes', () => {
    takeAll(removeWorkflows('test', 2));
    expect([count("workflow_id = 'w'"), count() > 0]).toEqual([0, true]);
    expect(database.all('SELECT workflow_id FROM workflows')).toEqual([{ workflow_id: 'x' }]);
    takeAll(removeWorkflows('other', -1));
    expect(database.all('SELECT workflow_id FROM workflows')).toHaveLength(1);
  });

  test('removes what ended before a moment, and no workflow of which something still runs', () => {
    takeAll(removeEndedBefore(1000));
    expect(count('workflow_id IS NULL AND end_ms < 1000')).toBe(0);
    expect(count('workflow_id IS NULL AND end_ms >= 1000')).toBeGreaterThan(0);
    expect(count("workflow_id = 'w'")).toBe(Math.floor(COUNT / 11));
    database.run("UPDATE processes SET state = 2, end_ms = 999 WHERE workflow_id = 'w'");
    takeAll(removeEndedBefore(1000));
    expect(count("workflow_id = 'w'")).toBe(0);
  });

  test('removes the many members of a colony, what they run and where they are, a few at a time', () => {
    const numbers = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)';
    database.run(`${numbers} INSERT INTO users SELECT iif(i = 1, 'other', 'test'), 'u' || i, i, '', '' FROM n`);
    database.run(
      `${numbers} INSERT INTO executors (colony_name, executor_name, executor_id, executor_type, state,
         require_function_registration, commission_ms, location_name, capabilities, allocations, blueprint_id,
         blueprint_generation) SELECT iif(i = 1, 'other', 'test'), 'e' || i, i, '', 1, 0, 0, '', '', '', '', 0 FROM n`,
    );
    database.run(
      `${numbers} INSERT INTO functions (function_id, colony_name, executor_name, executor_type, function_name,
         location_name) SELECT i, iif(i = 1, 'other', 'test'), 'e' || i, '', 'f', '' FROM n`,
    );
    const tables = ['users', 'executors', 'functions'];
    const step = removeColonyInSteps('test');
    const counts = () =>
      tables.map((table) => database.get<{ count: number }>(`SELECT count(*) AS count FROM ${table}`)?.count ?? 0);
    const seen = [counts()];
    do seen.push(counts());
    while (step({ database, nowMs: 0, changes: [], afterwards: [] }) === 'more');
    for (const [index, after] of seen.entries()) {
      for (const [table, left] of after.entries()) {
        // 25 statements of 500 rows at most make a step.
        expect((seen[index - 1]?.[table] ?? left) - left).toBeLessThanOrEqual(12_500);
      }
    }
    expect(counts()).toEqual([1, 1, 1]);
  });

  test('removes a colony with all that is in it, and nothing of another', () => {
    const others = count("colony_name = 'other' AND workflow_id IS NULL");
    takeAll(removeColonyInSteps('test'));
    expect(count()).toBe(others);
    expect(database.all('SELECT colony_name FROM colonies')).toEqual([{ colony_name: 'other' }]);
  });
});

test('a long removal lets others have their turn, and ends when nobody waits for it', async () => {
  await using colony = await startTestColony(quick);
  await colony.server.stop();
  const database = openDatabase(colony.databasePath);
  fill(database, 20_000);
  database.close();
  await colony.restart();
  const count = async () => {
    const { waitingProcesses, failedProcesses } = await colony.call(colony.serverOwner, getStatistics, {});
    return waitingProcesses + failedProcesses;
  };
  const all = await count();
  const gone = new AbortController();
  const request = { colonyName: 'test', state: -1 };
  const removal = rpc(colony.address, colony.colonyOwner, removeAllProcesses, request, { signal: gone.signal });
  const outcome = removal.catch((thrown: unknown) => thrown);
  await until(async () => (await count()) < all);
  gone.abort();
  expect(await outcome).toMatchObject({ name: 'AbortError' });
  await colony.server.stop();
  await colony.restart();
  const left = await count();
  expect(left).toBeLessThan(all);
  await colony.call(colony.colonyOwner, removeAllProcesses, request);
  expect(await count()).toBeLessThan(left);
});

test('a removal that is sent again with its nonce does not touch what was submitted since', async () => {
  await using colony = await startTestColony(quick);
  const gone = await colony.submit({}, 'worker');
  const removeAll = () =>
    rpc(
      colony.address,
      colony.colonyOwner,
      removeAllProcesses,
      { colonyName: 'test', state: -1 },
      { extra: { nonce: 'one' } },
    );
  await removeAll();
  await expect(colony.getProcess(gone.processId)).rejects.toMatchObject({ status: 404 });
  const kept = await colony.submit({}, 'worker');
  await removeAll();
  expect(await colony.getProcess(kept.processId)).toMatchObject({ state: 'waiting' });
});

test('workflows in one state are removed, others stay; running ones only with all', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const done = await submitGraph(colony, 'worker', { a: [] });
  await succeed(colony, executor, await assign(colony, executor));
  const running = await submitGraph(colony, 'worker', { a: [], b: ['a'] });
  const process = await assign(colony, executor);
  const removeAll = (state: number) =>
    colony.call(colony.colonyOwner, removeAllWorkflows, { colonyName: 'test', state });
  const find = ({ workflowId }: { workflowId: string }) => colony.call(colony.user, getWorkflow, { workflowId });
  await removeAll(2);
  await expect(find(done)).rejects.toMatchObject({ status: 500 });
  expect(await find(running)).toMatchObject({ state: 'running' });
  await expect(removeAll(1)).rejects.toMatchObject({ status: 400 });
  await removeAll(-1);
  await expect(find(running)).rejects.toMatchObject({ status: 500 });
  const close = { processId: process.processId, output: [] };
  await expect(colony.call(executor.identity, closeSuccessful, close)).rejects.toMatchObject({ status: 500 });
});

test('a removed colony can be founded anew, and is empty', async () => {
  await using colony = await startTestColony(quick);
  await colony.submit({}, 'worker');
  await colony.call(colony.serverOwner, removeColony, { colonyName: 'test' });
  const founded = { colonyId: colony.colonyOwner.id, name: 'test' };
  expect(await colony.call(colony.serverOwner, addColony, { colony: founded })).toEqual(founded);
  expect(await colony.call(colony.serverOwner, getStatistics, {})).toMatchObject({ colonies: 1, waitingProcesses: 0 });
});
