import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import * as z from 'zod';
import { openReply, ReplyEnvelope, sealRequest } from '../../colony/envelope.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { Process } from '../../colony/messages/processes.ts';
import { subscribeProcess, subscribeProcesses } from '../../colony/messages/subscriptions.ts';
import { addUser, removeUser } from '../../colony/messages/colonies.ts';
import { cancelWorkflow } from '../../colony/messages/workflows.ts';
import { until } from '../support/processes.ts';
import { assign, fail, nodesOf, quick, submitGraph, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

interface Listener extends Disposable {
  readonly socket: WebSocket;
  /** The processes of the events so far. */
  readonly events: Process[];
  /** The refusals so far. */
  readonly refusals: { readonly status: number; readonly message: string }[];
  readonly closed: Promise<number>;
  send(messageType: string, inner: object, identity?: Identity): void;
}

const Refusal = z.object({ status: z.number(), message: z.string() });

/** A WebSocket to the server that sorts what it hears. */
async function listen(colony: TestColony): Promise<Listener> {
  const socket = new WebSocket(`ws://${colony.address.host}:${colony.address.port}/pubsub`);
  const events: Process[] = [];
  const refusals: z.output<typeof Refusal>[] = [];
  socket.on('message', (frame: Buffer) => {
    const envelope = ReplyEnvelope.parse(JSON.parse(frame.toString()));
    if (envelope.error) refusals.push(Refusal.parse(JSON.parse(Buffer.from(envelope.payload, 'base64').toString())));
    else events.push(z.decode(Process, openReply(envelope.payloadtype, frame.toString())));
  });
  const closed = once(socket, 'close').then(([code]) => z.number().parse(code));
  await once(socket, 'open');
  return {
    socket,
    events,
    refusals,
    closed,
    send: (messageType, inner, identity = colony.user) =>
      socket.send(JSON.stringify(sealRequest(messageType, inner, identity))),
    [Symbol.dispose]: () => socket.terminate(),
  };
}

const one = (processId: string, state: number, timeout = 20) => ({
  colonyname: 'test',
  processid: processId,
  executortype: '',
  state,
  timeout,
});
const many = (state: number, colonyname = 'test') => ({ colonyname, executortype: 'worker', state, timeout: 20 });

describe('a subscription to a process', () => {
  test('tells of a success with its output and end', async () => {
    await using colony = await startTestColony(quick);
    using listener = await listen(colony);
    const executor = await colony.addExecutor('worker');
    const { processId } = await colony.submit({}, 'worker');
    listener.send(subscribeProcess.type, one(processId, 2));
    listener.send(subscribeProcess.type, one(processId, 1));
    await succeed(colony, executor, await assign(colony, executor), ['out']);
    await until(() => listener.events.length === 2);
    expect(listener.events).toMatchObject([{ state: 'running' }, { state: 'success', output: ['out'] }]);
    expect(listener.events[1]).toEqual(await colony.getProcess(processId));
  });

  test('that comes late is told at once', async () => {
    await using colony = await startTestColony(quick);
    using listener = await listen(colony);
    const executor = await colony.addExecutor('worker');
    const { processId } = await colony.submit({}, 'worker');
    await fail(colony, executor, await assign(colony, executor), ['reason']);
    listener.send(subscribeProcess.type, one(processId, 3));
    await until(() => listener.events.length === 1);
    expect(listener.events).toMatchObject([{ state: 'failed', errors: ['reason'] }]);
  });

  test('tells of failures and cancellations that come from elsewhere in the workflow', async () => {
    await using colony = await startTestColony(quick);
    using listener = await listen(colony);
    const executor = await colony.addExecutor('worker');
    const failing = await nodesOf(colony, await submitGraph(colony, 'worker', { a: [], b: ['a'] }));
    listener.send(subscribeProcess.type, one(failing['b']?.processId ?? '', 3));
    await fail(colony, executor, await assign(colony, executor));
    await until(() => listener.events.length === 1);
    const cancelled = await submitGraph(colony, 'worker', { a: [], b: ['a'] });
    listener.send(subscribeProcess.type, one(cancelled.processIds[1] ?? '', 4));
    await colony.call(colony.user, cancelWorkflow, cancelled);
    await until(() => listener.events.length === 2);
    expect(listener.events).toMatchObject([{ spec: { nodeName: 'b' }, state: 'failed' }, { state: 'cancelled' }]);
  });

  test('ends with a close frame when its time is up', async () => {
    await using colony = await startTestColony(quick);
    using listener = await listen(colony);
    const { processId } = await colony.submit({}, 'worker');
    listener.send(subscribeProcess.type, one(processId, 2, 0));
    expect(await listener.closed).toBe(1000);
  });

  test('is refused to strangers and for unknown processes, and the socket stays', async () => {
    await using colony = await startTestColony(quick);
    using listener = await listen(colony);
    const { processId } = await colony.submit({}, 'worker');
    listener.send(subscribeProcess.type, one('nope', 2));
    listener.send(subscribeProcess.type, one(processId, 0), generateIdentity());
    listener.send(subscribeProcess.type, one(processId, 9));
    await until(() => listener.refusals.length === 3);
    expect(listener.refusals).toEqual([
      { status: 403, message: 'Invalid process with Id nope' },
      { status: 403, message: 'Access denied, not a member of Colony with name <test>' },
      { status: 400, message: 'Failed to subscribe to process, invalid JSON' },
    ]);
    listener.send('getprocessmsg', { processid: processId });
    listener.send(subscribeProcess.type, one(processId, 0));
    await until(() => listener.events.length === 1);
  });
});

describe('a subscription to processes', () => {
  test('tells everybody of every process of the type that enters the state', async () => {
    await using colony = await startTestColony(quick);
    using listener = await listen(colony);
    using other = await listen(colony);
    for (const each of [listener, other]) each.send(subscribeProcesses.type, many(0));
    listener.send(subscribeProcesses.type, many(0, 'elsewhere'));
    await until(() => listener.refusals.length === 1);
    expect(listener.refusals[0]?.message).toBe('Colony with name <elsewhere> does not exists');
    // The second listener's subscription has arrived when the server has answered a later frame of its.
    other.send(subscribeProcess.type, one('nope', 0));
    await until(() => other.refusals.length === 1);
    await colony.submit({}, 'other');
    const { processId } = await colony.submit({}, 'worker');
    for (const each of [listener, other]) {
      await until(() => each.events.length > 0);
      expect(each.events.map((event) => event.processId)).toEqual([processId]);
    }
  });
});

test('a frame that nobody can have signed ends its socket, and no other', async () => {
  await using colony = await startTestColony(quick);
  using listener = await listen(colony);
  using other = await listen(colony);
  listener.socket.send('garbage');
  expect(await listener.closed).toBe(1008);
  const { processId } = await colony.submit({}, 'worker');
  other.send(subscribeProcess.type, one(processId, 0));
  await until(() => other.events.length === 1);
});

test('equal subscriptions are one, and different ones are limited', async () => {
  await using colony = await startTestColony(quick);
  using listener = await listen(colony);
  for (let count = 0; count < 200; count += 1) listener.send(subscribeProcesses.type, many(0));
  const types = Array.from({ length: 100 }, (_, index) => `other-${index}`);
  for (const executortype of types) listener.send(subscribeProcesses.type, { ...many(0), executortype });
  listener.send(subscribeProcesses.type, many(0));
  await until(() => listener.refusals.length === 1);
  expect(listener.refusals).toEqual([{ status: 400, message: 'Expected at most 100 subscriptions on one WebSocket' }]);
  const submitted = await colony.submit({}, 'worker');
  const last = await colony.submit({}, 'other-98');
  await until(() => listener.events.length >= 2);
  expect(listener.events.map(({ processId }) => processId)).toEqual([submitted.processId, last.processId]);
});

test('a socket on which nobody subscribes is closed, whatever else is sent on it', async () => {
  await using colony = await startTestColony({ ...quick, subscribeMs: 100 });
  using subscribed = await listen(colony);
  subscribed.send(subscribeProcesses.type, many(0));
  using silent = await listen(colony);
  using stranger = await listen(colony);
  stranger.send(subscribeProcesses.type, many(0), generateIdentity());
  expect([await silent.closed, await stranger.closed]).toEqual([1008, 1008]);
  await colony.submit({}, 'worker');
  await until(() => subscribed.events.length === 1);
});

test('sockets on which nobody subscribes keep nobody out, and those on which somebody has stay', async () => {
  await using colony = await startTestColony(quick);
  using first = await listen(colony);
  const { processId } = await colony.submit({}, 'worker');
  first.send(subscribeProcess.type, one(processId, 0));
  await until(() => first.events.length === 1);
  const idle = await Promise.all(Array.from({ length: 1000 }, () => listen(colony)));
  using last = await listen(colony);
  last.send(subscribeProcess.type, one(processId, 0));
  await until(() => last.events.length === 1);
  expect(first.socket.readyState).toBe(WebSocket.OPEN);
  await until(() => idle.filter(({ socket }) => socket.readyState === WebSocket.CLOSED).length === 2);
  for (const { socket } of idle) socket.terminate();
});

test('a frame that is larger than any subscription ends its socket', async () => {
  await using colony = await startTestColony(quick);
  using listener = await listen(colony);
  listener.socket.send('x'.repeat(65 * 1024));
  expect(await listener.closed).toBe(1009);
});

test('stopping the server says good-bye to its sockets', async () => {
  await using colony = await startTestColony(quick);
  using listener = await listen(colony);
  await colony.server.stop();
  expect(await listener.closed).toBe(1001);
});

test('whoever is removed from the colony hears nothing any more, and is told so', async () => {
  await using colony = await startTestColony(quick);
  const former = generateIdentity();
  const { colonyName } = colony;
  const user = { colonyName, userId: former.id, name: 'former', email: '', phone: '' };
  await colony.call(colony.colonyOwner, addUser, { user });
  using listener = await listen(colony);
  using other = await listen(colony);
  listener.send(subscribeProcesses.type, many(0), former);
  other.send(subscribeProcesses.type, many(0));
  await colony.submit({}, 'worker');
  await until(() => listener.events.length === 1 && other.events.length === 1);
  await colony.call(colony.colonyOwner, removeUser, { colonyName, name: 'former' });
  await colony.submit({}, 'worker');
  expect(await listener.closed).toBe(1008);
  await until(() => other.events.length === 2);
  expect(listener.events).toHaveLength(1);
});

test('a large event that many clients leave unread is in memory once', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const listeners = await Promise.all(Array.from({ length: 30 }, () => listen(colony)));
  const { processId } = await colony.submit({}, 'worker');
  for (const listener of listeners) {
    listener.send(subscribeProcess.type, one(processId, 1));
    listener.send(subscribeProcess.type, one(processId, 2));
  }
  const running = await assign(colony, executor);
  await until(() => listeners.every(({ events }) => events.length === 1));
  for (const { socket } of listeners) socket.pause();
  const before = process.memoryUsage().arrayBuffers;
  await succeed(colony, executor, running, ['x'.repeat(8_000_000)]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200_000_000);
  for (const { socket } of listeners) socket.terminate();
});
