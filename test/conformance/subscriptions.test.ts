import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { sealRequest } from '../../colony/envelope.ts';
import { until } from '../support/processes.ts';
import { urlOf } from '../support/rpc.ts';
import { Process } from './shapes.ts';
import {
  type Answer,
  differing,
  type Inner,
  openWorld,
  readAnswer,
  type Role,
  UNKNOWN_ID,
  type World,
} from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/** A socket and what has come over it. */
interface Line extends Disposable {
  readonly socket: WebSocket;
  readonly frames: readonly Answer[];
  send(signer: Role, messageType: string, inner: Inner): void;
}

async function openLine(): Promise<Line> {
  const socket = new WebSocket(urlOf(world.address, '/pubsub').replace(/^http/u, 'ws'));
  const frames: Answer[] = [];
  socket.on('message', (data: Buffer) =>
    frames.push(readAnswer({ status: 0, contentType: null, body: data.toString() })),
  );
  // The official server ends sockets without a close frame, which is an error to a client.
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('open', resolve));
  return {
    socket,
    frames,
    send: (signer, messageType, inner) =>
      socket.send(JSON.stringify(sealRequest(messageType, inner, world.people[signer]))),
    [Symbol.dispose]: () => socket.terminate(),
  };
}

const of = (processid: string, state: number, timeout = 30) => ({
  colonyname: world.colonyName,
  processid,
  executortype: world.executorType,
  state,
  timeout,
});

async function frame(line: Line, index = 0): Promise<Answer> {
  await until(() => line.frames.length > index);
  const answer = line.frames[index];
  if (answer === undefined) throw new Error('frame: expected one more frame');
  return answer;
}

const ended = (line: Line) => until(() => line.socket.readyState === WebSocket.CLOSED);
const close = (processid: string, out: readonly unknown[] = []) =>
  world.do('executor', 'closesuccessfulmsg', { processid, out });

describe('a subscription to one process', () => {
  test('tells when it enters the state, with its output', async () => {
    using line = await openLine();
    const { processid } = await world.running();
    line.send('user', 'subscribeprocessmsg', of(processid, 2));
    // A second subscription, to the state it is in, is answered at once: then the first one is there, too.
    line.send('user', 'subscribeprocessmsg', of(processid, 1));
    expect(Process.parse((await frame(line)).payload)).toMatchObject({ processid, state: 1 });
    await close(processid, ['o']);
    const { payload, error, payloadtype } = await frame(line, 1);
    expect({ error, payloadtype }).toEqual({ error: false, payloadtype: 'subscribeprocessmsg' });
    const event = Process.parse(payload);
    const out = differing(world, 'events carry the output', { official: event.out, here: ['o'] });
    expect(event).toMatchObject({ processid, state: 2, out });
  });

  test('tells at once when the process is in the state already', async () => {
    using line = await openLine();
    const { processid } = await world.submit();
    line.send('user', 'subscribeprocessmsg', { ...of(processid, 0), executortype: '' });
    expect(Process.parse((await frame(line)).payload)).toMatchObject({ processid, state: 0 });
  });

  test('tells of a failure', async () => {
    using line = await openLine();
    const { processid } = await world.running();
    line.send('user', 'subscribeprocessmsg', of(processid, 3));
    line.send('user', 'subscribeprocessmsg', of(processid, 1));
    await frame(line);
    await world.do('executor', 'closefailedmsg', { processid, errors: ['boom'] });
    expect(Process.parse((await frame(line, 1)).payload)).toMatchObject({ state: 3 });
  });

  test('is closed when its time is up', async () => {
    using line = await openLine();
    const { processid } = await world.submit();
    line.send('user', 'subscribeprocessmsg', of(processid, 2, 1));
    await ended(line);
    expect(line.frames).toEqual([]);
  });

  test('to an unknown process is refused, and the socket stays open', async () => {
    using line = await openLine();
    line.send('user', 'subscribeprocessmsg', of(UNKNOWN_ID, 2));
    const { error, payload } = await frame(line);
    expect({ error, payload }).toEqual({
      error: true,
      payload: { status: 403, message: `Invalid process with Id ${UNKNOWN_ID}` },
    });
    const { processid } = await world.submit();
    line.send('user', 'subscribeprocessmsg', { ...of(processid, 0), executortype: '' });
    expect((await frame(line, 1)).error).toBe(false);
  });

  test('of somebody who does not belong to the colony is refused', async () => {
    const { processid } = await world.running();
    for (const role of ['stranger', 'pending', 'neighbour', 'colonyOwner', 'serverOwner'] as const) {
      using line = await openLine();
      line.send(role, 'subscribeprocessmsg', of(processid, 1));
      const { error, payload } = await frame(line);
      const refusal = { status: 403, message: `Access denied, not a member of Colony with name <${world.colonyName}>` };
      const expected = differing<unknown>(world, 'processes are told to members only', {
        official: payload,
        here: refusal,
      });
      expect(payload).toEqual(expected);
      expect(error).toBe(differing(world, 'processes are told to members only', { official: false, here: true }));
    }
  });
});

describe('a subscription to all processes of a type', () => {
  test('tells each executor of its colony', async () => {
    using line = await openLine();
    const { processid: first } = await world.running();
    const all = { colonyname: world.colonyName, executortype: world.executorType, state: 2, timeout: 30 };
    line.send('executor', 'subscribeprocessesmsg', all);
    line.send('executor', 'subscribeprocessmsg', of(first, 1));
    await frame(line);
    await close(first);
    const event = await frame(line, 1);
    expect(event.payloadtype).toBe('subscribeprocessmsg');
    expect(Process.parse(event.payload)).toMatchObject({ processid: first, state: 2 });
  });

  test('is refused to strangers', async () => {
    using line = await openLine();
    const all = { colonyname: world.colonyName, executortype: world.executorType, state: 2, timeout: 30 };
    line.send('stranger', 'subscribeprocessesmsg', all);
    const { error, payload } = await frame(line);
    const message = differing(world, 'the colony counts', {
      official: 'executor not found',
      here: `Access denied, not a member of Colony with name <${world.colonyName}>`,
    });
    expect({ error, payload }).toEqual({ error: true, payload: { status: 403, message } });
  });
});

describe('a frame', () => {
  test('that nobody can have signed ends the socket', async () => {
    using line = await openLine();
    line.socket.send('no JSON');
    await ended(line);
    using unsigned = await openLine();
    unsigned.socket.send(JSON.stringify(sealRequest('subscribeprocessmsg', of(UNKNOWN_ID, 2))));
    await ended(unsigned);
    expect(unsigned.frames).toEqual([]);
  });

  test('of another type is ignored', async () => {
    using line = await openLine();
    line.send('user', 'getcolonymsg', { colonyname: world.colonyName });
    const { processid } = await world.submit();
    line.send('user', 'subscribeprocessmsg', { ...of(processid, 0), executortype: '' });
    await frame(line);
    expect(line.frames).toHaveLength(1);
  });
});
