import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import * as z from 'zod';
import { sealRequest } from '../../colony/envelope.ts';
import { until } from '../support/processes.ts';
import { urlOf } from '../support/rpc.ts';
import { ChannelEntry, Nothing } from './shapes.ts';
import { conformsTo, type Expectation, type MessageRow, textsOf } from './table.ts';
import { type Answer, type Inner, openWorld, readAnswer, type Signer, UNKNOWN_ID, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const base64 = (text: string) => Buffer.from(text).toString('base64');
const chatting = (place: World) => place.running({ channels: ['chat'] });

const noProcess: Expectation = [404, 'Process not found'];
const noChannel: Expectation = [404, 'Channel not found'];

const cases = {
  'refuses an unknown process': { change: { processid: UNKNOWN_ID }, expect: noProcess },
  'refuses a channel that the process does not declare': { change: { name: 'other' }, expect: noChannel },
  'refuses a process that has ended': {
    change: async (place: World, request: Inner) => {
      await place.do('executor', 'closesuccessfulmsg', { processid: request['processid'], out: [] });
      return request;
    },
    expect: noChannel,
  },
} as const;

const rows: readonly MessageRow[] = [
  {
    type: 'channelappendmsg',
    audience: 'member',
    request: async (place) => ({
      processid: (await chatting(place)).processid,
      name: 'chat',
      sequence: 1,
      inreplyto: 0,
      payload: base64('hello'),
      payloadtype: '',
    }),
    reply: Nothing,
    texts: textsOf('Failed to append to channel'),
    missing: {
      processid: noProcess,
      name: noChannel,
      sequence: 'answered',
      inreplyto: 'answered',
      payload: 'answered',
      payloadtype: 'answered',
    },
    cases,
  },
  {
    type: 'channelreadmsg',
    audience: 'member',
    request: async (place) => ({
      processid: (await chatting(place)).processid,
      name: 'chat',
      afterseq: 0,
      limit: 0,
    }),
    reply: z.array(ChannelEntry),
    texts: textsOf('Failed to read from channel'),
    missing: { processid: noProcess, name: noChannel, afterseq: 'answered', limit: 'answered' },
    cases,
  },
];

conformsTo(() => world, rows);

const append = (signer: Signer, processid: string, sequence: number, text: string, more: Inner = {}) =>
  world.do(signer, 'channelappendmsg', { processid, name: 'chat', sequence, payload: base64(text), ...more });

async function read(signer: Signer, processid: string, range: Inner = {}) {
  const request = { processid, name: 'chat', afterseq: 0, limit: 0, ...range };
  return world.must(signer, 'channelreadmsg', request, z.array(ChannelEntry));
}

const textsIn = (entries: readonly z.output<typeof ChannelEntry>[]) =>
  entries.map(({ payload }) => Buffer.from(payload, 'base64').toString());

const refusal = (verb: string) => ({ status: 403, message: `Not authorized to ${verb} channel` });

describe('a channel', () => {
  test('carries entries both ways, with who sent them and as what', async () => {
    const { processid } = await chatting(world);
    await append('user', processid, 1, 'question');
    await append('executor', processid, 1, 'answer', { inreplyto: 1 });
    await append('executor', processid, 2, '', { payloadtype: 'end' });
    const entries = await read('user', processid);
    expect(textsIn(entries)).toEqual(['question', 'answer', '']);
    expect(entries).toMatchObject([
      { sequence: 1, senderid: world.people.user.id, type: 'data' },
      { sequence: 1, senderid: world.people.executor.id, type: 'data', inreplyto: 1 },
      { sequence: 2, type: 'end' },
    ]);
  });

  test('takes bytes as a list of numbers, too', async () => {
    const { processid } = await chatting(world);
    await append('user', processid, 1, '', { payload: [...Buffer.from('åäö')] });
    expect(textsIn(await read('executor', processid))).toEqual(['åäö']);
  });

  test('is read from a position on, and so many entries at most', async () => {
    const { processid } = await chatting(world);
    for (const [index, text] of ['a', 'b', 'c'].entries()) await append('user', processid, index + 1, text);
    expect(textsIn(await read('user', processid, { afterseq: 1 }))).toEqual(['b', 'c']);
    expect(textsIn(await read('user', processid, { afterseq: 1, limit: 1 }))).toEqual(['b']);
    expect(await read('user', processid, { afterseq: 3 })).toEqual([]);
  });

  test('belongs to the submitter and to the executor that runs the process', async () => {
    const { processid } = await chatting(world);
    const other = await world.addExecutor();
    const request = { processid, name: 'chat', sequence: 1, payload: '', afterseq: 0 };
    expect((await world.ask(other.identity, 'channelappendmsg', request)).payload).toEqual(refusal('write to'));
    expect((await world.ask(other.identity, 'channelreadmsg', request)).payload).toEqual(refusal('read from'));
    const waiting = await world.submit({ channels: ['chat'] });
    const early = await world.ask('executor', 'channelreadmsg', { ...request, processid: waiting.processid });
    expect(early.payload).toEqual(refusal('read from'));
    expect(await read('user', waiting.processid)).toEqual([]);
  });
});

/** Frames that a subscription to a channel brings. */
async function subscribed(signer: 'user' | 'executor', inner: Inner) {
  const socket = new WebSocket(urlOf(world.address, '/pubsub').replace(/^http/u, 'ws'));
  const frames: Answer[] = [];
  socket.on('message', (data: Buffer) =>
    frames.push(readAnswer({ status: 0, contentType: null, body: data.toString() })),
  );
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('open', resolve));
  const message = { name: 'chat', afterseq: 0, timeout: 30, ...inner };
  socket.send(JSON.stringify(sealRequest('subscribechannelmsg', message, world.people[signer])));
  return { frames, [Symbol.dispose]: () => socket.terminate() };
}

const entriesOf = (frames: readonly Answer[]) => frames.flatMap(({ payload }) => z.array(ChannelEntry).parse(payload));

describe('a subscription to a channel', () => {
  test('brings what is there already, then what comes', async () => {
    const { processid } = await chatting(world);
    await append('user', processid, 1, 'early');
    using subscription = await subscribed('executor', { processid });
    await until(() => subscription.frames.length > 0);
    await append('user', processid, 2, 'late');
    await until(() => entriesOf(subscription.frames).length > 1);
    expect(textsIn(entriesOf(subscription.frames))).toEqual(['early', 'late']);
    expect(subscription.frames[0]?.payloadtype).toBe('subscribechannelmsg');
  });

  test('ends with an empty list when its time is up', async () => {
    const { processid } = await chatting(world);
    using subscription = await subscribed('user', { processid, timeout: 1 });
    await until(() => subscription.frames.length > 0);
    expect(subscription.frames[0]).toMatchObject({ error: false, payloadtype: 'subscribechannelmsg', payload: [] });
  });

  test('to what there is not is refused', async () => {
    const { processid } = await chatting(world);
    using unknown = await subscribed('user', { processid: UNKNOWN_ID });
    using undeclared = await subscribed('user', { processid, name: 'other' });
    await until(() => unknown.frames.length > 0 && undeclared.frames.length > 0);
    expect(unknown.frames[0]?.payload).toEqual({ status: 404, message: 'Process not found' });
    expect(undeclared.frames[0]?.payload).toEqual({ status: 404, message: 'Channel not found' });
  });
});
