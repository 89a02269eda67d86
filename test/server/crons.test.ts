import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import { removeColony, removeUser } from '../../colony/messages/colonies.ts';
import { addCron, type Cron, getCron, getCrons, removeCron, runCron } from '../../colony/messages/crons.ts';
import { approveExecutor, rejectExecutor } from '../../colony/messages/executors.ts';
import { cancelWorkflow, getWorkflow, removeWorkflow } from '../../colony/messages/workflows.ts';
import { until } from '../support/processes.ts';
import {
  addNeighbour,
  cronOf,
  lookAgain,
  processesOf,
  startColonyWithClock,
  workflowText,
} from '../support/recurring.ts';
import { rpcRaw } from '../support/rpc.ts';
import { assign, fail, quick, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

const refused = (status: number, serverMessage: string): unknown => expect.objectContaining({ status, serverMessage });

function add(colony: TestColony, cron: Partial<Cron> = {}, identity = colony.user): Promise<Cron> {
  return colony.call(identity, addCron, { cron: cronOf(cron) });
}

function read(colony: TestColony, { cronId }: Pick<Cron, 'cronId'>): Promise<Cron> {
  return colony.call(colony.user, getCron, { cronId });
}

async function untilRuns(colony: TestColony, count: number) {
  await until(async () => (await processesOf(colony)).length >= count);
  return processesOf(colony);
}

describe('a cron with an interval', () => {
  test('submits its workflow in the name of who added it, in rhythm', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass, now } = setting;
    const startMs = now().getTime();
    const added = await add(colony);
    expect(added).toMatchObject({
      initiatorId: colony.user.id,
      initiatorName: 'user',
      lastRun: undefined,
      nextRun: new Date(startMs + 10_000),
      previousWorkflowId: '',
      checkerPeriodMs: 0,
    });
    await lookAgain(setting);
    expect(await processesOf(colony)).toEqual([]);
    pass(12);
    const [process] = await untilRuns(colony, 1);
    expect(process).toMatchObject({ initiatorId: colony.user.id, initiatorName: 'user', input: [] });
    expect(await read(colony, added)).toMatchObject({
      lastRun: now(),
      nextRun: new Date(startMs + 20_000),
      previousWorkflowId: process?.workflowId,
      checkerPeriodMs: quick.sweepIntervalMs,
    });
  });

  test('catches up with one run, however many were missed while the server was down', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass, now } = setting;
    const added = await add(colony);
    await colony.server.stop();
    pass(3600);
    await colony.restart();
    await untilRuns(colony, 1);
    await lookAgain(setting);
    expect(await processesOf(colony)).toHaveLength(1);
    const { lastRun, nextRun } = await read(colony, added);
    expect(Number(nextRun) - Number(lastRun)).toBe(10_000);
    expect(Number(nextRun)).toBeGreaterThan(now().getTime());
  });

  test('runs at a random moment within it when asked to', async () => {
    await using setting = await startColonyWithClock();
    const { colony, now } = setting;
    const names = Array.from({ length: 20 }, (_, index) => `cron-${index}`);
    const added = await Promise.all(
      names.map((name) => add(colony, { name, random: true, intervalSeconds: 1_000_000 })),
    );
    const delays = added.map(({ nextRun }) => Number(nextRun) - now().getTime());
    expect(Math.min(...delays)).toBeGreaterThan(0);
    expect(Math.max(...delays)).toBeLessThanOrEqual(1_000_000_000);
    expect(new Set(delays).size).toBeGreaterThan(15);
  });

  test('is planned anew when the clock was set back', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    await add(colony);
    pass(-86_400);
    await lookAgain(setting);
    expect(await processesOf(colony)).toEqual([]);
    pass(10);
    await untilRuns(colony, 1);
  });
});

test('a cron with an expression runs when it says, in its zone', async () => {
  await using setting = await startColonyWithClock();
  const { colony, pass, now } = setting;
  const summer = { cronExpression: 'TZ=Europe/Stockholm 30 0 14 * * *', intervalSeconds: -1 };
  const added = await add(colony, summer);
  expect(added.nextRun?.toISOString()).toBe('2026-11-20T13:00:30.000Z');
  pass(3629);
  await lookAgain(setting);
  await untilRuns(colony, 1);
  expect(await read(colony, added)).toMatchObject({ lastRun: now(), nextRun: new Date('2026-11-21T13:00:30.000Z') });
});

