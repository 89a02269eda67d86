import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/processes.ts';
import { list, Process, Statistics, UNSET } from './shapes.ts';
import { differing, type Inner, openWorld, specOf, type World, type WorldExecutor } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const nothing = 'No process available for assignment';

async function submitTo(executor: WorldExecutor, fields: Inner = {}, conditions: Inner = {}): Promise<string> {
  return (await world.submit(fields, { executortype: executor.type, ...conditions })).processid;
}

const next = async (executor: WorldExecutor) => (await world.assign(executor.identity)).processid;

/** Asks with what the executor has to offer; undefined when there is nothing for it. */
async function offer(executor: WorldExecutor, offered: Inner): Promise<string | undefined> {
  const request = { colonyname: world.colonyName, timeout: -1, ...offered };
  const { payload } = await world.ask(executor.identity, 'assignprocessmsg', request);
  return Process.safeParse(payload).data?.processid;
}

describe('a submitted process', () => {
  test('is answered with everything that was left out', async () => {
    const spec = { conditions: { colonyname: world.colonyName, executortype: 'nobody' } };
    const process = await world.must('user', 'submitfuncspecmsg', { spec }, Process);
    expect(process).toMatchObject({
      initiatorid: world.people.user.id,
      initiatorname: world.names.user,
      assignedexecutorid: '',
      isassigned: false,
      state: 0,
      starttime: UNSET,
      endtime: UNSET,
      waitdeadline: UNSET,
      execdeadline: UNSET,
      retries: 0,
      attributes: [],
      waitforparents: false,
      parents: [],
      children: [],
      processgraphid: '',
      in: [],
      out: [],
      errors: [],
    });
    expect(process.spec).toEqual({
      nodename: '',
      funcname: '',
      args: [],
      kwargs: {},
      priority: 0,
      maxwaittime: 0,
      maxexectime: 0,
      maxretries: 0,
      conditions: {
        colonyname: world.colonyName,
        executornames: differing(world, 'no null where a list is meant', { official: null, here: [] }),
        executortype: 'nobody',
        dependencies: [],
        nodes: 0,
        cpu: '0m',
        processes: 0,
        processespernode: 0,
        mem: '0Mi',
        storage: '0Mi',
        gpu: { name: '', mem: '0Mi', count: 0, nodecount: 0 },
        walltime: 0,
      },
      label: '',
      fs: { mount: '', snapshots: null, dirs: null },
      env: {},
    });
  });

  test('keeps what it was submitted with, amounts written in milli and mebi', async () => {
    const fields = {
      nodename: 'n',
      funcname: 'add',
      args: ['text', 7, 1.5, true, null, ['x'], { a: [1] }],
      kwargs: { k: { deep: [null] } },
      priority: -3,
      maxwaittime: 60,
      maxexectime: 70,
      maxretries: 2,
      label: 'l',
      channels: ['chat'],
      fs: {
        mount: '/m',
        snapshots: [{ snapshotid: 's', label: '/a', dir: '/b', keepfiles: true, keepsnapshot: false }],
        dirs: [
          {
            label: '/c',
            dir: '/d',
            keepfiles: false,
            onconflicts: { onstart: { keeplocal: true }, onclose: { keeplocal: false } },
          },
        ],
      },
    };
    const conditions = {
      executornames: ['x', 'y'],
      locationname: 'Here',
      nodes: 2,
      cpu: '500m',
      processes: 3,
      processespernode: 4,
      mem: '10Gi',
      storage: '10M',
      gpu: { name: 'g', mem: '1GiB', count: 5, nodecount: 6 },
      walltime: 80,
    };
    const { spec, prioritytime, submissiontime, waitdeadline } = await world.submit(fields, conditions);
    expect(spec).toMatchObject(fields);
    const nodecount = differing(world, 'nothing is lost', { official: 0, here: 6 });
    const amounts = { mem: '10240Mi', storage: '9Mi', gpu: { name: 'g', mem: '1024Mi', count: 5, nodecount } };
    expect(spec.conditions).toMatchObject({ ...conditions, ...amounts });
    const submittedMs = Date.parse(submissiontime);
    expect(prioritytime / 1e6 - submittedMs).toBeCloseTo(3 * 86_400_000, -2);
    expect(Date.parse(waitdeadline) - submittedMs).toBe(60_000);
  });

  test('keeps numbers up to 2^53, and texts of any characters', async () => {
    const args = [9_007_199_254_740_991, -1.25e-7, 'åäö✓𝔘\u0000\n"\\'];
    expect((await world.submit({ args })).spec.args).toEqual(args);
  });
});

