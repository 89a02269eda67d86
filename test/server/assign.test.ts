import { connect } from 'node:net';
import * as z from 'zod';
import { describe, expect, test } from 'vitest';
import { sealRequest } from '../../colony/envelope.ts';
import { pauseAssignments, getPauseStatus, resumeAssignments } from '../../colony/messages/colonies.ts';
import { getExecutor, getExecutors } from '../../colony/messages/executors.ts';
import { assignProcess, getProcesses, type Process, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { until } from '../support/processes.ts';
import { rpcRaw } from '../support/rpc.ts';
import { assign, quick, succeed } from '../support/server-calls.ts';
import { functionSpec, startTestColony, type TestColony, type TestExecutor } from '../support/test-colony.ts';

const nothing = { status: 404, serverMessage: 'No process available for assignment' };

/** Waits until an executor's poll has reached the server: every signed call shows there. */
async function untilHeardAfter(colony: TestColony, executor: TestExecutor, moment: Date): Promise<void> {
  await until(async () => {
    const named = { colonyName: colony.colonyName, executorName: executor.name };
    const { lastHeardFromTime } = await colony.call(colony.user, getExecutor, named);
    return lastHeardFromTime !== undefined && lastHeardFromTime >= moment;
  });
}

/** A poll that has reached the server and waits there. */
async function waitingPoll(colony: TestColony, executor: TestExecutor, signal?: AbortSignal) {
  const moment = new Date();
  const poll = { answer: assign(colony, executor, {}, signal) };
  poll.answer.catch(() => undefined);
  await untilHeardAfter(colony, executor, moment);
  return poll;
}

test('an assigned process shows who runs it and since when', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const submitted = await colony.submit({ maxExecTimeSeconds: 60, maxWaitTimeSeconds: 30, env: { X: '1' } }, 'worker');
  expect(submitted).toMatchObject({
    state: 'waiting',
    isAssigned: false,
    initiatorName: 'user',
    initiatorId: colony.user.id,
    startTime: undefined,
    attributes: [{ key: 'X', value: '1', attributeType: 3 }],
  });
  expect(Number(submitted.waitDeadline) - Number(submitted.submissionTime)).toBe(30_000);
  const assigned = await assign(colony, executor);
  expect(assigned).toMatchObject({
    processId: submitted.processId,
    state: 'running',
    isAssigned: true,
    assignedExecutorId: executor.identity.id,
    retries: 0,
  });
  expect(Number(assigned.execDeadline) - Number(assigned.startTime)).toBe(60_000);
});

test('a process on the wire has every key that other clients read', async () => {
  await using colony = await startTestColony(quick);
  const spec = { funcname: 'f', conditions: { colonyname: 'test', executortype: 'worker', executornames: ['*'] } };
  const process = await rpcRaw(colony.address, colony.user, 'submitfuncspecmsg', { spec });
  expect(process).toEqual({
    processid: expect.stringMatching(/^[0-9a-f]{64}$/u) as unknown,
    initiatorid: colony.user.id,
    initiatorname: 'user',
    assignedexecutorid: '',
    isassigned: false,
    state: 0,
    prioritytime: expect.any(Number) as unknown,
    submissiontime: expect.stringMatching(/Z$/u) as unknown,
    starttime: '0001-01-01T00:00:00Z',
    endtime: '0001-01-01T00:00:00Z',
    waitdeadline: '0001-01-01T00:00:00Z',
    execdeadline: '0001-01-01T00:00:00Z',
    retries: 0,
    attempt: 0,
    attributes: [],
    spec: {
      nodename: '',
      funcname: 'f',
      args: [],
      kwargs: {},
      priority: 0,
      maxwaittime: 0,
      maxexectime: 0,
      maxretries: 0,
      conditions: {
        colonyname: 'test',
        executornames: [],
        executortype: 'worker',
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
    },
    waitforparents: false,
    parents: [],
    children: [],
    processgraphid: '',
    in: [],
    out: [],
    errors: [],
  });
});

test('higher priority goes first, then the order of submission', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  for (const [functionName, priority] of [
    ['low', -1],
    ['first', 0],
    ['second', 0],
    ['high', 1],
  ] as const) {
    await colony.submit({ functionName, priority }, 'worker');
  }
  const waiting = await colony.call(colony.user, getProcesses, {
    colonyName: 'test',
    count: 10,
    state: 0,
    executorType: '',
    label: '',
    initiator: '',
  });
  const order = ['high', 'first', 'second', 'low'];
  expect(waiting.map(({ spec }) => spec.functionName)).toEqual(order);
  for (const functionName of order) expect((await assign(colony, executor)).spec.functionName).toBe(functionName);
});

