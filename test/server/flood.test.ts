import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { sealRequest } from '../../colony/envelope.ts';
import { post, rpcRaw, urlOf } from '../support/rpc.ts';
import { until } from '../support/processes.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

interface Sender extends AsyncDisposable {
  readonly socket: Socket;
  /** What the server has said so far. */
  readonly heard: () => string;
}

/** A connection on which a request with a body has been begun. */
async function beginRequest(colony: TestColony, bodyBytes: number, sent: string): Promise<Sender> {
  const socket = connect(colony.address.port, '127.0.0.1');
  let text = '';
  socket.on('error', () => undefined).on('data', (chunk) => (text += chunk.toString()));
  await once(socket, 'connect');
  socket.write(`POST /api HTTP/1.1\r\nhost: x\r\ncontent-length: ${bodyBytes}\r\n\r\n${sent}`);
  return {
    socket,
    heard: () => text,
    async [Symbol.asyncDispose]() {
      if (socket.closed) return;
      socket.destroy();
      await once(socket, 'close');
    },
  };
}

const answers = (colony: TestColony): Promise<unknown> => rpcRaw(colony.address, undefined, 'versionmsg', {});

describe('bodies that strangers do not finish', () => {
  test('hold no more than a part of the memory: further large ones are refused with 503, small requests are not', async () => {
    await using colony = await startTestColony({ maxReceivedBytes: 300_000 });
    await using first = await beginRequest(colony, 1_000_000, 'x'.repeat(300_000));
    await until(async () => (await post(colony.address, 'x'.repeat(200_000))).status === 503);
    expect(await answers(colony)).toBeDefined();
    first.socket.destroy();
    await until(async () => (await post(colony.address, 'x'.repeat(200_000))).status === 400);
  });

  test('are given up with 408 and the end of the connection when nothing comes any more', async () => {
    await using colony = await startTestColony({ stallMs: 50 });
    await using sender = await beginRequest(colony, 1000, '{');
    await once(sender.socket, 'close');
    expect(sender.heard()).toMatch(/^HTTP\/1\.1 408 [\s\S]*"payloadtype":"error"/u);
  });
});

test('connections above the limit are dropped, and the others go on', async () => {
  await using colony = await startTestColony({ maxConnections: 2 });
  await using first = await beginRequest(colony, 1000, '{');
  await using second = await beginRequest(colony, 1000, '{');
  const third = connect(colony.address.port, '127.0.0.1');
  third.on('error', () => undefined).resume();
  await once(third, 'close');
  const body = JSON.stringify(sealRequest('versionmsg', {}));
  second.socket.destroy();
  first.socket.write(`${body.slice(1)}${' '.repeat(1000 - body.length)}`);
  await until(() => first.heard() !== '');
  expect(first.heard()).toMatch(/^HTTP\/1\.1 200/u);
});

/** The bytes of a request. */
const request = (bytes: Buffer | string): string =>
  `POST /api HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes.length}\r\n\r\n${String(bytes)}`;