describe('what an executor is given', () => {
  test('is of its type, and higher priority goes first, then the older process', async () => {
    const executor = await world.addExecutor();
    await world.submit();
    const plain = [await submitTo(executor), await submitTo(executor)];
    const low = await submitTo(executor, { priority: -1 });
    const high = await submitTo(executor, { priority: 2 });
    const order = [await next(executor), await next(executor), await next(executor), await next(executor)];
    expect(order).toEqual([high, ...plain, low]);
  });

  test('is marked as running, with its deadline', async () => {
    const executor = await world.addExecutor();
    await submitTo(executor, { maxexectime: 100 });
    const process = await world.assign(executor.identity);
    expect(process).toMatchObject({ state: 1, isassigned: true, assignedexecutorid: executor.identity.id, in: [] });
    expect(Date.parse(process.execdeadline) - Date.parse(process.starttime)).toBe(100_000);
    expect(process.endtime).toBe(UNSET);
  });

  test('may be meant for some executors by name', async () => {
    const first = await world.addExecutor();
    const second = await world.addExecutor({ executortype: first.type });
    const own = await submitTo(first, {}, { executornames: [second.name, 'nobody'] });
    expect(await offer(first, {})).toBeUndefined();
    expect(await next(second)).toBe(own);
    const anybodys = await submitTo(first, {}, { executornames: ['*'] });
    expect(await next(first)).toBe(anybodys);
  });

  test('may be meant for one place, however that is written', async () => {
    const here = await world.addExecutor({ locationname: 'Lulea' });
    const there = await world.addExecutor({ executortype: here.type, locationname: 'Umea' });
    const process = await submitTo(here, {}, { locationname: 'LULEA' });
    expect(await offer(there, {})).toBeUndefined();
    expect(await next(here)).toBe(process);
    const anywhere = await submitTo(here);
    expect(await offer(there, {})).toBe(anywhere);
  });

  test('fits into the processors and the memory that it offers', async () => {
    const executor = await world.addExecutor();
    const process = await submitTo(executor, {}, { cpu: '1500m', mem: '2Gi' });
    expect(await offer(executor, { availablecpu: '1499m', availablemem: '' })).toBeUndefined();
    expect(await offer(executor, { availablecpu: '', availablemem: '2047Mi' })).toBeUndefined();
    expect(await offer(executor, { availablecpu: '1500m', availablemem: '2048Mi' })).toBe(process);
  });

  test('is nothing when it offers less than nothing: the sign of life of a busy executor', async () => {
    const executor = await world.addExecutor();
    await submitTo(executor);
    expect(await offer(executor, { availablecpu: '-1m' })).toBeUndefined();
  });

  test('is not of another colony', async () => {
    const { executorType, neighbourName } = world;
    await world.do('neighbour', 'submitfuncspecmsg', { spec: specOf(neighbourName, executorType) });
    await expect(world.assign('executor', -1)).rejects.toThrow(nothing);
    const own = { colonyname: neighbourName, timeout: -1 };
    await world.do('neighbourExecutor', 'assignprocessmsg', own);
  });

  test('comes when it arrives, to a poll that waits', async () => {
    const executor = await world.addExecutor();
    const poll = next(executor);
    const processid = await submitTo(executor);
    expect(await poll).toBe(processid);
  });

  test('does not come when nothing arrives until the time is up', async () => {
    const executor = await world.addExecutor();
    await expect(world.assign(executor.identity, 1)).rejects.toThrow(nothing);
  });

  test('goes to one of many only', async () => {
    const first = await world.addExecutor();
    const others = await Promise.all([1, 2, 3].map(() => world.addExecutor({ executortype: first.type })));
    const ids = [await submitTo(first), await submitTo(first)];
    const got = await Promise.all([first, ...others].map((executor) => offer(executor, {})));
    expect(got.filter((id) => id !== undefined).toSorted()).toEqual(ids.toSorted());
  });
});

const pause = (verb: 'pause' | 'resume') =>
  world.do('colonyOwner', `${verb}assignmentsmsg`, { colonyname: world.colonyName });

const paused = (status: number, words: string) => ({
  status,
  message: `${words}: colony assignments are paused`,
});

