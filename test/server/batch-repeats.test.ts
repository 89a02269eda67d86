import { connect } from 'node:net';
import Sqlite from 'libsql';
import { describe, expect, test } from 'vitest';
import { sealRequest } from '../../colony/envelope.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { getColonyStatistics } from '../../colony/messages/colonies.ts';
import { getProcesses, removeProcess } from '../../colony/messages/processes.ts';
import { batched, inWords, marked, processIdIn, repliesIn, sendBatch } from '../support/batches.ts';
import { startMortalServer } from '../support/mortal-server.ts';
import { until } from '../support/processes.ts';
import { type Address, post, rpc } from '../support/rpc.ts';
import { assign, quick } from '../support/server-calls.ts';
import { startTestColony } from '../support/test-colony.ts';

const { submit, output, succeed, assign: poll } = batched;
const REPEATED = 'The poll was answered before';
const filter = { colonyName: 'test', count: 100, executorType: '', label: '', initiator: '' };

async function countWaiting(address: Address, user: Identity): Promise<number> {
  return (await rpc(address, user, getProcesses, { ...filter, state: 0 })).length;
}

/** A colony whose executor runs a process, while another one waits. */
async function startRunning() {
  const colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  await colony.submit({}, 'worker');
  const { processId } = await assign(colony, executor);
  const next = await colony.submit({}, 'worker');
  const send = (requests: unknown, marks: object) => sendBatch(colony.address, executor.identity, requests, marks);
  return { colony, executor, processId, next, send, [Symbol.asyncDispose]: () => colony.stop() };
}

describe('the same batch again', () => {
  test('gets the same replies and stores nothing twice, but its poll takes no more work', async () => {
    await using setup = await startRunning();
    const { colony, processId, next, send } = setup;
    const marks = marked('once');
    const requests = [
      submit('other', { env: { A: '1' } }),
      submit('other', { priority: 1e6 }),
      output(processId, [1]),
      succeed(processId, [2]),
      poll(),
    ];
    const first = await send(requests, marks);
    expect(processIdIn(first[4])).toBe(next.processId);
    await colony.submit({}, 'worker');
    for (let time = 0; time < 3; time += 1) {
      const again = await send(requests, marks);
      expect(again.slice(0, 4)).toEqual(first.slice(0, 4));
      expect(again.slice(4).map(inWords)).toEqual([expect.stringContaining(REPEATED)]);
    }
    expect(await countWaiting(colony.address, colony.user)).toBe(2);
  });

  test('is executed once however often it comes at the same time', async () => {
    await using setup = await startRunning();
    const { colony, processId, send } = setup;
    const marks = marked('once');
    const requests = [output(processId, ['x']), submit('other'), succeed(processId), poll()];
    await colony.submit({}, 'worker');
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(requests, marks)));
    expect(new Set(answers.map((replies) => JSON.stringify(replies.slice(0, 3)))).size).toBe(1);
    expect(answers.filter((replies) => replies[3]?.error === false)).toHaveLength(1);
    expect(await countWaiting(colony.address, colony.user)).toBe(2);
  });

  test('is known after a restart as well; its poll is from before the start', async () => {
    await using setup = await startRunning();
    const { colony, processId, send } = setup;
    const marks = marked('once');
    const requests = [submit('other'), submit('other'), succeed(processId, ['out']), poll()];
    const first = await send(requests, marks);
    await colony.restart();
    const again = await send(requests, marks);
    expect(again.slice(0, 3)).toEqual(first.slice(0, 3));
    expect(again.slice(3).map(inWords)).toEqual([
      expect.stringMatching(/^400 The poll was issued before the server started/u),
    ]);
    expect(await countWaiting(colony.address, colony.user)).toBe(2);
  });

  test('says of a process that was removed since that it was', async () => {
    await using setup = await startRunning();
    const { colony, send } = setup;
    const marks = marked('once');
    const requests = [submit('other'), submit('other')];
    const first = await send(requests, marks);
    await colony.call(colony.user, removeProcess, { processId: processIdIn(first[0]) });
    const again = await send(requests, marks);
    expect(again.map(inWords)).toEqual([expect.stringMatching(/^404 .*has been removed since$/u), 'submitfuncspecmsg']);
    expect(await countWaiting(colony.address, colony.user)).toBe(2);
  });

  test('is another one with another nonce, by another sender, or in another order; and one without nonce every time', async () => {
    await using setup = await startRunning();
    const { colony, send } = setup;
    const marks = marked('once');
    const requests = [submit('a'), submit('b')];
    await send(requests, marks);
    await send(requests, { ...marks, nonce: 'twice' });
    await send(requests.toReversed(), marks);
    await sendBatch(colony.address, colony.user, requests, marks);
    expect(await countWaiting(colony.address, colony.user)).toBe(9);
    await send(requests, {});
    await send(requests, {});
    expect(await countWaiting(colony.address, colony.user)).toBe(13);
  });
});