/** A connection on which these bytes are sent, and whose answers nobody takes. */
async function mute(colony: TestColony, sent: string): Promise<Socket & AsyncDisposable> {
  const socket = connect(colony.address.port, '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(sent);
  return Object.assign(socket, {
    [Symbol.asyncDispose]: async () => {
      socket.destroy();
      if (!socket.closed) await once(socket, 'close');
    },
  });
}

/** What the server measures, as Prometheus reads it. */
const metrics = (colony: TestColony): Promise<string> =>
  fetch(urlOf(colony.address, '/metrics')).then((response) => response.text());

describe('clients that take their time', () => {
  test('with a header that drips are dropped', async () => {
    await using colony = await startTestColony({ headerMs: 1000 });
    const socket = connect(colony.address.port, '127.0.0.1')
      .on('error', () => undefined)
      .resume();
    const header = 'GET /health HTTP/1.1\r\nx-slow: '.padEnd(100_000, 'x');
    let sent = 0;
    const timer = setInterval(() => socket.write(header[sent++] ?? ''), 5);
    await once(socket, 'close');
    clearInterval(timer);
    expect(sent).toBeLessThan(header.length);
    expect(await answers(colony)).toBeDefined();
  });

  test('with nothing to say are dropped', async () => {
    await using colony = await startTestColony({ headerMs: 1000 });
    const socket = connect(colony.address.port, '127.0.0.1')
      .on('error', () => undefined)
      .resume();
    await once(socket, 'close');
    expect(await answers(colony)).toBeDefined();
  });

  test('that never read a large answer are cut off, and others are served', async () => {
    await using colony = await startTestColony({ stallMs: 300 });
    for (let count = 0; count < 4; count += 1) await colony.submit({ args: ['x'.repeat(7_000_000)] }, 'worker');
    const inner = { colonyname: 'test', count: 100, state: 0 };
    const list = JSON.stringify(sealRequest('getprocessesmsg', inner, colony.user));
    await using reader = await mute(colony, request(list));
    let heardBytes = 0;
    reader.on('data', (chunk) => (heardBytes += chunk.length)).pause();
    await until(async () => (await metrics(colony)).includes('{type="getprocessesmsg",status="200"} 1\n'));
    // Each of these is given up after the time that the reader has, which is looked at twice.
    for (let round = 0; round < 4; round += 1) {
      await using sender = await beginRequest(colony, 1000, '{');
      await once(sender.socket, 'close');
    }
    expect(await answers(colony)).toBeDefined();
    const closed = once(reader, 'close');
    reader.resume();
    await closed;
    expect(heardBytes).toBeLessThan(28_000_000);
  });

  test('that ask for more and more without reading are cut off at once', async () => {
    await using colony = await startTestColony();
    await colony.submit({ args: ['x'.repeat(7_000_000)] }, 'worker');
    const inner = { colonyname: 'test', count: 100, state: 0 };
    const list = JSON.stringify(sealRequest('getprocessesmsg', inner, colony.user));
    await using greedy = await mute(colony, request(list).repeat(50));
    greedy.resume();
    await once(greedy, 'close');
    expect(await answers(colony)).toBeDefined();
  });

  test('that leave most unread go first when all together leave too much', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    await using colony = await startTestColony({ maxUnreadBytes: 15_000_000, log });
    await colony.submit({ args: ['x'.repeat(7_000_000)] }, 'worker');
    const inner = { colonyname: 'test', count: 100, state: 0 };
    const list = JSON.stringify(sealRequest('getprocessesmsg', inner, colony.user));
    const readers = await Promise.all(Array.from({ length: 4 }, () => mute(colony, request(list))));
    await until(() => lines.some((line) => line.includes('a client was cut off')));
    const heard = await Promise.all(
      readers.map(async (reader) => {
        let byteCount = 0;
        reader.on('data', (chunk) => (byteCount += chunk.length));
        await until(() => reader.resume().closed || byteCount > 9_000_000);
        return byteCount;
      }),
    );
    expect(heard.filter((byteCount) => byteCount > 9_000_000).length).toBeLessThan(4);
    await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()));
  });

  test('that vanish while they wait for work get nothing', async () => {
    await using colony = await startTestColony();
    const [gone, present] = [await colony.addExecutor('worker'), await colony.addExecutor('worker')];
    const poll = { colonyname: 'test', timeout: 60 };
    const waiting = await mute(colony, request(JSON.stringify(sealRequest('assignprocessmsg', poll, gone.identity))));
    const waits = async () => (await metrics(colony)).includes('colonies_waiting_polls 1\n');
    await until(waits);
    waiting.resetAndDestroy();
    await until(async () => !(await waits()));
    const { processId } = await colony.submit({}, 'worker');
    const assigned = await rpcRaw(colony.address, present.identity, 'assignprocessmsg', { ...poll, timeout: 10 });
    expect(assigned).toMatchObject({ processid: processId });
  });
});

test('whoever waits for work waits on, however long nothing moves', async () => {
  await using colony = await startTestColony({ stallMs: 50 });
  const executor = await colony.addExecutor('worker');
  const poll = { colonyname: 'test', timeout: 60 };
  const waiting = rpcRaw(colony.address, executor.identity, 'assignprocessmsg', poll);
  const idle = await beginRequest(colony, 1000, '{');
  // By the time that this one is given up, the poll has been silent for as long.
  await once(idle.socket, 'close');
  const { processId } = await colony.submit({}, 'worker');
  expect(await waiting).toMatchObject({ processid: processId });
});