describe('paused assignments', () => {
  test('hand nothing out until they are resumed, and say so', async () => {
    const executor = await world.addExecutor();
    await pause('pause');
    const { payload } = await world.ask('user', 'getpausestatusmsg', { colonyname: world.colonyName });
    expect(payload).toMatchObject({ ispaused: true, colonyname: world.colonyName });
    const processid = await submitTo(executor);
    const ask = (timeout: number) =>
      world.ask(executor.identity, 'assignprocessmsg', { colonyname: world.colonyName, timeout });
    expect((await ask(-1)).payload).toEqual(paused(503, 'No processes available'));
    expect((await ask(1)).payload).toEqual(paused(408, 'Assignment timeout'));
    const poll = next(executor);
    await pause('resume');
    expect(await poll).toBe(processid);
  });
});

describe('a process that is closed', () => {
  test('keeps its output and has ended', async () => {
    const { processid } = await world.running();
    const out = ['o', 2, 1.5, null, true, { a: [1] }];
    await world.do('executor', 'closesuccessfulmsg', { processid, out });
    const closed = await world.process(processid);
    expect(closed).toMatchObject({ state: 2, out, errors: [], isassigned: true });
    expect(closed.endtime).not.toBe(UNSET);
  });

  test('keeps the output that was set before when it is closed with none', async () => {
    const { processid } = await world.running();
    await world.do('executor', 'setoutputmsg', { processid, out: ['partial'] });
    expect((await world.process(processid)).out).toEqual(['partial']);
    await world.do('executor', 'setoutputmsg', { processid, out: [] });
    await world.do('executor', 'closesuccessfulmsg', { processid, out: [] });
    expect((await world.process(processid)).out).toEqual(['partial']);
  });

  test('as failed keeps its errors and output, and is not tried again', async () => {
    const { processid } = await world.running({ maxretries: 3 });
    await world.do('executor', 'setoutputmsg', { processid, out: ['partial'] });
    await world.do('executor', 'closefailedmsg', { processid, errors: ['one', 'two'] });
    expect(await world.process(processid)).toMatchObject({
      state: 3,
      errors: ['one', 'two'],
      out: ['partial'],
      retries: 0,
    });
  });

  test('is not closed in another way any more', async () => {
    const refusal = async (type: string, processid: string) =>
      (await world.ask('executor', type, { processid, out: ['again'], errors: [] })).payload;
    const { processid: failed } = await world.running();
    await world.do('executor', 'closefailedmsg', { processid: failed, errors: [] });
    expect(await refusal('closesuccessfulmsg', failed)).toEqual({
      status: 400,
      message: 'Tried to set failed process as successful',
    });
    expect(await refusal('closefailedmsg', failed)).toEqual({
      status: 400,
      message: 'Tried to set failed process as failed',
    });
    const { processid: successful } = await world.running();
    await world.do('executor', 'closesuccessfulmsg', { processid: successful, out: ['first'] });
    expect(await refusal('closefailedmsg', successful)).toEqual({
      status: 400,
      message: 'Tried to set successful process as failed',
    });
    const twice = differing<unknown>(world, 'what has ended keeps its output', {
      official: {},
      here: { status: 400, message: 'Tried to set successful process as successful' },
    });
    expect(await refusal('closesuccessfulmsg', successful)).toEqual(twice);
    const out = differing(world, 'what has ended keeps its output', { official: ['again'], here: ['first'] });
    expect((await world.process(successful)).out).toEqual(out);
    expect(await refusal('setoutputmsg', successful)).toEqual({
      status: 403,
      message: 'Failed to set output, process is not running',
    });
  });

  test('is not cancelled any more', async () => {
    const { processid } = await world.running();
    await world.do('executor', 'closesuccessfulmsg', { processid, out: [] });
    const { payload } = await world.ask('user', 'cancelprocessmsg', { processid });
    expect(payload).toEqual({ status: 400, message: 'Tried to cancel successful process' });
  });
});

const stateOf = async (processid: string) => (await world.process(processid)).state;

describe('limits of time', () => {
  test('an execution that takes too long is handed out again, as often as the spec allows', async () => {
    const executor = await world.addExecutor();
    const processid = await submitTo(executor, { maxexectime: 1, maxretries: 1 });
    await next(executor);
    await until(async () => (await stateOf(processid)) === 0);
    expect(await world.process(processid)).toMatchObject({ retries: 1, isassigned: false, assignedexecutorid: '' });
    const late = await world.ask(executor.identity, 'closesuccessfulmsg', { processid, out: [] });
    expect(late.payload).toMatchObject({ status: 403 });
    await next(executor);
    await until(async () => (await stateOf(processid)) === 3);
    expect(await world.process(processid)).toMatchObject({
      retries: 1,
      errors: ['Maximum execution time limit exceeded'],
    });
  });

  test('a process that waits too long fails', async () => {
    const { processid } = await world.submit({ maxwaittime: 1 });
    await until(async () => (await stateOf(processid)) === 3);
    expect((await world.process(processid)).errors).toEqual(['Maximum waiting time limit exceeded']);
  });
});