describe('nonces and times inside a message of a batch', () => {
  test('are ignored', async () => {
    await using setup = await startRunning();
    const { colony, send } = setup;
    const requests = [0, 0].map(() => ({ ...submit('other'), nonce: 'same', issuedat: 1 }));
    expect((await send(requests, {})).map(inWords)).toEqual(['submitfuncspecmsg', 'submitfuncspecmsg']);
    await send(requests, {});
    await send(requests, marked('once'));
    expect(await countWaiting(colony.address, colony.user)).toBe(7);
  });
});

describe('a batch of which every message was refused', () => {
  test('is looked at again when it comes again', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const { processId } = await colony.submit({}, 'worker');
    const [marks, requests] = [marked('once'), [output(processId, ['x']), succeed(processId)]];
    const send = () => sendBatch(colony.address, executor.identity, requests, marks);
    expect((await send()).map(({ error }) => error)).toEqual([true, true]);
    await assign(colony, executor);
    expect((await send()).map(inWords)).toEqual(['setoutputmsg', 'closesuccessfulmsg']);
  });

  test('leaves nothing in the store: anybody may send one', async () => {
    await using colony = await startTestColony(quick);
    const requests = [submit('worker', {}, 'x'.repeat(10_000)), output('f'.repeat(64), [])];
    for (const sender of [generateIdentity(), colony.user]) {
      const replies = await sendBatch(colony.address, sender, requests, marked('once'));
      expect(replies.map(({ error }) => error)).toEqual([true, true]);
    }
    await colony.server.stop();
    const database = new Sqlite(colony.databasePath);
    expect(database.prepare('SELECT digest FROM answered_requests').all()).toEqual([]);
    database.close();
  });
});

test('a batch from another time is refused as a whole, and not counted beyond the request', async () => {
  await using colony = await startTestColony({ ...quick, rates: { memberRequestsPerSecond: 5 } });
  const requests = Array.from({ length: 100 }, () => submit('other'));
  for (const minutes of [-11, 11]) {
    const marks = { nonce: 'once', issuedat: Date.now() + minutes * 60_000 };
    await expect(sendBatch(colony.address, colony.user, requests, marks)).rejects.toMatchObject({
      status: 400,
      serverMessage: expect.stringMatching(/^The request is too old or from the future/u) as unknown,
    });
  }
  expect(await sendBatch(colony.address, colony.user, requests.slice(0, 3))).toHaveLength(3);
  expect(await countWaiting(colony.address, colony.user)).toBe(3);
});

test('a batch whose answer could not be sent hands the process back, and gets it when it comes again', async () => {
  await using setup = await startRunning();
  const { colony, executor, processId, next } = setup;
  const { processId: bigId } = await colony.submit({ priority: 1, kwargs: { big: 'x'.repeat(12_000_000) } }, 'worker');
  const requests = [submit('other'), succeed(processId, ['out']), poll()];
  const body = JSON.stringify(sealRequest('batchmsg', { requests, ...marked('once') }, executor.identity));
  // Reads nothing of the answer, which is too large for the buffers on the way.
  const socket = connect(colony.server.port, '127.0.0.1').pause();
  socket.write(`POST /api HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  const isIn = async (state: string) => (await colony.getProcess(bigId)).state === state;
  await until(() => isIn('running'));
  socket.destroy();
  await until(() => isIn('waiting'));
  const replies = repliesIn((await post(colony.address, body)).body);
  expect(replies.map(inWords)).toEqual(['submitfuncspecmsg', 'closesuccessfulmsg', 'assignprocessmsg']);
  expect(processIdIn(replies[2])).toBe(bigId);
  expect(await countWaiting(colony.address, colony.user)).toBe(2);
  expect(await colony.getProcess(next.processId)).toMatchObject({ state: 'waiting' });
});

test('whatever was answered before the server was killed is there afterwards, once', async () => {
  await using mortal = await startMortalServer();
  const { user } = mortal;
  const [batchCount, length] = [12, 25];
  const batches = Array.from({ length: 3 }, (_, round) =>
    Array.from({ length: batchCount }, (_batch, index) => ({
      requests: Array.from({ length }, (_message, at) => submit('nobody', { args: [round, index, at] })),
      marks: marked(`${round}-${index}`),
    })),
  );
  for (const round of batches) {
    const send = () => round.map(({ requests, marks }) => sendBatch(mortal.address(), user, requests, marks));
    const first = send();
    const outcomes = Promise.allSettled(first);
    await Promise.any(first);
    await mortal.killAndRestart();
    const again = await Promise.all(send());
    const answered = (await outcomes).map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined));
    expect(answered.map((replies, index) => replies ?? again[index])).toEqual(again);
    expect(again.flat().map(inWords)).toEqual(Array.from({ length: batchCount * length }, () => 'submitfuncspecmsg'));
  }
  const { waitingProcesses } = await rpc(mortal.address(), user, getColonyStatistics, { colonyName: 'test' });
  expect(waitingProcesses).toBe(batches.flat().length * length);
});