test('a priority outside the range is refused', async () => {
  await using colony = await startTestColony(quick);
  await expect(colony.submit({ priority: 50_001 }, 'worker')).rejects.toMatchObject({
    status: 400,
    serverMessage: 'Failed to submit function spec, priority outside range [-50000, 50000]',
  });
});

describe('an executor gets only', () => {
  test('processes of its type', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    await colony.submit({}, 'Worker');
    await colony.submit({}, 'worker2');
    await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toMatchObject(nothing);
  });

  test('processes that name it, or nobody', async () => {
    await using colony = await startTestColony(quick);
    const [one, two] = [await colony.addExecutor('worker', 'one'), await colony.addExecutor('worker', 'two')];
    const spec = { funcname: 'f', conditions: { colonyname: 'test', executortype: 'worker', executornames: ['two'] } };
    await rpcRaw(colony.address, colony.user, 'submitfuncspecmsg', { spec });
    const open = await colony.submit({}, 'worker');
    expect(await assign(colony, one)).toMatchObject({ processId: open.processId });
    await expect(assign(colony, one, { timeoutSeconds: -1 })).rejects.toMatchObject(nothing);
    expect(await assign(colony, two)).toMatchObject({ spec: { conditions: { executorNames: ['two'] } } });
  });

  test('processes that name it, whatever its name is made of', async () => {
    await using colony = await startTestColony(quick);
    for (const name of ['a"b', 'a\\', 'ö', "it's", '%', '["a"]']) {
      const executor = await colony.addExecutor('worker', name);
      const spec = functionSpec('test', 'worker', { conditions: { executorNames: ['other', name] } });
      const { processId } = await colony.call(colony.user, submitFunctionSpec, { spec });
      expect(await assign(colony, executor, { timeoutSeconds: -1 })).toMatchObject({ processId });
    }
  });

  test('what it has processors and memory for', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const conditions = { colonyname: 'test', executortype: 'worker', cpu: '500m', mem: '2Gi' };
    const submitted = z
      .looseObject({ spec: z.looseObject({ conditions: z.looseObject({}) }) })
      .parse(await rpcRaw(colony.address, colony.user, 'submitfuncspecmsg', { spec: { funcname: 'f', conditions } }));
    expect(submitted.spec.conditions).toMatchObject({ cpu: '500m', mem: '2048Mi' });
    const offer = (availableCpu: string, availableMemory: string) =>
      assign(colony, executor, { timeoutSeconds: -1, availableCpu, availableMemory });
    await expect(offer('499m', '')).rejects.toMatchObject(nothing);
    await expect(offer('', '2047Mi')).rejects.toMatchObject(nothing);
    await expect(offer('many', '')).rejects.toMatchObject({ status: 400 });
    expect(await offer('1', '2048Mi')).toMatchObject({ state: 'running' });
  });
});

test('a heartbeat gets nothing although work waits, and shows that its sender lives', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  await colony.submit({}, 'worker');
  const moment = new Date();
  const heartbeat = { timeoutSeconds: -1, availableCpu: '-1m' };
  await expect(assign(colony, executor, heartbeat)).rejects.toMatchObject(nothing);
  await untilHeardAfter(colony, executor, moment);
});

