import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import { type ColoniesClient, createColoniesClient } from '../../colony/client.ts';
import { ServerError } from '../../colony/errors.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { call, type CallOutcome, type MessageCall } from '../../colony/message-batches.ts';
import { batch } from '../../colony/messages/batch.ts';
import { getServerInfo } from '../../colony/messages/colonies.ts';
import { messages } from '../../colony/messages/index.ts';
import type { Process } from '../../colony/messages/processes.ts';
import { functionSpec, startTestColony, type TestColony } from '../support/test-colony.ts';
import {
  answer,
  forward,
  forwardAndReset,
  messageTypesOf,
  refuse,
  reset,
  type ScriptedServer,
  startScriptedServer,
  type Step,
} from './scripted-server.ts';

const retry = { forMs: 5_000, firstPauseMs: 1, longestPauseMs: 5 };
const identity = generateIdentity();
const PROCESS_ID = 'a1'.repeat(32);
const takesBatches = answer(getServerInfo.type, { deduplicates: true, batches: true });
const takesNone = answer(getServerInfo.type, {});
const submitted = answer(messages.submitFunctionSpec.type, { processid: PROCESS_ID, state: 0, spec: {} });

const submit = (colonyName: string, spec: Parameters<typeof functionSpec>[2] = {}): MessageCall<Process> =>
  call(messages.submitFunctionSpec, { spec: functionSpec(colonyName, 'cloud', spec) });
const close = call(messages.closeSuccessful, { processId: PROCESS_ID, output: ['x'] });
const poll = call(messages.assignProcess, {
  colonyName: 'test',
  timeoutSeconds: -1,
  availableCpu: '',
  availableMemory: '',
});

/** The answer to a batch. */
function replies(...given: readonly unknown[]): Step {
  return answer(batch.type, { replies: given });
}

function clientOf({ address }: ScriptedServer, signer = identity): ColoniesClient {
  return createColoniesClient({ server: address, identity: signer, retry });
}

/** The types of the messages in each request so far. */
function typesOf({ bodies }: ScriptedServer): readonly (readonly string[])[] {
  return bodies.map(messageTypesOf);
}

function statusesOf(outcomes: readonly CallOutcome<unknown>[]): (number | string | undefined)[] {
  return outcomes.map(({ error }) => (error instanceof ServerError ? error.status : error?.code));
}

