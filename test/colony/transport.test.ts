import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createColoniesClient } from '../../colony/client.ts';
import { answer, refuse, startScriptedServer, type Step } from './scripted-server.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');
const retry = { forMs: 0 };

/** Answers with headers at once, and with a body that grows by `text` for ever. */
function drip(text: string, everyMs: number, onDrop: () => void = () => {}): Step {
  return (response) => {
    response.writeHead(200);
    const timer = setInterval(() => {
      response.write(text);
      onDrop();
    }, everyMs);
    response.on('close', () => clearInterval(timer));
  };
}

test('an answer that drips for ever ends with its time limit, also after a garbage collection', async () => {
  await using server = await startScriptedServer([drip(' ', 5, collectGarbage)]);
  const client = createColoniesClient({ server: server.address, retry });
  await expect(client.getVersion({}, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'TIMEOUT' });
});

test('an answer that drips for ever ends when its signal fires, also after a garbage collection', async () => {
  const stop = new AbortController();
  let drops = 0;
  const onDrop = (): void => {
    collectGarbage();
    drops += 1;
    if (drops === 20) stop.abort(new Error('enough'));
  };
  await using server = await startScriptedServer([drip(' ', 5, onDrop)]);
  const client = createColoniesClient({ server: server.address, retry });
  await expect(client.getVersion({}, { signal: stop.signal })).rejects.toThrow('enough');
});

test('an endless answer is refused at the limit, and its connection closed', async () => {
  let close: (() => void) | undefined;
  const closed = new Promise<void>((resolve) => (close = resolve));
  const flood: Step = (response, ...rest) => {
    response.on('close', () => close?.());
    return drip('x'.repeat(50_000), 1)(response, ...rest);
  };
  await using server = await startScriptedServer([flood]);
  const client = createColoniesClient({ server: server.address, retry, maxReplyBytes: 200_000 });
  await expect(client.getVersion({})).rejects.toMatchObject({
    name: 'ConnectionError',
    code: 'REPLY_TOO_LONG',
    message: expect.stringContaining('got more than 200000 bytes; allow more with maxReplyBytes'),
  });
  await closed;
});

test.each([429, 503, 507])(
  'a server that answers %i and asks for patience is asked again, with the same bytes',
  async (status) => {
    const version = answer('versionmsg', { buildversion: '1', buildtime: '' });
    await using server = await startScriptedServer([refuse(status, 'later', { 'retry-after': '0' }), version]);
    const client = createColoniesClient({ server: server.address, retry: { forMs: 10_000, firstPauseMs: 1 } });
    expect(await client.getVersion({})).toMatchObject({ buildVersion: '1' });
    expect(server.bodies).toHaveLength(2);
    expect(server.bodies[0]).toBe(server.bodies[1]);
  },
);

test('a wish for more patience than there is time ends with what the server said', async () => {
  await using server = await startScriptedServer([refuse(429, 'too many requests', { 'retry-after': '60' })]);
  const client = createColoniesClient({ server: server.address, retry: { forMs: 10_000 } });
  await expect(client.getVersion({})).rejects.toMatchObject({ status: 429, serverMessage: 'too many requests' });
  expect(server.bodies).toHaveLength(1);
});

test.each([
  [400, '0'],
  [503, 'Fri, 20 Nov 2026 12:00:00 GMT'],
])('status %i with retry-after %s is an answer like others', async (status, header) => {
  await using server = await startScriptedServer([refuse(status, 'no', { 'retry-after': header })]);
  const client = createColoniesClient({ server: server.address, retry: { forMs: 10_000 } });
  await expect(client.getVersion({})).rejects.toMatchObject({ status });
  expect(server.bodies).toHaveLength(1);
});