describe('a long poll', () => {
  test('ends with 404 when its time is up', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    await expect(assign(colony, executor, { timeoutSeconds: 1 })).rejects.toMatchObject(nothing);
  });

  test('that lasts longer than executors may be silent keeps its sender registered', async () => {
    let passedMs = 0;
    const clock = () => Date.now() + passedMs;
    await using colony = await startTestColony({ ...quick, clock, staleExecutorSeconds: 60 });
    const [patient, silent] = [await colony.addExecutor('worker'), await colony.addExecutor('other')];
    await expect(assign(colony, silent, { timeoutSeconds: -1 })).rejects.toMatchObject(nothing);
    const moment = new Date();
    const answer = assign(colony, patient, { timeoutSeconds: 600 });
    await untilHeardAfter(colony, patient, moment);
    for (let round = 0; round < 3; round += 1) {
      passedMs += 61_000;
      // Whatever has come due by now is looked at in the sweep that ends this one.
      const { processId } = await colony.submit({ maxWaitTimeSeconds: 1 }, 'nobody');
      passedMs += 1001;
      await until(async () => (await colony.getProcess(processId)).state === 'failed');
    }
    const { processId } = await colony.submit({}, 'worker');
    expect(await answer).toMatchObject({ processId });
    const executors = await colony.call(colony.user, getExecutors, { colonyName: colony.colonyName });
    const stateOf = (name: string) => executors.find(({ executorName }) => executorName === name)?.state;
    expect([stateOf(patient.name), stateOf(silent.name)]).toEqual(['approved', 'unregistered']);
  });

  test('that was recorded more than ten minutes ago is refused', async () => {
    const started = Date.now();
    let aheadMs = 0;
    const steadyClock = () => performance.now() + aheadMs;
    await using colony = await startTestColony({ ...quick, clock: () => Date.now() + aheadMs, steadyClock });
    const executor = await colony.addExecutor('worker');
    await colony.submit({}, 'worker');
    aheadMs = 601_000;
    const poll = (issuedat: number) =>
      rpcRaw(colony.address, executor.identity, 'assignprocessmsg', {
        colonyname: colony.colonyName,
        timeout: -1,
        nonce: 'n',
        issuedat,
      });
    await expect(poll(started)).rejects.toMatchObject({ status: 400 });
    expect(await poll(started + 300_000)).toMatchObject({ state: 1 });
  });

  test('is refused without a time, and to users', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    await expect(assign(colony, executor, { timeoutSeconds: 0 })).rejects.toMatchObject({
      status: 400,
      serverMessage: 'Invalid timeout value, timeout cannot be zero',
    });
    const user = { identity: colony.user, name: 'user', type: 'worker' };
    await expect(assign(colony, user)).rejects.toMatchObject({
      status: 500,
      serverMessage: 'Failed to assign process, executor not found',
    });
  });

  test('is woken by work it may do, whoever else waits for work of the same type', async () => {
    await using colony = await startTestColony(quick);
    const [one, two] = [await colony.addExecutor('worker', 'one'), await colony.addExecutor('worker', 'two')];
    const [first, second] = [await waitingPoll(colony, one), await waitingPoll(colony, two)];
    const spec = { funcname: 'f', conditions: { colonyname: 'test', executortype: 'worker', executornames: ['two'] } };
    await rpcRaw(colony.address, colony.user, 'submitfuncspecmsg', { spec });
    expect(await second.answer).toMatchObject({ assignedExecutorId: two.identity.id });
    const open = await colony.submit({}, 'worker');
    expect(await first.answer).toMatchObject({ processId: open.processId });
  });

  test('that came first is served first, so two daemons of one type share the work', async () => {
    await using colony = await startTestColony(quick);
    const executors = [await colony.addExecutor('worker'), await colony.addExecutor('worker')];
    const polls = [];
    for (const executor of executors) polls.push(await waitingPoll(colony, executor));
    for (let round = 0; round < 6; round++) {
      const turn = round % 2;
      await colony.submit({}, 'worker');
      const poll = polls[turn];
      const executor = executors[turn];
      if (poll === undefined || executor === undefined) throw new Error('expected a poll');
      const process = await poll.answer;
      expect(process.assignedExecutorId).toBe(executor.identity.id);
      await succeed(colony, executor, process);
      polls[turn] = await waitingPoll(colony, executor);
    }
  });

  test('whose client has gone gets nothing', async () => {
    await using colony = await startTestColony(quick);
    const [gone, present] = [await colony.addExecutor('worker'), await colony.addExecutor('worker')];
    const leaving = new AbortController();
    const poll = await waitingPoll(colony, gone, leaving.signal);
    leaving.abort();
    await expect(poll.answer).rejects.toThrow('aborted');
    const submitted = await colony.submit({}, 'worker');
    expect(await assign(colony, present)).toMatchObject({ processId: submitted.processId, retries: 0 });
  });

  test('whose client goes at the very moment of the answer loses no process', async () => {
    await using colony = await startTestColony(quick);
    const [gone, present] = [await colony.addExecutor('worker'), await colony.addExecutor('worker')];
    const submitted = await colony.submit({ kwargs: { big: 'x'.repeat(12_000_000) } }, 'worker');
    // Reads nothing of the answer, which is too large for the buffers on the way.
    const request = { colonyname: 'test', timeout: 5 };
    const body = JSON.stringify(sealRequest(assignProcess.type, request, gone.identity));
    const socket = connect(colony.address.port, '127.0.0.1').pause();
    socket.write(`POST /api HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await until(async () => (await colony.getProcess(submitted.processId)).state === 'running');
    socket.destroy();
    expect(await assign(colony, present)).toMatchObject({ processId: submitted.processId, retries: 0 });
  });
});

describe('a paused colony', () => {
  test('gives out nothing until it is resumed, which wakes those who wait', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const { colonyName } = colony;
    await colony.call(colony.colonyOwner, pauseAssignments, { colonyName });
    expect(await rpcRaw(colony.address, colony.user, getPauseStatus.type, { colonyname: colonyName })).toEqual({
      msgtype: 'pausestatusreplymsg',
      colonyname: colonyName,
      ispaused: true,
    });
    const submitted = await colony.submit({}, 'worker');
    await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toMatchObject({
      status: 503,
      serverMessage: 'No processes available: colony assignments are paused',
    });
    await expect(assign(colony, executor, { timeoutSeconds: 1 })).rejects.toMatchObject({
      status: 408,
      serverMessage: 'Assignment timeout: colony assignments are paused',
    });
    const poll = await waitingPoll(colony, executor);
    await colony.call(colony.colonyOwner, resumeAssignments, { colonyName });
    expect(await poll.answer).toMatchObject({ processId: submitted.processId });
  });
});

test('asking without patience gets what there is, and loses nothing', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const submitted = await Promise.all(Array.from({ length: 20 }, () => colony.submit({}, 'worker')));
  const answers = await Promise.allSettled(
    Array.from({ length: 40 }, () => assign(colony, executor, { timeoutSeconds: -1 })),
  );
  const got = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.processId] : []));
  expect([...got].sort()).toEqual(submitted.map(({ processId }) => processId).sort());
});

test('however many executors ask at once, every process runs exactly once', async () => {
  await using colony = await startTestColony(quick);
  const executors = [];
  for (let index = 0; index < 5; index++) executors.push(await colony.addExecutor('worker'));
  const processCount = 60;
  const seen: string[] = [];
  const work = async (executor: TestExecutor) => {
    for (;;) {
      const process = await assign(colony, executor, { timeoutSeconds: 1 }).catch((): Process | undefined => undefined);
      if (process === undefined) return;
      seen.push(process.processId);
      await succeed(colony, executor, process, [executor.name]);
    }
  };
  const working = executors.map(work);
  const submitted = await Promise.all(Array.from({ length: processCount }, () => colony.submit({}, 'worker')));
  await Promise.all(working);
  expect([...seen].sort()).toEqual(submitted.map(({ processId }) => processId).sort());
});
