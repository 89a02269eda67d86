import { describe, expect, test } from 'vitest';
import { openReply, ReplyEnvelope, sealRequest } from '../../colony/envelope.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { addExecutor } from '../../colony/messages/executors.ts';
import { getProcesses } from '../../colony/messages/processes.ts';
import { type Batched, batched, inWords, processIdIn, sendBatch } from '../support/batches.ts';
import { post, rpcRaw } from '../support/rpc.ts';
import { assign, quick, submitGraph } from '../support/server-calls.ts';
import { executorRegistration, startTestColony, type TestColony, type TestExecutor } from '../support/test-colony.ts';

const { submit, output, succeed, fail, assign: poll } = batched;

const waiting = async (colony: TestColony): Promise<number> => {
  const filter = { colonyName: 'test', count: 100, executorType: '', label: '', initiator: '' };
  return (await colony.call(colony.user, getProcesses, { ...filter, state: 0 })).length;
};

/** A colony with an executor that runs a process. */
async function startRunning() {
  const colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  await colony.submit({}, 'worker');
  const { processId } = await assign(colony, executor);
  const send = (requests: unknown, identity: Identity = executor.identity) =>
    sendBatch(colony.address, identity, requests);
  return { colony, executor, processId, send, [Symbol.asyncDispose]: () => colony.stop() };
}

describe('a batch', () => {
  test('is carried out in its order, and answered message by message in the same order', async () => {
    await using setup = await startRunning();
    const { colony, processId, send } = setup;
    const next = await colony.submit({}, 'worker');
    const replies = await send([output(processId, ['half']), submit('other'), succeed(processId, ['whole']), poll()]);
    expect(replies.map(inWords)).toEqual([
      'setoutputmsg',
      'submitfuncspecmsg',
      'closesuccessfulmsg',
      'assignprocessmsg',
    ]);
    expect(processIdIn(replies.at(-1))).toBe(next.processId);
    expect(await colony.getProcess(processId)).toMatchObject({ state: 'success', output: ['whole'] });
    const late = await send([succeed(next.processId), output(next.processId, ['late']), poll()]);
    expect(late.map(inWords)).toEqual([
      'closesuccessfulmsg',
      '403 Failed to set output, process is not running',
      '404 No process available for assignment',
    ]);
  });

  test('of a hundred processes submits them in their order', async () => {
    await using colony = await startTestColony(quick);
    const requests = Array.from({ length: 100 }, (_, index) => submit('worker', { args: [index] }));
    const replies = await sendBatch(colony.address, colony.user, requests);
    expect(replies.map(({ payload }) => Object(payload).spec.args[0])).toEqual(requests.map((_, index) => index));
    const executor = await colony.addExecutor('worker');
    for (const reply of replies.slice(0, 3))
      expect((await assign(colony, executor)).processId).toBe(processIdIn(reply));
  });

  test('of which one message is refused does the others', async () => {
    await using setup = await startRunning();
    const { colony, processId, send } = setup;
    const replies = await send([
      { msgtype: 'submitfuncspecmsg' },
      submit('worker', { priority: 1e6 }),
      { ...output(processId, []), out: 7 },
      fail('f'.repeat(64)),
      submit('other'),
      { ...poll(), availablecpu: 'much' },
    ]);
    expect(replies.map(inWords)).toEqual([
      '400 Failed to submit process spec, msg.FunctionSpec is nil',
      '400 Failed to submit function spec, priority outside range [-50000, 50000]',
      '400 Failed to set output, invalid JSON',
      '500 Failed to close process as failed, process is nil',
      'submitfuncspecmsg',
      '400 Error converting CPU to int',
    ]);
    expect(await waiting(colony)).toBe(1);
  });

  test('gives out a child that its close has made ready, and leaves what belongs to others to them', async () => {
    await using colony = await startTestColony(quick);
    const [one, other] = [await colony.addExecutor('one'), await colony.addExecutor('other')];
    await submitGraph(colony, 'one', { a: [], b: ['a'] });
    await colony.submit({}, 'other');
    const { processId } = await assign(colony, one);
    const waitingPoll = assign(colony, other, { timeoutSeconds: 10 });
    const replies = await sendBatch(colony.address, one.identity, [succeed(processId, ['x']), submit('other'), poll()]);
    expect(replies.map(inWords)).toEqual(['closesuccessfulmsg', 'submitfuncspecmsg', 'assignprocessmsg']);
    expect(replies[2]?.payload).toMatchObject({ in: ['x'], parents: [processId], spec: { nodename: 'b' } });
    expect((await waitingPoll).spec.conditions.executorType).toBe('other');
    await expect(assign(colony, one, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 404 });
  });

  test('is known by the server’s information', async () => {
    await using colony = await startTestColony(quick);
    expect(await rpcRaw(colony.address, undefined, 'getserverinfomsg', {})).toMatchObject({ batches: true });
  });
});

