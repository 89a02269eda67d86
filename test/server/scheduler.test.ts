import { expect, test } from 'vitest';
import { insertProcess } from '../../server/process-lifecycle.ts';
import { required } from '../../server/refusal.ts';
import { createScheduler, type Scheduler } from '../../server/scheduler.ts';
import { openDatabase } from '../../server/store/database.ts';
import { findExecutor } from '../../server/store/members.ts';
import { createTransactor, type Transactor } from '../../server/transaction.ts';
import { functionSpec } from '../support/test-colony.ts';

/** A scheduler on a database of its own, with an approved executor. */
function openScheduler() {
  const database = openDatabase(':memory:');
  const transactor: Transactor = createTransactor(database, Date.now, {
    beforeCommit: (transaction) => scheduler.serveChanges(transaction),
    afterCommit: () => undefined,
    onError: (error) => expect.unreachable(error.message),
    onCommit: () => undefined,
  });
  const scheduler: Scheduler = createScheduler({
    transactor: () => transactor,
    maxInputBytes: 1000,
    onUnreadable: (_processId, error) => expect.unreachable(error.message),
  });
  database.run("INSERT INTO colonies VALUES ('test', 'owner', 0)");
  database.run(
    `INSERT INTO executors (colony_name, executor_name, executor_id, executor_type, state, require_function_registration,
       commission_ms, location_name, capabilities, allocations, blueprint_id, blueprint_generation)
     VALUES ('test', 'one', 'id', 'worker', 1, 0, 0, '', '{}', '{}', '', 0)`,
  );
  const executor = required(findExecutor(database, 'test', 'one'), 500, 'expected an executor');
  const poll = () =>
    scheduler.next({ executor, cpuMilli: undefined, memoryMebibytes: undefined }, 10, new AbortController().signal);
  /** Submits a process, in a work of the store that takes so long that others come in the next commit. */
  const submitSlowly = () =>
    transactor.write((transaction) => {
      const startedMs = performance.now();
      while (performance.now() - startedMs < 60);
      const initiator = { id: 'user', name: 'user' };
      const spec = functionSpec('test', 'worker');
      return insertProcess(transaction, { spec, initiator, workflowId: undefined, waitsForParents: false });
    });
  /** Has everything fail that shares a commit with it. */
  const giveUp = () =>
    transactor.write(() => {
      database.run('ROLLBACK');
      throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_WRITE' });
    });
  return { database, poll, submitSlowly, giveUp, [Symbol.dispose]: () => database.close() };
}

test('a poll that an earlier commit has given a process answers with it, although its own part cannot be stored', async () => {
  using setup = openScheduler();
  const [submitted, polled, failed] = [setup.submitSlowly(), setup.poll(), setup.giveUp()];
  await expect(failed).rejects.toThrow('disk I/O error');
  const { process_id: processId } = await submitted;
  expect(JSON.parse((await polled).text)).toMatchObject({ processid: processId, state: 1 });
});

test('a poll that was given nothing is refused when its part cannot be stored', async () => {
  using setup = openScheduler();
  const polled = setup.poll();
  await Promise.all([
    expect(setup.giveUp()).rejects.toThrow('disk I/O error'),
    expect(polled).rejects.toThrow('disk I/O error'),
  ]);
  await setup.submitSlowly();
  expect(setup.database.get('SELECT state FROM processes')).toEqual({ state: 0 });
});
