import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createColoniesClient } from '../../colony/client.ts';
import { openReply, sealRequest } from '../../colony/envelope.ts';
import { searchLogs } from '../../colony/messages/logs.ts';
import { assignProcess } from '../../colony/messages/processes.ts';
import { createAnsweredPolls } from '../../server/answered-polls.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { until } from '../support/processes.ts';
import { post } from '../support/rpc.ts';
import { assign, quick, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony, type TestExecutor } from '../support/test-colony.ts';

const repeated = { status: 400, serverMessage: expect.stringContaining('was answered before') as unknown };
const nothing = { status: 404, serverMessage: 'No process available for assignment' };

/** The signed bytes of a poll. */
function sealPoll(executor: TestExecutor, timeout: number, marks: object): string {
  return JSON.stringify(sealRequest(assignProcess.type, { colonyname: 'test', timeout, ...marks }, executor.identity));
}

async function send(colony: TestColony, body: string): Promise<unknown> {
  return openReply(assignProcess.type, (await post(colony.address, body)).body);
}

const marked = (nonce: string) => ({ nonce, issuedat: Date.now() });

/** Whether anybody waits for work at the server. */
async function isPolling(colony: TestColony, count: number): Promise<boolean> {
  const metrics = await fetch(`http://127.0.0.1:${colony.server.port}/metrics`);
  return (await metrics.text()).includes(`colonies_waiting_polls ${count}\n`);
}

describe('a poll that somebody has recorded', () => {
  test('takes no work when it was given some', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const [first, second] = [await colony.submit({}, 'worker'), await colony.submit({}, 'worker')];
    const recorded = sealPoll(executor, 10, marked('once'));
    expect(await send(colony, recorded)).toMatchObject({ processid: first.processId });
    await expect(send(colony, recorded)).rejects.toMatchObject(repeated);
    expect(await colony.getProcess(second.processId)).toMatchObject({ state: 'waiting' });
    expect(await send(colony, sealPoll(executor, 10, marked('twice')))).toMatchObject({ processid: second.processId });
  });

  test('takes none either when there was none', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const recorded = sealPoll(executor, -1, marked('once'));
    const timeless = sealPoll(executor, -1, { nonce: 'without a time' });
    for (const body of [recorded, timeless]) await expect(send(colony, body)).rejects.toMatchObject(nothing);
    const { processId } = await colony.submit({}, 'worker');
    for (const body of [recorded, timeless]) await expect(send(colony, body)).rejects.toMatchObject(repeated);
    expect(await colony.getProcess(processId)).toMatchObject({ state: 'waiting' });
  });

  test('takes none while it waits, however often it is sent', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const recorded = sealPoll(executor, 30, marked('once'));
    const answers = Promise.allSettled(Array.from({ length: 3 }, () => send(colony, recorded)));
    await until(() => isPolling(colony, 3));
    const work = await Promise.all(Array.from({ length: 3 }, () => colony.submit({}, 'worker')));
    const outcomes = await answers;
    const refused = outcomes.flatMap((outcome): unknown[] => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(refused).toMatchObject([repeated, repeated]);
    const states = await Promise.all(work.map(async ({ processId }) => (await colony.getProcess(processId)).state));
    expect(states.toSorted()).toEqual(['running', 'waiting', 'waiting']);
  });

  test('takes none after a restart of the server', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const recorded = sealPoll(executor, -1, marked('once'));
    await expect(send(colony, recorded)).rejects.toMatchObject(nothing);
    await colony.restart();
    const { processId } = await colony.submit({}, 'worker');
    await expect(send(colony, recorded)).rejects.toMatchObject({
      status: 400,
      serverMessage: expect.stringContaining('before the server started') as unknown,
    });
    expect(await send(colony, sealPoll(executor, -1, marked('another')))).toMatchObject({ processid: processId });
  });
});