/** What cannot be the same twice. */
const CHANGING =
  /"(?:processid|attributeid|targetid|submissiontime|starttime|waitdeadline|execdeadline|prioritytime)":("[^"]*"|\d+)/gu;
const steady = (reply: unknown): string => JSON.stringify(reply).replaceAll(CHANGING, '');

test('each reply is the one that the message gets by itself, well or not', async () => {
  await using setup = await startRunning();
  const { colony, executor, processId, send } = setup;
  await colony.submit({ env: { X: '1' } }, 'worker');
  const twin = processIdIn((await send([poll()]))[0]);
  for (const priority of [3, 2]) await colony.submit({ priority, args: [{ deep: [1] }] }, 'worker');
  const unknown = 'f'.repeat(64);
  const pairs = [
    [submit('nobody', { env: { A: '1' }, channels: ['c'], kwargs: { k: 1 } })],
    [output(processId, [1]), output(twin, [1])],
    [succeed(processId, [1]), succeed(twin, [1])],
    [poll()],
    [fail(unknown)],
    [output(processId, ['late']), output(twin, ['late'])],
    [submit('nobody', {}, 'elsewhere')],
    [{ ...submit('nobody'), spec: 'text' }],
    [{ ...poll(), colonyname: 7 }],
  ] satisfies (readonly [Batched, Batched?])[];
  for (const [message, other = message] of pairs) {
    const { body } = await post(colony.address, JSON.stringify(sealSingle(message, executor)));
    const { payloadtype, error, payload } = ReplyEnvelope.parse(JSON.parse(body));
    const single = { payloadtype, error, payload: JSON.parse(Buffer.from(payload, 'base64').toString()) };
    const [reply] = await send([other]);
    expect(steady(reply).replaceAll('"priority":2', '"priority":3')).toBe(steady(single));
  }
});

function sealSingle({ msgtype, ...inner }: Batched, { identity }: TestExecutor): object {
  return sealRequest(String(msgtype), inner, identity);
}

const NO_MEMBER = '403 Access denied, not a member of Colony with name <test>';