describe('what a cron’s roots get', () => {
  test('is the output of the leaves of the previous run, in the order of its spec', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    const executor = await colony.addExecutor('worker');
    await add(colony, { workflowSpec: workflowText({ root: [], left: ['root'], right: ['root'], alone: [] }) });
    pass(10);
    await untilRuns(colony, 4);
    for (let node = 0; node < 4; node += 1) {
      const process = await assign(colony, executor);
      expect(process.input).toEqual(
        process.spec.nodeName === 'root' || process.spec.nodeName === 'alone' ? [] : ['root'],
      );
      await succeed(colony, executor, process, [process.spec.nodeName]);
    }
    pass(10);
    await untilRuns(colony, 8);
    for (let node = 0; node < 2; node += 1) {
      const process = await assign(colony, executor);
      expect(['root', 'alone']).toContain(process.spec.nodeName);
      expect(process.input).toEqual(['left', 'right', 'alone']);
    }
  });

  test('is kept when a root is tried again', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    const executor = await colony.addExecutor('worker');
    await add(colony);
    pass(10);
    await succeed(colony, executor, await assign(colony, executor), ['one']);
    pass(10);
    const first = await assign(colony, executor);
    await colony.call(colony.colonyOwner, rejectExecutor, { colonyName: 'test', executorName: executor.name });
    const { status } = await assign(colony, executor).catch((thrown: unknown) => Object(thrown));
    expect(status).toBe(403);
    expect(first.input).toEqual(['one']);
    expect((await colony.getProcess(first.processId)).input).toEqual(['one']);
  });

  test('makes them fail when it is too long', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    const executor = await colony.addExecutor('worker');
    const roots = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`root-${index}`, []]));
    await add(colony, { workflowSpec: workflowText({ ...roots, last: Object.keys(roots) }) });
    pass(10);
    for (let node = 0; node < 9; node += 1) await succeed(colony, executor, await assign(colony, executor));
    await succeed(colony, executor, await assign(colony, executor), ['x'.repeat(4 * 1024 * 1024)]);
    pass(10);
    const processes = await untilRuns(colony, 20);
    const failed = processes.filter(({ state }) => state === 'failed');
    expect(failed).toHaveLength(10);
    const root = failed.find(({ spec }) => spec.nodeName === 'root-0');
    expect(root?.errors[0]).toContain('bytes of output of the previous run for all 9 nodes that begin');
    expect(await colony.call(colony.user, getWorkflow, { workflowId: root?.workflowId ?? '' })).toMatchObject({
      state: 'failed',
    });
  });
});

describe('a cron that waits for its previous workflow', () => {
  test.each(['succeeded', 'failed', 'been cancelled', 'been removed'])(
    'runs once that has %s, and not before',
    async (ending) => {
      await using setting = await startColonyWithClock();
      const { colony, pass } = setting;
      const executor = await colony.addExecutor('worker');
      const added = await add(colony, { waitForPreviousWorkflow: true });
      pass(10);
      const [first] = await untilRuns(colony, 1);
      pass(35);
      await lookAgain(setting);
      expect(await processesOf(colony)).toHaveLength(1);
      await expect(colony.call(colony.user, runCron, added)).rejects.toEqual(
        refused(
          400,
          `Failed to run cron, it waits for its previous workflow with Id ${first?.workflowId}; cancel that, or wait for its end`,
        ),
      );
      const workflowId = first?.workflowId ?? '';
      if (ending === 'succeeded') await succeed(colony, executor, await assign(colony, executor), ['done']);
      if (ending === 'failed') await fail(colony, executor, await assign(colony, executor));
      if (ending === 'been cancelled') await colony.call(colony.user, cancelWorkflow, { workflowId });
      if (ending === 'been removed') await colony.call(colony.user, removeWorkflow, { workflowId });
      await until(async () => (await read(colony, added)).previousWorkflowId !== workflowId);
      await lookAgain(setting);
      expect(await processesOf(colony)).toHaveLength(ending === 'been removed' ? 1 : 2);
    },
  );
});

test('a cron can be run at any time, and counts from then', async () => {
  await using setting = await startColonyWithClock();
  const { colony, pass, now } = setting;
  const added = await add(colony);
  pass(7);
  const ran = await colony.call(colony.user, runCron, added);
  expect(ran).toMatchObject({ lastRun: now(), nextRun: new Date(now().getTime() + 10_000) });
  const [process] = await untilRuns(colony, 1);
  expect(process?.workflowId).toBe(ran.previousWorkflowId);
  pass(5);
  await lookAgain(setting);
  expect(await processesOf(colony)).toHaveLength(1);
});