describe('the embedded server', () => {
  let colony: TestColony;
  beforeEach(async () => {
    colony = await startTestColony();
  });
  afterEach(() => colony.stop());

  const waiting = async (): Promise<readonly Process[]> =>
    colony.call(colony.user, messages.getProcesses, {
      colonyName: colony.colonyName,
      count: 100,
      state: 0,
      executorType: '',
      label: '',
      initiator: '',
    });

  test('gets several messages in one request, and answers each by itself', async () => {
    await using server = await startScriptedServer([forward(colony.address)]);
    const calls = [
      submit(colony.colonyName, { label: 'first' }),
      submit(colony.colonyName, { priority: 1_000_000 }),
      call(messages.setOutput, { processId: PROCESS_ID, output: ['nowhere'] }),
      submit(colony.colonyName, { label: 'last' }),
    ] as const;
    const [first, refused, unknown, last] = await clientOf(server, colony.user).batch(calls);
    expectTypeOf(first).toEqualTypeOf<CallOutcome<Process>>();
    expectTypeOf(unknown).toEqualTypeOf<CallOutcome<undefined>>();
    expect([first.reply?.spec.label, last.reply?.spec.label]).toEqual(['first', 'last']);
    expect(refused.error).toMatchObject({
      name: 'ServerError',
      status: 400,
      messageType: 'submitfuncspecmsg',
      serverMessage: expect.stringContaining('priority outside range'),
    });
    expect(unknown.error).toBeInstanceOf(ServerError);
    const sent = ['submitfuncspecmsg', 'submitfuncspecmsg', 'setoutputmsg', 'submitfuncspecmsg'];
    expect(typesOf(server)).toEqual([['getserverinfomsg'], sent]);
    expect(await waiting()).toHaveLength(2);
  });

  test('gets lists of any length in batches of a hundred', async () => {
    await using server = await startScriptedServer([forward(colony.address)]);
    const calls = Array.from({ length: 201 }, (_, index) => submit(colony.colonyName, { label: `${index}` }));
    const outcomes = await clientOf(server, colony.user).batch(calls);
    expect(outcomes.map(({ reply }) => reply?.spec.label)).toEqual(calls.map((_, index) => `${index}`));
    expect(typesOf(server).map((types) => types.length)).toEqual([1, 100, 100, 1]);
  });

  test('executes a batch of submissions once, although its answer was lost', async () => {
    const steps = [forward(colony.address), forwardAndReset(colony.address), forward(colony.address)];
    await using server = await startScriptedServer(steps);
    const calls = [submit(colony.colonyName), submit(colony.colonyName)];
    const outcomes = await clientOf(server, colony.user).batch(calls);
    const ids = new Set((await waiting()).map(({ processId }) => processId));
    expect(new Set(outcomes.map(({ reply }) => reply?.processId))).toEqual(ids);
    expect(ids.size).toBe(2);
    expect(server.bodies.at(-1)).toBe(server.bodies[1]);
  });

  test('answers a close again, but says of the poll beside it only that it was answered', async () => {
    const executor = await colony.addExecutor('cloud');
    await colony.submit({}, 'cloud');
    const { processId } = await colony.call(executor.identity, messages.assignProcess, {
      colonyName: colony.colonyName,
      timeoutSeconds: 5,
      availableCpu: '',
      availableMemory: '',
    });
    const next = await colony.submit({}, 'cloud');
    const steps = [forward(colony.address), forwardAndReset(colony.address), forward(colony.address)];
    await using server = await startScriptedServer(steps);
    const calls = [call(messages.closeSuccessful, { processId, output: ['x'] }), poll] as const;
    const [closed, assigned] = await clientOf(server, executor.identity).batch(calls);
    expect(closed.error).toBeUndefined();
    expect(assigned.error).toMatchObject({ status: 400, message: expect.stringContaining('answered before') });
    expect(await colony.getProcess(processId)).toMatchObject({ state: 'success', output: ['x'] });
    expect((await colony.getProcess(next.processId)).state).toBe('running');
  });

  test('gets one by one what it takes in no batch', async () => {
    await using server = await startScriptedServer([forward(colony.address)]);
    const ids = [await colony.submit({}, 'cloud'), await colony.submit({}, 'cloud')].map(({ processId }) => processId);
    const calls = ids.map((processId) => call(messages.cancelProcess, { processId }));
    const outcomes = await clientOf(server, colony.user).batch(calls);
    expect(statusesOf(outcomes)).toEqual([undefined, undefined]);
    expect(typesOf(server).slice(2)).toEqual([['cancelprocessmsg'], ['cancelprocessmsg']]);
    expect(await waiting()).toEqual([]);
  });

  test('gets one by one what is too large together', async () => {
    await using small = await startTestColony({ maxBodyBytes: 60_000 });
    const kwargs = { text: 'x'.repeat(30_000) };
    const client = createColoniesClient({ server: small.address, identity: small.user });
    const outcomes = await client.batch([submit(small.colonyName, { kwargs }), submit(small.colonyName, { kwargs })]);
    expect(statusesOf(outcomes)).toEqual([undefined, undefined]);
  });
});