describe('a poll that got no answer', () => {
  test('may be sent again, byte for byte the same', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const body = sealPoll(executor, 30, marked('once'));
    const socket = connect(colony.server.port, '127.0.0.1');
    socket.write(`POST /api HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await until(() => isPolling(colony, 1));
    const again = send(colony, body);
    await until(() => isPolling(colony, 2));
    socket.destroy();
    await until(() => isPolling(colony, 1));
    const { processId } = await colony.submit({}, 'worker');
    expect(await again).toMatchObject({ processid: processId });
    await expect(send(colony, body)).rejects.toMatchObject(repeated);
  });

  test('whose work could not be sent gets it the next time', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const { processId } = await colony.submit({ kwargs: { big: 'x'.repeat(12_000_000) } }, 'worker');
    const body = sealPoll(executor, 30, marked('once'));
    // Reads nothing of the answer, which is too large for the buffers on the way.
    const socket = connect(colony.server.port, '127.0.0.1').pause();
    socket.write(`POST /api HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    const isIn = async (state: string) => (await colony.getProcess(processId)).state === state;
    await until(() => isIn('running'));
    socket.destroy();
    await until(() => isIn('waiting'));
    expect(await send(colony, body)).toMatchObject({ processid: processId });
  });

  test('is repeated by our client after its connection broke', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    await using proxy = await startCuttingProxy(colony.server.port, 1, 1);
    const server = new URL(`http://127.0.0.1:${proxy.port}`);
    const client = createColoniesClient({ server, identity: executor.identity });
    const submitted = [await colony.submit({}, 'worker'), await colony.submit({}, 'worker')];
    const request = { colonyName: 'test', timeoutSeconds: 10, availableCpu: '', availableMemory: '' };
    const process = await client.assignProcess(request);
    expect(proxy.cuts()).toBe(1);
    expect(submitted.map(({ processId }) => processId)).toContain(process.processId);
  });
});

test('a search of logs, which takes nothing, is answered again', async () => {
  await using colony = await startTestColony(quick);
  const wanted = { colonyname: 'test', text: 'x', days: 1, count: 1, ...marked('once') };
  const body = JSON.stringify(sealRequest(searchLogs.type, wanted, colony.user));
  for (let round = 0; round < 2; round += 1) {
    expect(openReply(searchLogs.type, (await post(colony.address, body)).body)).toEqual([]);
  }
});

test('polls without a nonce are answered as often as they come, as those of the official clients', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  for (let round = 0; round < 3; round += 1) {
    const { processId } = await colony.submit({}, 'worker');
    const process = await assign(colony, executor);
    expect(process.processId).toBe(processId);
    await succeed(colony, executor, process);
  }
});

/** Nobody goes away. */
const never = (): AbortSignal => new AbortController().signal;
const reply = async (): Promise<string> => 'work';

/** A poll as the server reads it. */
function poll(number: number, issuedat: number, nowMs = issuedat) {
  const inner = { nonce: `${number}`, issuedat };
  return { inner, callerId: 'a'.repeat(64), payload: JSON.stringify(inner), nowMs };
}

describe('what was answered', () => {
  test('is remembered for as long as it is accepted, and no more than there is room for', async () => {
    const startMs = Date.UTC(2026, 10, 20);
    const polls = createAnsweredPolls(startMs, 1000);
    const minute = (number: number) => startMs + number * 60_000;
    for (let number = 0; number < 600; number += 1) await polls.answerOnce(poll(number, minute(1)), never(), reply);
    for (let number = 0; number < 600; number += 1) {
      const again = polls.answerOnce(poll(number, minute(1), minute(11)), never(), reply);
      await expect(again).rejects.toMatchObject({ status: 400 });
    }
    for (let number = 600; number < 1200; number += 1) await polls.answerOnce(poll(number, minute(2)), never(), reply);
    await expect(polls.answerOnce(poll(1199, minute(2)), never(), reply)).rejects.toMatchObject({ status: 400 });
    // The minute before had to make room.
    expect(await polls.answerOnce(poll(1, minute(1)), never(), reply)).toBe('work');
  });

  test('takes no more room either when one client lets all of its polls end in the same minute', async () => {
    const issuedAt = Date.UTC(2026, 10, 20);
    const polls = createAnsweredPolls(issuedAt, 1000);
    const isRemembered = async (number: number): Promise<boolean> => {
      const again = polls.answerOnce(poll(number, issuedAt), never(), reply);
      return (await again.catch(() => 'refused')) === 'refused';
    };
    for (let number = 0; number < 1000; number += 1) await polls.answerOnce(poll(number, issuedAt), never(), reply);
    expect(await isRemembered(0)).toBe(true);
    await polls.answerOnce(poll(1000, issuedAt), never(), reply);
    expect(await isRemembered(0)).toBe(false);
  });

  test('is forgotten when the clock was set, and polls from before are refused', async () => {
    const polls = createAnsweredPolls(1_000_000);
    expect(await polls.answerOnce(poll(1, 1_000_000), never(), reply)).toBe('work');
    polls.restart(500_000);
    await expect(polls.answerOnce(poll(2, 499_999), never(), reply)).rejects.toMatchObject({ status: 400 });
    expect(await polls.answerOnce(poll(3, 500_000), never(), reply)).toBe('work');
  });
});