test('a cron whose creator is no member any more does not run, and the log says so once', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  await using setting = await startColonyWithClock({ log });
  const { colony, pass } = setting;
  const executor = await colony.addExecutor('worker');
  const added = await add(colony, {}, executor.identity);
  const { name: executorName } = executor;
  await colony.call(colony.colonyOwner, rejectExecutor, { colonyName: 'test', executorName });
  for (let turn = 0; turn < 3; turn += 1) {
    pass(10);
    await lookAgain(setting);
  }
  expect(await processesOf(colony)).toEqual([]);
  const said = lines.map((line): unknown => JSON.parse(line));
  expect(said).toEqual([
    expect.objectContaining({ cronId: added.cronId, colonyName: 'test', initiatorName: executorName }),
  ]);
  await expect(colony.call(colony.user, runCron, added)).rejects.toMatchObject({ status: 403 });
  await colony.call(colony.colonyOwner, approveExecutor, { colonyName: 'test', executorName });
  pass(10);
  await untilRuns(colony, 1);
});

describe('a cron is refused', () => {
  const cases: readonly (readonly [what: string, cron: Partial<Cron>, status: number, message: string])[] = [
    ['with interval 0', { intervalSeconds: 0 }, 400, 'Cron interval must be -1 (disabled) or larger than 0'],
    ['with a negative interval', { intervalSeconds: -2 }, 400, 'Cron interval must be -1 (disabled) or larger than 0'],
    [
      'with an endless interval',
      { intervalSeconds: 2 ** 40 },
      400,
      `Failed to add cron, expected an interval of at most 3155760000 seconds (100 years), got ${2 ** 40}`,
    ],
    ['without expression', { intervalSeconds: -1 }, 400, 'empty cron expression string'],
    [
      'with too few fields',
      { intervalSeconds: -1, cronExpression: '* * *' },
      400,
      'expected exactly 6 fields, found 3: [* * *]',
    ],
    [
      'with an expression that never comes due',
      { intervalSeconds: -1, cronExpression: '0 0 0 30 2 *' },
      400,
      'Failed to add cron, its expression never comes due',
    ],
    [
      'with a random expression',
      { intervalSeconds: -1, cronExpression: '@daily', random: true },
      400,
      'Random cron is only supported when specifying intervals',
    ],
    [
      'with control characters in its expression',
      { intervalSeconds: -1, cronExpression: '\u001B[2J' },
      400,
      'Failed to add cron, the expression must have at most 200 characters and no control characters',
    ],
    ['without workflow', { workflowSpec: '' }, 400, 'unexpected end of JSON input'],
    ['with a workflow that is no JSON', { workflowSpec: '{' }, 400, 'Failed to add cron, workflowspec is no JSON'],
    ['with a workflow that is none', { workflowSpec: '[1]' }, 400, 'Failed to add cron, workflowspec is no workflow'],
    [
      'with a workflow that is nested too deep',
      { workflowSpec: '['.repeat(1_000_000) },
      400,
      'Failed to add cron, workflowspec is nested too deep',
    ],
    [
      'with a workflow that names no colony',
      { workflowSpec: workflowText({ a: [] }, 'worker', '') },
      500,
      'Could not derive InitiatorName',
    ],
    [
      'with a workflow of another colony',
      { workflowSpec: workflowText({ a: [] }, 'worker', 'neighbour') },
      403,
      'Failed to add cron, expected a workflow of Colony <test>',
    ],
    [
      'with a dependency that does not exist',
      { workflowSpec: workflowText({ a: ['b'] }) },
      400,
      'Failed to submit workflow, invalid dependencies, are you depending on a nodename that does not exits? (a depends on b)',
    ],
    [
      'with a cycle',
      { workflowSpec: workflowText({ a: ['b'], b: ['a'] }) },
      400,
      'Failed to submit workflow, the dependencies form a cycle: a -> b -> a',
    ],
    ['without nodes', { workflowSpec: workflowText({}) }, 400, 'Failed to submit workflow, the workflow has no nodes'],
    [
      'with a name that poisons lists',
      { name: 'a:b' },
      400,
      'Failed to add cron, the name must have 1 to 200 characters and no colon',
    ],
  ];

  test.each(cases)('%s', async (_what, cron, status, message) => {
    await using colony = await startTestColony(quick);
    await expect(add(colony, cron)).rejects.toEqual(refused(status, message));
    expect(await colony.call(colony.user, getCrons, { colonyName: 'test', count: 10 })).toEqual([]);
    expect(await processesOf(colony)).toEqual([]);
  });

  test('with a name that another one has, whose twin in another colony is none of its business', async () => {
    await using colony = await startTestColony(quick);
    const neighbour = await addNeighbour(colony);
    await add(colony);
    await expect(add(colony)).rejects.toEqual(refused(400, 'Cron with name <cron> in Colony <test> already exists'));
    const twin = { colonyName: 'neighbour', workflowSpec: workflowText({ a: [] }, 'worker', 'neighbour') };
    expect(await add(colony, twin, neighbour.user)).toMatchObject({ name: 'cron', colonyName: 'neighbour' });
  });

  test('without what it needs, as invalid', async () => {
    await using colony = await startTestColony(quick);
    const send = (type: string, inner: object) => rpcRaw(colony.address, colony.user, type, inner);
    await expect(send('addcronmsg', {})).rejects.toEqual(refused(400, 'Failed to add cron, msg.Cron is nil'));
    for (const cron of [1, 'x', [], { colonyname: 'test', interval: '1' }, { colonyname: 1 }]) {
      await expect(send('addcronmsg', { cron })).rejects.toEqual(refused(400, 'Failed to add cron, invalid JSON'));
    }
    await expect(send('getcronsmsg', { colonyname: [] })).rejects.toEqual(
      refused(400, 'Failed to get crons, invalid JSON'),
    );
  });
});