describe('who may', () => {
  test('is asked of each message: a stranger may nothing', async () => {
    await using setup = await startRunning();
    const { colony, processId, send } = setup;
    const all = [submit('worker'), output(processId, ['x']), succeed(processId), poll()];
    expect((await send(all, generateIdentity())).map(inWords)).toEqual(all.map(() => NO_MEMBER));
    expect(await waiting(colony)).toBe(0);
    expect(await colony.getProcess(processId)).toMatchObject({ state: 'running', output: [] });
  });

  test('is asked of each message: a user may submit, but not close what others run or say what it gives out', async () => {
    await using setup = await startRunning();
    const { colony, processId, send } = setup;
    const mixed = [output(processId, ['x']), succeed(processId), submit('worker'), submit('worker', {}, 'elsewhere')];
    expect((await send(mixed, colony.user)).map(inWords)).toEqual([
      '403 Failed to close process as successful, not allowed to close process as successful',
      '403 Failed to close process as successful, not allowed to close process as successful',
      'submitfuncspecmsg',
      '403 Colony with name <elsewhere> does not exists',
    ]);
    expect(await colony.getProcess(processId)).toMatchObject({ state: 'running' });
  });

  test('is asked of each message: an executor that was not approved gets no work', async () => {
    await using colony = await startTestColony(quick);
    const pending = { identity: generateIdentity(), type: 'worker', name: 'pending' };
    await colony.call(colony.colonyOwner, addExecutor, { executor: executorRegistration('test', pending) });
    await colony.submit({}, 'worker');
    const replies = await sendBatch(colony.address, pending.identity, [submit('worker'), poll()]);
    expect(replies.map(inWords)).toEqual([NO_MEMBER, NO_MEMBER]);
  });

  test('is asked before a long batch is read: a stranger’s is refused as a whole', async () => {
    await using colony = await startTestColony(quick);
    const long = [submit('worker', { args: ['x'.repeat(20_000)] })];
    await expect(sendBatch(colony.address, generateIdentity(), long)).rejects.toMatchObject({ status: 403 });
  });
});

describe('refused as a whole, with nothing executed, is', () => {
  const good = submit('worker');
  const others = [
    'getprocessmsg',
    'removeprocessmsg',
    'addlogmsg',
    'addattributemsg',
    'submitworkflowspecmsg',
    'versionmsg',
    'batchmsg',
    'toString',
    '',
  ];
  test.each<readonly [what: string, requests: unknown]>([
    ['no list', undefined],
    ['an object in the place of the list', { 0: good }],
    ['a text in the place of the list', 'x'],
    ['an empty list', []],
    ['a list of 101', Array.from({ length: 101 }, () => good)],
    ['a list in which one is null', [good, null]],
    ['a list in which one is a text', [good, 'x']],
    ['a list in which one is a list', [good, [good]]],
    ['a list in which one has no type', [good, {}]],
    ['a list in which the type of one is no text', [good, { msgtype: ['submitfuncspecmsg'] }]],
    ...others.map((msgtype) => [`a list with "${msgtype}"`, [good, { msgtype, requests: [good] }]] as const),
    ['a batch that closes twice', [good, succeed('a'), succeed('b')]],
    ['a batch that closes twice, once as failed', [good, succeed('a'), fail('b')]],
    ['a batch that sets two outputs', [good, output('a', []), output('b', [])]],
    ['a batch that asks for two processes', [good, poll(), poll()]],
    ['a poll that is not the last', [poll(), good]],
    ['a poll that waits', [good, poll(1)]],
    ['a poll that waits for no time', [good, poll(0)]],
    ['a poll without timeout', [good, { msgtype: 'assignprocessmsg', colonyname: 'test' }]],
    ['a poll whose timeout is a text', [good, { ...poll(), timeout: '-1' }]],
  ])('%s', async (_what, requests) => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const refusal = {
      status: 400,
      serverMessage: expect.stringMatching(/^Failed to execute batch, expected .*; nothing was executed$/u) as unknown,
    };
    await expect(sendBatch(colony.address, executor.identity, requests)).rejects.toMatchObject(refusal);
    expect(await waiting(colony)).toBe(0);
  });

  test('one that is no JSON object, or says another type inside', async () => {
    await using colony = await startTestColony(quick);
    const { signature, payload } = sealRequest('addlogmsg', { requests: [good] }, colony.user);
    const { body } = await post(colony.address, JSON.stringify({ payloadtype: 'batchmsg', payload, signature }));
    expect(() => openReply('batchmsg', body)).toThrow(
      'Failed to execute batch, msg.MsgType does not match payloadType',
    );
    await expect(rpcRaw(colony.address, undefined, 'batchmsg', { requests: [good] })).rejects.toMatchObject({
      status: 403,
    });
  });
});
