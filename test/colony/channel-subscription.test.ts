import { describe, expect, test } from 'vitest';
import { subscribeToChannel } from '../../colony/channel-subscription.ts';
import { createColoniesClient } from '../../colony/client.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import type { ChannelEntry } from '../../colony/messages/channels.ts';
import { until } from '../support/processes.ts';
import { urlOf } from '../support/rpc.ts';
import { assign, quick, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

const PLAIN = { sequence: 1, inReplyTo: 0, payloadType: '' };

async function startTalk(colony: TestColony) {
  const executor = await colony.addExecutor('worker');
  await colony.submit({ channels: ['talk'] }, 'worker');
  const process = await assign(colony, executor);
  const { processId } = process;
  const client = createColoniesClient({ server: colony.address, identity: executor.identity });
  return {
    processId,
    say: (text: string) => client.appendToChannel({ ...PLAIN, processId, name: 'talk', payload: Buffer.from(text) }),
    end: () => succeed(colony, executor, process),
  };
}

/** Reads a channel as the user until it ends. */
function listen(
  colony: TestColony,
  processId: string,
  options: { readonly afterPosition?: number; readonly signal?: AbortSignal; readonly name?: string } = {},
  identity: Identity = colony.user,
) {
  const client = createColoniesClient({ server: colony.address, identity });
  const heard: string[] = [];
  const ended = (async () => {
    const entries: AsyncGenerator<ChannelEntry> = subscribeToChannel(client, { processId, name: 'talk', ...options });
    for await (const { payload } of entries) heard.push(Buffer.from(payload).toString());
  })();
  ended.catch(() => undefined);
  return { heard, ended };
}

describe('subscribeToChannel', () => {
  test('gives every entry once, also over a restart of the server, and ends with the process', async () => {
    await using colony = await startTestColony(quick);
    const { processId, say, end } = await startTalk(colony);
    await say('one');
    await say('two');
    const all = listen(colony, processId);
    const part = listen(colony, processId, { afterPosition: 1 });
    await until(() => all.heard.length === 2);
    await colony.server.stop();
    await colony.restart();
    await say('three');
    await until(() => all.heard.length === 3 && part.heard.length === 2);
    await say('last');
    await end();
    await Promise.all([all.ended, part.ended]);
    expect(all.heard).toEqual(['one', 'two', 'three', 'last']);
    expect(part.heard).toEqual(['two', 'three', 'last']);
  });

  test('ends at once for a process that has ended', async () => {
    await using colony = await startTestColony(quick);
    const { processId, end } = await startTalk(colony);
    await end();
    const { heard, ended } = listen(colony, processId);
    await ended;
    expect(heard).toEqual([]);
  });

  test('throws what the server refuses', async () => {
    await using colony = await startTestColony(quick);
    const { processId } = await startTalk(colony);
    await expect(listen(colony, processId, { name: 'nope' }).ended).rejects.toMatchObject({
      status: 404,
      serverMessage: 'Channel not found',
    });
    await expect(listen(colony, 'nope').ended).rejects.toMatchObject({ status: 404 });
    await expect(listen(colony, processId, {}, generateIdentity()).ended).rejects.toMatchObject({ status: 403 });
    const idle = await colony.addExecutor('worker');
    await expect(listen(colony, processId, {}, idle.identity).ended).rejects.toMatchObject({
      status: 403,
      serverMessage: 'Not authorized to subscribe to channel',
    });
  });

  test('ends with the reason of its signal, wherever it is', async () => {
    await using colony = await startTestColony(quick);
    const { processId, say } = await startTalk(colony);
    await say('one');
    const aborted = new AbortController();
    const { heard, ended } = listen(colony, processId, { signal: aborted.signal });
    await until(() => heard.length === 1);
    aborted.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    await expect(listen(colony, processId, { signal: aborted.signal }).ended).rejects.toThrow('enough');
  });

  test('leaves no socket behind when it is not read to its end', async () => {
    await using colony = await startTestColony(quick);
    const { processId, say } = await startTalk(colony);
    await say('one');
    const client = createColoniesClient({ server: colony.address, identity: colony.user });
    for await (const { payload } of subscribeToChannel(client, { processId, name: 'talk' })) {
      expect(Buffer.from(payload).toString()).toBe('one');
      break;
    }
    const metrics = async () => (await fetch(urlOf(colony.address, '/metrics'))).text();
    await until(async () => (await metrics()).includes('colonies_websockets 0'));
  });
});