describe('a server without batches', () => {
  test('is asked once, and gets the messages one by one, with the same outcomes', async () => {
    const steps = [takesNone, refuse(403, 'no'), submitted, refuse(400, 'never'), submitted];
    await using server = await startScriptedServer(steps);
    const client = clientOf(server);
    const [closed, process] = await client.batch([close, submit('test')]);
    expect(closed.error).toMatchObject({ status: 403, messageType: 'closesuccessfulmsg' });
    expect(process.reply?.processId).toBe(PROCESS_ID);
    expect(statusesOf(await client.batch([close, submit('test')]))).toEqual([400, undefined]);
    const pair = [['closesuccessfulmsg'], ['submitfuncspecmsg']];
    expect(typesOf(server)).toEqual([['getserverinfomsg'], ...pair, ...pair]);
  });

  test('that took the place of one with batches gets them one by one, and is asked again', async () => {
    const closed = answer(messages.closeSuccessful.type, {});
    const unknown = refuse(403, 'invalid rpcMsg.PayloadType: batchmsg');
    const steps = [takesBatches, unknown, closed, submitted, takesNone, closed, submitted];
    await using server = await startScriptedServer(steps);
    const client = clientOf(server);
    expect(statusesOf(await client.batch([close, submit('test')]))).toEqual([undefined, undefined]);
    expect(statusesOf(await client.batch([close, submit('test')]))).toEqual([undefined, undefined]);
    const pair = [['closesuccessfulmsg'], ['submitfuncspecmsg']];
    const both = [['closesuccessfulmsg', 'submitfuncspecmsg']];
    expect(typesOf(server)).toEqual([['getserverinfomsg'], ...both, ...pair, ['getserverinfomsg'], ...pair]);
  });

  test('does not get again what an earlier one may have done before its answer was lost', async () => {
    const unknown = refuse(403, 'invalid rpcMsg.PayloadType: batchmsg');
    await using server = await startScriptedServer([takesBatches, reset, takesBatches, unknown, submitted]);
    expect(statusesOf(await clientOf(server).batch([submit('test'), submit('test')]))).toEqual([403, 403]);
    expect(server.bodies).toHaveLength(4);
  });

  test('that cannot be asked is asked again the next time', async () => {
    await using server = await startScriptedServer([reset, takesBatches]);
    const client = clientOf(server);
    expect(await client.takesBatches()).toBe(false);
    expect(await client.takesBatches()).toBe(true);
    expect(await client.takesBatches()).toBe(true);
    expect(server.bodies).toHaveLength(2);
  });
});

describe('a batch', () => {
  test('of one message is that message', async () => {
    await using server = await startScriptedServer([submitted]);
    expect(statusesOf(await clientOf(server).batch([submit('test')]))).toEqual([undefined]);
    expect(typesOf(server)).toEqual([['submitfuncspecmsg']]);
    expect(await clientOf(server).batch([])).toEqual([]);
  });

  test('with a field of the wrong type is not sent at all', async () => {
    await using server = await startScriptedServer([takesBatches]);
    // @ts-expect-error a process id is text
    const wrong = call(messages.cancelProcess, { processId: 5 });
    await expect(clientOf(server).batch([close, wrong])).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(server.bodies).toEqual([]);
  });

  test('that is refused as a whole is refused to each of its messages', async () => {
    await using server = await startScriptedServer([takesBatches, refuse(500, 'out of order')]);
    const [closed, assigned] = await clientOf(server).batch([close, poll]);
    expect(closed.error).toMatchObject({ status: 500, messageType: 'closesuccessfulmsg' });
    expect(assigned.error).toMatchObject({ status: 500, messageType: 'assignprocessmsg' });
  });

  test('tells of each message whether its answer can be read', async () => {
    const good = { payloadtype: 'closesuccessfulmsg', error: false, payload: {} };
    const bad = { payloadtype: 'assignprocessmsg', error: false, payload: { processid: 'not an id' } };
    await using server = await startScriptedServer([takesBatches, replies(good, bad), replies(good)]);
    const client = clientOf(server);
    expect(statusesOf(await client.batch([close, poll]))).toEqual([undefined, 'UNREADABLE_REPLY']);
    expect(statusesOf(await client.batch([close, poll]))).toEqual(['UNREADABLE_REPLY', 'UNREADABLE_REPLY']);
  });

  test('whose connection is lost says so of each message, and that the later ones were not sent', async () => {
    await using server = await startScriptedServer([takesBatches, reset, takesNone]);
    const calls = Array.from({ length: 102 }, () => submit('test'));
    const outcomes = await clientOf(server).batch(calls);
    expect(new Set(statusesOf(outcomes.slice(0, 100)))).toEqual(new Set(['ECONNRESET']));
    expect(statusesOf(outcomes.slice(100))).toEqual(['NOT_SENT', 'NOT_SENT']);
  });

  test('ends at once when its signal fires', async () => {
    const stop = new AbortController();
    await using server = await startScriptedServer([takesBatches, () => stop.abort(new Error('enough'))]);
    await expect(clientOf(server).batch([close, poll], { signal: stop.signal })).rejects.toThrow('enough');
  });
});
