import { once } from 'node:events';
import Sqlite from 'libsql';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import * as z from 'zod';
import { openReply, ReplyEnvelope, sealRequest } from '../../colony/envelope.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { appendToChannel, type ChannelEntry, readChannel } from '../../colony/messages/channels.ts';
import { removeUser } from '../../colony/messages/colonies.ts';
import { rejectExecutor } from '../../colony/messages/executors.ts';
import { cancelProcess, removeProcess, type Process, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { subscribeChannel, subscribeProcess } from '../../colony/messages/subscriptions.ts';
import { startMortalServer } from '../support/mortal-server.ts';
import { until } from '../support/processes.ts';
import { addNeighbour, startColonyWithClock } from '../support/recurring.ts';
import { rpc, rpcRaw, urlOf } from '../support/rpc.ts';
import { assign, fail, quick, succeed } from '../support/server-calls.ts';
import { functionSpec, startTestColony, type TestColony, type TestExecutor } from '../support/test-colony.ts';

const refused = (status: number, serverMessage: string): unknown => expect.objectContaining({ status, serverMessage });

/** A running process with channels, its initiator (the user) and its executor. */
async function startTalk(colony: TestColony, channels: readonly string[] = ['talk']) {
  const executor = await colony.addExecutor('worker');
  await colony.submit({ channels: [...channels], maxRetries: 3 }, 'worker');
  const process = await assign(colony, executor);
  return { executor, process, processId: process.processId };
}

function say(
  colony: TestColony,
  processId: string,
  text: string,
  { identity = colony.user, name = 'talk', sequence = 1, inReplyTo = 0, payloadType = '' } = {},
): Promise<undefined> {
  const payload = Buffer.from(text);
  return colony.call(identity, appendToChannel, { processId, name, sequence, inReplyTo, payload, payloadType });
}

function hear(
  colony: TestColony,
  processId: string,
  { identity = colony.user, name = 'talk', afterPosition = 0, limit = 0 } = {},
): Promise<readonly ChannelEntry[]> {
  return colony.call(identity, readChannel, { processId, name, afterPosition, limit });
}

const texts = (entries: readonly ChannelEntry[]): string[] =>
  entries.map(({ payload }) => Buffer.from(payload).toString());

interface Listener extends Disposable {
  readonly socket: WebSocket;
  /** The lists of entries so far. */
  readonly frames: (readonly ChannelEntry[])[];
  readonly refusals: { readonly status: number; readonly message: string }[];
  readonly closed: Promise<number>;
  heard(): string[];
  subscribe(processId: string, wanted?: { name?: string; afterseq?: number; timeout?: number; by?: Identity }): void;
}

const RefusalText = z.object({ status: z.number(), message: z.string() });

async function listen(colony: TestColony): Promise<Listener> {
  const socket = new WebSocket(`ws://${colony.address.host}:${colony.address.port}/pubsub`);
  const frames: (readonly ChannelEntry[])[] = [];
  const refusals: z.output<typeof RefusalText>[] = [];
  socket.on('message', (frame: Buffer) => {
    const envelope = ReplyEnvelope.parse(JSON.parse(frame.toString()));
    if (envelope.error)
      refusals.push(RefusalText.parse(JSON.parse(Buffer.from(envelope.payload, 'base64').toString())));
    else frames.push(z.decode(subscribeChannel.reply, openReply(envelope.payloadtype, frame.toString())));
  });
  const closed = once(socket, 'close').then(([code]) => z.number().parse(code));
  await once(socket, 'open');
  return {
    socket,
    frames,
    refusals,
    closed,
    heard: () => frames.flatMap(texts),
    subscribe(processId, { name = 'talk', afterseq = 0, timeout = 20, by = colony.user } = {}) {
      socket.send(
        JSON.stringify(sealRequest(subscribeChannel.type, { processid: processId, name, afterseq, timeout }, by)),
      );
    },
    [Symbol.dispose]: () => socket.terminate(),
  };
}

describe('a channel', () => {
  test('carries messages both ways, in the order in which they came', async () => {
    await using setting = await startColonyWithClock(quick);
    const { colony, now, pass } = setting;
    const { executor, processId } = await startTalk(colony);
    const { identity } = executor;
    await say(colony, processId, 'hello', { sequence: 7 });
    pass(1);
    await say(colony, processId, 'hi', { identity, sequence: 1, inReplyTo: 7, payloadType: 'greeting' });
    await say(colony, processId, 'earlier by its sequence', { sequence: 2 });
    const entries = await hear(colony, processId, { identity });
    expect(texts(entries)).toEqual(['hello', 'hi', 'earlier by its sequence']);
    expect(entries).toMatchObject([
      { sequence: 7, inReplyTo: 0, senderId: colony.user.id, type: 'data', error: '' },
      { sequence: 1, inReplyTo: 7, senderId: identity.id, type: 'greeting', timestamp: now() },
      { sequence: 2 },
    ]);
  });

  test('is read from a position on, and no more than asked for', async () => {
    await using colony = await startTestColony(quick);
    const { processId } = await startTalk(colony);
    for (const text of ['one', 'two', 'three', 'four']) await say(colony, processId, text);
    const part = async (afterPosition: number, limit = 0) =>
      texts(await hear(colony, processId, { afterPosition, limit }));
    expect(await part(1)).toEqual(['two', 'three', 'four']);
    expect(await part(1, 2)).toEqual(['two', 'three']);
    expect(await part(-5, -1)).toEqual(['one', 'two', 'three', 'four']);
    expect(await part(4)).toEqual([]);
    expect(await part(2 ** 40)).toEqual([]);
  });

  test('takes bytes as base64 and as numbers, and gives base64', async () => {
    await using colony = await startTestColony(quick);
    const { processId } = await startTalk(colony);
    const send = (payload: unknown) =>
      rpcRaw(colony.address, colony.user, 'channelappendmsg', {
        processid: processId,
        name: 'talk',
        sequence: 1,
        payload,
      });
    for (const payload of ['aGVsbG8=', [104, 101, 108, 108, 111], [], null]) await send(payload);
    const inner = { processid: processId, name: 'talk', afterseq: 0, limit: 0 };
    const entries = z
      .array(z.object({ payload: z.string() }))
      .parse(await rpcRaw(colony.address, colony.user, 'channelreadmsg', inner));
    expect(entries.map(({ payload }) => payload)).toEqual(['aGVsbG8=', 'aGVsbG8=', '', '']);
    for (const payload of ['no base64', [256], [-1], [0.5], ['1'], 5, {}]) {
      await expect(send(payload)).rejects.toEqual(refused(400, 'Failed to append to channel, invalid JSON'));
    }
  });

  test('stands beside others of its process', async () => {
    await using colony = await startTestColony(quick);
    const { processId } = await startTalk(colony, ['left', 'right']);
    await say(colony, processId, 'to the left', { name: 'left' });
    expect(texts(await hear(colony, processId, { name: 'left' }))).toEqual(['to the left']);
    expect(await hear(colony, processId, { name: 'right' })).toEqual([]);
    await expect(hear(colony, processId, { name: 'middle' })).rejects.toEqual(refused(404, 'Channel not found'));
  });

  test('survives the restart of the server, and another attempt at its process', async () => {
    await using setting = await startColonyWithClock(quick);
    const { colony } = setting;
    const { executor, processId } = await startTalk(colony);
    await say(colony, processId, 'before');
    await colony.restart();
    expect(texts(await hear(colony, processId, { identity: executor.identity }))).toEqual(['before']);
    await colony.call(colony.colonyOwner, rejectExecutor, { colonyName: 'test', executorName: executor.name });
    const next = await colony.addExecutor('worker');
    await expect(hear(colony, processId, { identity: next.identity })).rejects.toEqual(
      refused(403, 'Not authorized to read from channel'),
    );
    expect(texts(await hear(colony, processId))).toEqual(['before']);
  });

  const endings: Record<string, (colony: TestColony, executor: TestExecutor, process: Process) => Promise<unknown>> = {
    success: (colony, executor, process) => succeed(colony, executor, process),
    failure: (colony, executor, process) => fail(colony, executor, process),
    cancellation: (colony, _executor, process) => colony.call(colony.user, cancelProcess, process),
  };

  test.each(Object.keys(endings))('vanishes with the %s of its process', async (ending) => {
    await using colony = await startTestColony(quick);
    const { executor, process, processId } = await startTalk(colony);
    await say(colony, processId, 'hello');
    await endings[ending]?.(colony, executor, process);
    await expect(say(colony, processId, 'late')).rejects.toEqual(refused(404, 'Channel not found'));
    await expect(hear(colony, processId)).rejects.toEqual(refused(404, 'Channel not found'));
  });
});

test('what channels held is forgotten a minute after their process has ended', async () => {
  await using setting = await startColonyWithClock({ ...quick, maxChannelBytes: 1_500_000 });
  const { colony, pass } = setting;
  const { executor, process, processId } = await startTalk(colony);
  for (let index = 0; index < 30; index += 1) await say(colony, processId, 'x'.repeat(40_000));
  await succeed(colony, executor, process);
  const next = await colony.submit({ channels: ['talk'] }, 'worker');
  await expect(say(colony, next.processId, 'x'.repeat(400_000))).rejects.toMatchObject({ status: 503 });
  pass(61);
  await say(colony, next.processId, 'x'.repeat(400_000));
  await colony.server.stop();
  const database = new Sqlite(colony.databasePath);
  expect(database.prepare('SELECT count(*) AS count FROM channel_entries').get()).toMatchObject({ count: 1 });
  expect(database.prepare('SELECT count(*) AS count FROM channels').get()).toMatchObject({ count: 1 });
  database.close();
});

test('a channel holds everything that was taken when the server is killed, in its order', async () => {
  await using mortal = await startMortalServer();
  const { user } = mortal;
  const spec = functionSpec('test', 'worker', { channels: ['talk'] });
  const { processId } = await rpc(mortal.address(), user, submitFunctionSpec, { spec });
  const taken: string[] = [];
  for (let life = 0; life < 3; life += 1) {
    const address = mortal.address();
    const talking = (async () => {
      for (let index = 0; ; index += 1) {
        const payload = Buffer.from(`${life}-${index}`);
        const entry = { processId, name: 'talk', sequence: index, inReplyTo: 0, payload, payloadType: '' };
        await rpc(address, user, appendToChannel, entry);
        taken.push(payload.toString());
      }
    })().catch(() => undefined);
    await until(() => taken.length >= 10 * (life + 1));
    await mortal.killAndRestart();
    await talking;
  }
  const range = { processId, name: 'talk', afterPosition: 0, limit: 0 };
  const found = texts(await rpc(mortal.address(), user, readChannel, range));
  // One whose answer was lost may be there as well.
  const isTaken = new Set(taken);
  expect(found.filter((text) => isTaken.has(text))).toEqual(taken);
  expect(found.length - taken.length).toBeLessThanOrEqual(3);
});

test('channels are for the initiator and the executor that runs the process', async () => {
  await using colony = await startTestColony(quick);
  const neighbour = await addNeighbour(colony);
  const executor = await colony.addExecutor('worker');
  const idle = await colony.addExecutor('worker');
  const { processId } = await colony.submit({ channels: ['talk'] }, 'worker');
  await say(colony, processId, 'before anybody runs it');
  const uses = [
    ['write to', (identity: Identity) => say(colony, processId, 'x', { identity })],
    ['read from', (identity: Identity) => hear(colony, processId, { identity })],
  ] as const;
  for (const [use, attempt] of uses) {
    for (const { identity } of [executor, idle]) {
      await expect(attempt(identity)).rejects.toEqual(refused(403, `Not authorized to ${use} channel`));
    }
    for (const identity of [neighbour.user, colony.colonyOwner, colony.serverOwner, generateIdentity()]) {
      await expect(attempt(identity)).rejects.toEqual(
        refused(403, 'Access denied, not a member of Colony with name <test>'),
      );
    }
  }
  await assign(colony, executor);
  expect(texts(await hear(colony, processId, { identity: executor.identity }))).toEqual(['before anybody runs it']);
  await expect(hear(colony, processId, { identity: idle.identity })).rejects.toMatchObject({ status: 403 });
  await expect(hear(colony, 'nope')).rejects.toEqual(refused(404, 'Process not found'));
  await expect(say(colony, 'nope', 'x')).rejects.toEqual(refused(404, 'Process not found'));
});

const mebibytes = (count: number): string => 'x'.repeat(count * 1024 * 1024);

describe('the limits of channels', () => {
  test('are 100 per process, with names that can be shown, each once', async () => {
    await using colony = await startTestColony(quick);
    const names = Array.from({ length: 101 }, (_, index) => `channel-${index}`);
    const failure = 'Failed to submit function spec,';
    await expect(colony.submit({ channels: names }, 'worker')).rejects.toEqual(
      refused(400, `${failure} expected at most 100 channels, got 101`),
    );
    await expect(colony.submit({ channels: ['a', 'a'] }, 'worker')).rejects.toEqual(
      refused(400, `${failure} channel a is named twice`),
    );
    for (const name of ['', '\n', 'x'.repeat(201)]) {
      await expect(colony.submit({ channels: [name] }, 'worker')).rejects.toEqual(
        refused(400, `${failure} expected names of channels of 1 to 200 characters without control characters`),
      );
    }
    const { processId } = await colony.submit({ channels: names.slice(1) }, 'worker');
    expect((await colony.getProcess(processId)).spec.channels).toEqual(names.slice(1));
    await say(colony, processId, 'last', { name: 'channel-100' });
  });

  test('keep one process from sending faster than 100 entries per second, after 500 at once', async () => {
    await using setting = await startColonyWithClock(quick);
    const { colony, pass } = setting;
    const { executor, processId } = await startTalk(colony, ['talk', 'other']);
    const other = await colony.submit({ channels: ['talk'] }, 'worker');
    const burst = async (count: number) => {
      const sent = Array.from({ length: count }, (_, index) => say(colony, processId, `${index}`));
      return (await Promise.allSettled(sent)).filter(({ status }) => status === 'fulfilled').length;
    };
    expect(await burst(500)).toBe(500);
    const tooFast = refused(429, 'rate limit exceeded');
    await expect(say(colony, processId, 'x')).rejects.toEqual(tooFast);
    await expect(say(colony, processId, 'x', { name: 'other', identity: executor.identity })).rejects.toEqual(tooFast);
    await say(colony, other.processId, 'somebody else');
    pass(1);
    expect(await burst(150)).toBe(100);
    pass(-3600);
    await expect(say(colony, processId, 'x')).rejects.toEqual(tooFast);
    pass(1);
    await say(colony, processId, 'the clock was set back');
  });

  test('are a size of an entry, and of all entries', async () => {
    await using colony = await startTestColony({
      ...quick,
      maxBodyBytes: 32 * 1024 * 1024,
      maxChannelBytes: 9_000_000,
    });
    const { executor, processId } = await startTalk(colony);
    await expect(say(colony, processId, `${mebibytes(10)}x`)).rejects.toEqual(
      refused(413, 'message payload exceeds maximum size'),
    );
    await say(colony, processId, mebibytes(4));
    await say(colony, processId, mebibytes(4));
    const full = refused(503, 'Failed to append to channel, the channels of this server are full; try again later');
    await expect(say(colony, processId, mebibytes(1))).rejects.toEqual(full);
    const second = await colony.submit({ channels: ['talk'] }, 'other');
    await expect(say(colony, second.processId, mebibytes(1))).rejects.toEqual(full);
    await say(colony, second.processId, 'x'.repeat(500_000));
    await expect(say(colony, processId, 'x'.repeat(500_000))).rejects.toEqual(full);
    await colony.call(colony.user, removeProcess, second);
    await say(colony, processId, 'x'.repeat(500_000), { identity: executor.identity });
  });

  test('include the name of a type', async () => {
    await using colony = await startTestColony(quick);
    const { processId } = await startTalk(colony);
    await expect(say(colony, processId, 'x', { payloadType: 'x'.repeat(201) })).rejects.toEqual(
      refused(
        400,
        'Failed to append to channel, the payload type must have at most 200 characters and no control characters',
      ),
    );
  });
});

describe('a subscription to a channel', () => {
  test('gives what is there, what comes, and an empty list and a close frame when the process has ended', async () => {
    await using colony = await startTestColony(quick);
    const { executor, process, processId } = await startTalk(colony);
    await say(colony, processId, 'one');
    await say(colony, processId, 'two');
    using user = await listen(colony);
    using partner = await listen(colony);
    user.subscribe(processId, { afterseq: 1 });
    partner.subscribe(processId, { by: executor.identity });
    await until(() => user.heard().length === 1 && partner.heard().length === 2);
    await say(colony, processId, 'three', { identity: executor.identity });
    await until(() => user.heard().length === 2);
    const last = say(colony, processId, 'last');
    await Promise.all([last, last.then(() => succeed(colony, executor, process))]);
    expect([await user.closed, await partner.closed]).toEqual([1000, 1000]);
    expect(user.heard()).toEqual(['two', 'three', 'last']);
    expect(partner.heard()).toEqual(['one', 'two', 'three', 'last']);
    expect(user.frames.at(-1)).toEqual([]);
  });

  test('ends with an empty list when its time is up, and the socket may be used again', async () => {
    await using colony = await startTestColony(quick);
    const { processId } = await startTalk(colony);
    using listener = await listen(colony);
    listener.subscribe(processId, { timeout: 1 });
    await until(() => listener.frames.length === 1);
    expect(listener.frames).toEqual([[]]);
    listener.subscribe(processId);
    await say(colony, processId, 'again');
    await until(() => listener.heard().length === 1);
    expect(listener.heard()).toEqual(['again']);
  });

  test('leaves a socket open on which something else is subscribed', async () => {
    await using colony = await startTestColony(quick);
    const { executor, process, processId } = await startTalk(colony, ['talk', 'more']);
    using listener = await listen(colony);
    const other = await colony.submit({ channels: ['talk'] }, 'other');
    listener.subscribe(processId);
    listener.subscribe(other.processId);
    listener.subscribe('nope');
    await until(() => listener.refusals.length === 1);
    await succeed(colony, executor, process);
    await until(() => listener.frames.length === 1);
    expect(listener.frames).toEqual([[]]);
    await say(colony, other.processId, 'still here');
    await until(() => listener.heard().length === 1);
    await colony.call(colony.user, removeProcess, other);
    listener.socket.close();
    await listener.closed;
  });

  test('is refused as reading is, and ends when the reader may not read any more', async () => {
    await using colony = await startTestColony(quick);
    const { executor, process, processId } = await startTalk(colony);
    const idle = await colony.addExecutor('worker');
    using listener = await listen(colony);
    listener.subscribe(processId, { by: idle.identity });
    listener.subscribe(processId, { by: generateIdentity() });
    listener.subscribe(processId, { name: 'other' });
    listener.subscribe('nope');
    await until(() => listener.refusals.length === 4);
    expect(listener.refusals).toEqual([
      { status: 403, message: 'Not authorized to subscribe to channel' },
      { status: 403, message: 'Access denied, not a member of Colony with name <test>' },
      { status: 404, message: 'Channel not found' },
      { status: 404, message: 'Process not found' },
    ]);
    listener.subscribe(processId, { by: executor.identity });
    await say(colony, processId, 'one');
    await until(() => listener.heard().length === 1);
    await colony.call(colony.colonyOwner, rejectExecutor, { colonyName: 'test', executorName: executor.name });
    await say(colony, processId, 'not for the rejected one');
    await until(() => listener.refusals.length === 5);
    expect(listener.heard()).toEqual(['one']);
    await colony.call(colony.colonyOwner, removeUser, { colonyName: 'test', name: 'user' });
    await expect(say(colony, process.processId, 'x')).rejects.toMatchObject({ status: 403 });
  });

  test('ends when its process is removed', async () => {
    await using setting = await startColonyWithClock(quick);
    const { colony, pass } = setting;
    const { processId } = await colony.submit({ channels: ['talk'] }, 'worker');
    await say(colony, processId, 'hello');
    using listener = await listen(colony);
    listener.subscribe(processId);
    await until(() => listener.heard().length === 1);
    await colony.call(colony.user, removeProcess, { processId });
    pass(60);
    expect(await listener.closed).toBe(1000);
    expect(listener.frames.at(-1)).toEqual([]);
  });

  test('gives a reader who was away everything, however much it is', async () => {
    await using colony = await startTestColony(quick);
    const { executor, process, processId } = await startTalk(colony);
    using listener = await listen(colony);
    listener.subscribe(processId);
    listener.subscribe('nope');
    await until(() => listener.refusals.length === 1);
    listener.socket.pause();
    const large = mebibytes(2);
    for (let index = 0; index < 8; index += 1) await say(colony, processId, `${index} ${large}`);
    await succeed(colony, executor, process);
    listener.socket.resume();
    expect(await listener.closed).toBe(1000);
    expect(listener.heard().map((text) => text.split(' ')[0])).toEqual(Array.from({ length: 8 }, (_, i) => `${i}`));
  });

  test('is cut off when its reader takes nothing', async () => {
    await using colony = await startTestColony({ ...quick, stallMs: 500 });
    const { processId } = await startTalk(colony);
    using listener = await listen(colony);
    listener.subscribe(processId);
    listener.subscribe('nope');
    await until(() => listener.refusals.length === 1);
    listener.socket.pause();
    for (let index = 0; index < 8; index += 1) await say(colony, processId, mebibytes(2));
    const metrics = async () => (await fetch(urlOf(colony.address, '/metrics'))).text();
    await until(async () => (await metrics()).includes('colonies_websockets 0'));
    expect(await hear(colony, processId)).not.toEqual([]);
  });

  test('is one of the hundred that a socket may have', async () => {
    await using colony = await startTestColony(quick);
    const names = Array.from({ length: 100 }, (_, index) => `channel-${index}`);
    const { processId } = await startTalk(colony, names);
    using listener = await listen(colony);
    for (const name of names) listener.subscribe(processId, { name });
    for (const name of names) listener.subscribe(processId, { name });
    const one = { colonyname: 'test', processid: processId, executortype: '', state: 2, timeout: 20 };
    listener.socket.send(JSON.stringify(sealRequest(subscribeProcess.type, one, colony.user)));
    await until(() => listener.refusals.length === 1);
    expect(listener.refusals).toEqual([
      { status: 400, message: 'Expected at most 100 subscriptions on one WebSocket' },
    ]);
    await say(colony, processId, 'once', { name: 'channel-7' });
    await until(() => listener.heard().length > 0);
    await say(colony, processId, 'done', { name: 'channel-8' });
    await until(() => listener.heard().length > 1);
    expect(listener.heard()).toEqual(['once', 'done']);
  });
});