const ids = async (query: Inner) => {
  const request = { colonyname: world.colonyName, count: 100, ...query };
  return (await world.must('user', 'getprocessesmsg', request, list(Process))).map(({ processid }) => processid);
};

describe('lists', () => {
  test('are of one state, filtered by type, initiator or label, and as long as wanted', async () => {
    const executor = await world.addExecutor();
    const first = await submitTo(executor, { label: 'red' });
    const second = await submitTo(executor, { label: 'blue' });
    expect(await ids({ state: 0, executortype: executor.type })).toEqual([first, second]);
    expect(await ids({ state: 0, executortype: executor.type, count: 1 })).toEqual([first]);
    expect(await ids({ state: 0, count: 0 })).toEqual([]);
    expect(await ids({ state: 0, label: 'red' })).toEqual([first]);
    expect(await ids({ state: 0, initiator: world.names.user })).toContain(second);
    expect(await ids({ state: 1, executortype: executor.type })).toEqual([]);
  });

  test('show what ended last first', async () => {
    const executor = await world.addExecutor();
    const [first, second] = [await submitTo(executor), await submitTo(executor)];
    for (const processid of [await next(executor), await next(executor)]) {
      await world.do(executor.identity, 'closesuccessfulmsg', { processid, out: [] });
    }
    expect(await ids({ state: 2, executortype: executor.type })).toEqual([second, first]);
  });

  test('of the past are those of one executor, or of all', async () => {
    const executor = await world.addExecutor();
    const processid = await submitTo(executor);
    await next(executor);
    const history = async (executorid: string) => {
      const request = { colonyname: world.colonyName, executorid, seconds: 60, state: 1 };
      const processes = await world.must('user', 'getprocesshistmsg', request, list(Process));
      return processes.map((process) => process.processid);
    };
    expect(await history(executor.identity.id)).toEqual([processid]);
    expect(await history('')).toContain(processid);
    expect(await history(world.people.pending.id)).toEqual([]);
  });
});

/** What has become more or less, by how much. */
function growth(before: Statistics, after: Statistics): Record<string, number> {
  const counted = new Map<string, number>(Object.entries(before));
  const changes = Object.entries(after).map(([name, count]) => [name, count - (counted.get(name) ?? 0)] as const);
  return Object.fromEntries(changes.filter(([, change]) => change !== 0));
}

describe('counts', () => {
  test('follow the states of processes, workflows and executors', async () => {
    const count = () => world.must('user', 'getcolonystatsmsg', { colonyname: world.colonyName }, Statistics);
    const before = await count();
    const executor = await world.addExecutor();
    await submitTo(executor);
    await submitTo(executor);
    const { processid } = await world.assign(executor.identity);
    await world.submitWorkflow({ a: [], b: ['a'] });
    const during = await count();
    expect(growth(before, during)).toEqual({
      executors: 1,
      activeexecutors: 1,
      waitingprocesses: 3,
      runningprocesses: 1,
      waitingworkflows: 1,
    });
    await world.do(executor.identity, 'closesuccessfulmsg', { processid, out: [] });
    await world.do('colonyOwner', 'removeexecutormsg', { colonyname: world.colonyName, executorname: executor.name });
    const after = await count();
    expect(after.successfulprocesses - before.successfulprocesses).toBe(1);
    expect(after.unregisteredexecutors - before.unregisteredexecutors).toBe(1);
    expect(after.colonies).toBe(1);
  });
});

describe('removing all processes', () => {
  test('removes those in a state, and with -1 all, but no members of workflows', async () => {
    const removeAll = (state: number) =>
      world.do('colonyOwner', 'removeallprocessesmsg', { colonyname: world.colonyName, state });
    const isThere = async (processid: string) =>
      (await world.ask('user', 'getprocessmsg', { processid })).status === 200;
    const waiting = (await world.submit()).processid;
    const cancelled = (await world.submit()).processid;
    await world.do('user', 'cancelprocessmsg', { processid: cancelled });
    const member = (await world.submitWorkflow({ a: [] })).processids[0] ?? '';
    await removeAll(4);
    expect([await isThere(waiting), await isThere(cancelled)]).toEqual([true, false]);
    await removeAll(-1);
    expect([await isThere(waiting), await isThere(member)]).toEqual([false, true]);
  });
});