test('crons are for members of their colony, who see and remove them', async () => {
  await using setting = await startColonyWithClock();
  const { colony, pass } = setting;
  const neighbour = await addNeighbour(colony);
  const pending = await colony.addExecutor('worker');
  await colony.call(colony.colonyOwner, rejectExecutor, { colonyName: 'test', executorName: pending.name });
  const added = await add(colony);
  const second = await add(colony, { name: 'second' });
  const outsiders = [neighbour.user, pending.identity, colony.colonyOwner, colony.serverOwner, generateIdentity()];
  const notMember = refused(403, 'Access denied, not a member of Colony with name <test>');
  for (const outsider of outsiders) {
    await expect(add(colony, { name: 'theirs' }, outsider)).rejects.toEqual(notMember);
    await expect(colony.call(outsider, getCron, added)).rejects.toEqual(notMember);
    await expect(colony.call(outsider, runCron, added)).rejects.toEqual(notMember);
    await expect(colony.call(outsider, removeCron, added)).rejects.toEqual(notMember);
    await expect(colony.call(outsider, getCrons, { colonyName: 'test', count: 9 })).rejects.toEqual(notMember);
  }
  expect(await processesOf(colony)).toEqual([]);
  expect(await colony.call(neighbour.user, getCrons, { colonyName: 'neighbour', count: 9 })).toEqual([]);
  const names = async (count: number) =>
    (await colony.call(colony.user, getCrons, { colonyName: 'test', count })).map(({ name }) => name);
  expect(await names(9)).toEqual(['cron', 'second']);
  expect(await names(1)).toEqual(['cron']);
  expect(await names(-1)).toEqual([]);
  await colony.call(colony.user, removeCron, second);
  expect(await names(9)).toEqual(['cron']);
  await colony.call(colony.user, removeCron, added);
  pass(60);
  await lookAgain(setting);
  expect(await processesOf(colony)).toEqual([]);
  await expect(colony.call(colony.user, getCron, added)).rejects.toEqual(
    refused(500, 'Failed to get cron, cron is nil'),
  );
  await expect(colony.call(colony.user, runCron, added)).rejects.toEqual(refused(400, 'cron not found'));
  await expect(colony.call(colony.user, removeCron, added)).rejects.toEqual(
    refused(500, 'Failed to remove cron, cron is nil'),
  );
});

test('crons go with their colony, and with the user who is removed they rest', async () => {
  await using setting = await startColonyWithClock();
  const { colony, pass } = setting;
  const neighbour = await addNeighbour(colony);
  const theirs = { colonyName: 'neighbour', workflowSpec: workflowText({ a: [] }, 'worker', 'neighbour') };
  await add(colony, theirs, neighbour.user);
  await colony.call(neighbour.owner, removeUser, { colonyName: 'neighbour', name: 'user' });
  pass(30);
  await lookAgain(setting);
  await colony.call(colony.serverOwner, removeColony, { colonyName: 'neighbour' });
  const again = await addNeighbour(colony);
  expect(await colony.call(again.user, getCrons, { colonyName: 'neighbour', count: 9 })).toEqual([]);
});
