import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { sealRequest } from '../../colony/envelope.ts';
import { post, rpcRaw } from '../support/rpc.ts';
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
