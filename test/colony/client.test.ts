import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import { type ColoniesClient, createColoniesClient, isNothingToAssign } from '../../colony/client.ts';
import { RequestEnvelope } from '../../colony/envelope.ts';
import { ConnectionError, ServerError } from '../../colony/errors.ts';
import { generateIdentity, identityFromPrivateKey } from '../../colony/identity.ts';
import type { Process } from '../../colony/messages/processes.ts';
import { recoverId } from '../../colony/signature-recovery.ts';
import { freePort } from '../support/processes.ts';
import { functionSpec, startTestColony } from '../support/test-colony.ts';
import {
  answer,
  answerRaw,
  breakOff,
  forward,
  forwardAndReset,
  hangUp,
  refuse,
  reset,
  type ScriptedServer,
  startScriptedServer,
  stayMute,
  type Step,
} from './scripted-server.ts';

const identity = generateIdentity();
const retry = { forMs: 5_000, firstPauseMs: 1, longestPauseMs: 5 };
const PROCESS_ID = 'a1'.repeat(32);
const process = { processid: PROCESS_ID, state: 0, spec: { conditions: {} } };
const found = answer('getprocessmsg', process);
const submitted = answer('submitfuncspecmsg', process);
const spec = functionSpec('dev', 'cloud');

function clientOf({ address }: ScriptedServer): ColoniesClient {
  return createColoniesClient({ server: address, identity, retry });
}

function envelopeOf(body: string | undefined): RequestEnvelope {
  return RequestEnvelope.parse(JSON.parse(body ?? '{}'));
}

function innerOf(body: string | undefined): unknown {
  return JSON.parse(Buffer.from(envelopeOf(body).payload, 'base64').toString());
}

describe('a call', () => {
  test('sends a signed envelope and returns the decoded answer', async () => {
    await using server = await startScriptedServer([found]);
    const reply = await clientOf(server).getProcess({ processId: PROCESS_ID });
    expectTypeOf(reply).toEqualTypeOf<Process>();
    expect(reply).toMatchObject({ processId: PROCESS_ID, state: 'waiting', input: [], errors: [] });
    const { payload, signature } = envelopeOf(server.bodies[0]);
    expect(recoverId(payload, signature)).toBe(identity.id);
    expect(innerOf(server.bodies[0])).toEqual({ msgtype: 'getprocessmsg', processid: PROCESS_ID });
  });

  test('may be signed by somebody else', async () => {
    await using server = await startScriptedServer([found]);
    const other = generateIdentity();
    await clientOf(server).getProcess({ processId: PROCESS_ID }, { identity: other });
    const { payload, signature } = envelopeOf(server.bodies[0]);
    expect(recoverId(payload, signature)).toBe(other.id);
  });

  test('with a field of the wrong type is not sent', async () => {
    await using server = await startScriptedServer([found]);
    // @ts-expect-error a process id is text
    const call = clientOf(server).getProcess({ processId: 5 });
    await expect(call).rejects.toThrow('getprocessmsg: processid: expected string');
    expect(server.bodies).toEqual([]);
  });

  test('that the server refuses throws its status and words', async () => {
    await using server = await startScriptedServer([refuse(403, 'Access denied, not colony owner')]);
    await expect(clientOf(server).getProcess({ processId: PROCESS_ID })).rejects.toMatchObject({
      name: 'ServerError',
      status: 403,
      serverMessage: 'Access denied, not colony owner',
    });
    expect(server.bodies).toHaveLength(1);
  });

  test('that finds nothing to assign can be told from other refusals', async () => {
    await using server = await startScriptedServer([
      refuse(404, 'No process available for assignment'),
      refuse(404, 'Channel not found'),
    ]);
    const assign = (): Promise<unknown> =>
      clientOf(server)
        .assignProcess({ colonyName: 'dev', timeoutSeconds: 1, availableCpu: '', availableMemory: '' })
        .catch((error: unknown) => isNothingToAssign(error));
    expect([await assign(), await assign()]).toEqual([true, false]);
    expect(isNothingToAssign(new Error('No process available for assignment'))).toBe(false);
  });

  test('whose answer cannot be read names the field, not the value', async () => {
    const unreadable = { ...process, spec: { ...process.spec, maxretries: 'patient-4711' } };
    await using server = await startScriptedServer([answer('getprocessmsg', unreadable)]);
    await expect(clientOf(server).getProcess({ processId: PROCESS_ID })).rejects.toMatchObject({
      code: 'UNREADABLE_REPLY',
      message: expect.stringMatching(/^getprocessmsg: unreadable answer: spec\.maxretries: (?!.*4711)/),
    });
  });

  test.each([
    ['processid', `abc --key ${PROCESS_ID}`],
    ['processid', PROCESS_ID.toUpperCase()],
    ['processgraphid', '$(reboot)'],
    ['parents', [`${PROCESS_ID}\n`]],
  ])('whose answer holds something else than an id as %s is refused', async (key, value) => {
    await using server = await startScriptedServer([answer('getprocessmsg', { ...process, [key]: value })]);
    await expect(clientOf(server).getProcess({ processId: PROCESS_ID })).rejects.toMatchObject({
      name: 'ConnectionError',
      message: expect.stringContaining('expected an id of 64 lower-case hexadecimal characters'),
    });
  });

  test('that is answered with another process or workflow than asked for is refused', async () => {
    const other = 'b2'.repeat(32);
    const workflow = { processgraphid: PROCESS_ID, state: 0 };
    await using server = await startScriptedServer([found, answer('getprocessgraphmsg', workflow)]);
    await expect(clientOf(server).getProcess({ processId: other })).rejects.toMatchObject({ code: 'OTHER_REPLY' });
    await expect(clientOf(server).getWorkflow({ workflowId: other })).rejects.toMatchObject({ code: 'OTHER_REPLY' });
  });

  test('with an id that cannot be right reaches the server, which says so', async () => {
    await using server = await startScriptedServer([refuse(404, 'Process not found')]);
    await expect(clientOf(server).getProcess({ processId: 'p' })).rejects.toBeInstanceOf(ServerError);
  });

  test.each([
    [200, /empty answer, as to callers that are no approved members/],
    [500, /empty answer, its handler failed/],
  ])('with an empty answer of status %i says what that means', async (status, words) => {
    await using server = await startScriptedServer([answerRaw(status, '')]);
    await expect(clientOf(server).getColonyStatistics({ colonyName: 'dev' })).rejects.toThrow(words);
    expect(server.bodies).toHaveLength(1);
  });

  test('to something that is no Colonies server says so', async () => {
    await using server = await startScriptedServer([answerRaw(404, '404 page not found')]);
    await expect(clientOf(server).getVersion({})).rejects.toMatchObject({ code: 'NOT_COLONIES' });
  });

  test('ends at once when its signal fires', async () => {
    const stop = new AbortController();
    await using server = await startScriptedServer([() => stop.abort(new Error('enough'))]);
    await expect(clientOf(server).getProcess({ processId: PROCESS_ID }, { signal: stop.signal })).rejects.toThrow(
      'enough',
    );
    await expect(clientOf(server).getProcess({ processId: PROCESS_ID }, { signal: stop.signal })).rejects.toThrow(
      'enough',
    );
    expect(server.bodies).toHaveLength(1);
  });
});

const LOSSES: readonly (readonly [string, Step])[] = [
  ['reset', reset],
  ['closed', hangUp],
  ['broken off', breakOff],
  ['answered 502 by a proxy', answerRaw(502, '<html>')],
  ['answered 504 by a proxy', answerRaw(504, 'timeout')],
];

describe.each(LOSSES)('when the connection is %s after the request', (_, loss) => {
  test('a read is sent again', async () => {
    await using server = await startScriptedServer([loss, loss, found]);
    await expect(clientOf(server).getProcess({ processId: PROCESS_ID })).resolves.toMatchObject({
      processId: PROCESS_ID,
    });
    expect(new Set(server.bodies).size).toBe(1);
    expect(server.bodies).toHaveLength(3);
  });

  test('a close is sent again, byte for byte, with its nonce', async () => {
    await using server = await startScriptedServer([loss, answer('closesuccessfulmsg', {})]);
    await clientOf(server).closeSuccessful({ processId: PROCESS_ID, output: ['x'] });
    expect(server.bodies[1]).toBe(server.bodies[0]);
    expect(innerOf(server.bodies[0])).toMatchObject({
      out: ['x'],
      nonce: expect.stringMatching(/^[0-9a-f]{32}$/),
      issuedat: expect.closeTo(Date.now(), -5),
    });
  });

  test('a submission is not sent again to the official server: it may have been executed', async () => {
    await using server = await startScriptedServer([loss, answer('getserverinfomsg', {}), submitted]);
    await expect(clientOf(server).submitFunctionSpec({ spec })).rejects.toThrow(/it may have been executed/);
    expect(server.bodies.map((body) => envelopeOf(body).payloadtype)).toEqual([
      'submitfuncspecmsg',
      'getserverinfomsg',
    ]);
  });

  test('a submission is sent again to a server that executes a repeated request once', async () => {
    const info = answer('getserverinfomsg', { deduplicates: true });
    await using server = await startScriptedServer([loss, loss, info, submitted]);
    await clientOf(server).submitFunctionSpec({ spec });
    expect(server.bodies[3]).toBe(server.bodies[0]);
    expect(innerOf(server.bodies[0])).toHaveProperty('nonce');
  });
});

test('a submission whose answer is lost is executed once by the embedded server', async () => {
  await using colony = await startTestColony();
  await using proxy = await startScriptedServer([forwardAndReset(colony.address), forward(colony.address)]);
  const client = createColoniesClient({ server: proxy.address, identity: colony.user, retry });
  const { processId } = await client.submitFunctionSpec({ spec: functionSpec(colony.colonyName, 'cloud') });
  const query = { colonyName: colony.colonyName, count: 10, state: 0, executorType: '', label: '', initiator: '' };
  expect((await client.getProcesses(query)).map((waiting) => waiting.processId)).toEqual([processId]);
  expect(proxy.bodies[2]).toBe(proxy.bodies[0]);
});

/** Loses its answer, five minutes later. */
const later: Step = (...step) => {
  const nowMs = Date.now();
  vi.spyOn(Date, 'now').mockImplementation(() => nowMs + 300_000);
  return reset(...step);
};

describe('minutes after its first attempt', () => {
  const patient = { ...retry, forMs: 3_600_000 };
  afterEach(() => vi.restoreAllMocks());

  test('a close is signed anew, so that it is not taken for a recording', async () => {
    await using server = await startScriptedServer([later, answer('closesuccessfulmsg', {})]);
    await clientOf(server).closeSuccessful({ processId: PROCESS_ID, output: ['x'] }, { retry: patient });
    const [first, second] = server.bodies.map((body) => Object(innerOf(body)));
    expect(second).toMatchObject({ processid: PROCESS_ID, out: ['x'] });
    expect(second.nonce).not.toBe(first.nonce);
  });

  test('a submission keeps its bytes, since others would be another submission', async () => {
    const info = answer('getserverinfomsg', { deduplicates: true });
    await using server = await startScriptedServer([later, info, submitted]);
    await clientOf(server).submitFunctionSpec({ spec }, { retry: patient });
    expect(server.bodies[2]).toBe(server.bodies[0]);
  });
});

describe('a server that is away', () => {
  test('is waited for, and even a submission is then sent once', async () => {
    const port = await freePort();
    const address = { host: '127.0.0.1', port, tls: false };
    let onFailure: (() => void) | undefined;
    const firstFailure = new Promise<void>((resolve) => (onFailure = resolve));
    const client = createColoniesClient({ server: address, identity, retry, log: { warn: () => onFailure?.() } });
    const submission = client.submitFunctionSpec({ spec });
    await firstFailure;
    await using server = await startScriptedServer([submitted], port);
    await expect(submission).resolves.toMatchObject({ processId: PROCESS_ID });
    expect(server.bodies).toHaveLength(1);
  });

  test('is given up after the time the policy allows, with advice', async () => {
    const server = { host: '127.0.0.1', port: await freePort(), tls: false };
    const client = createColoniesClient({ server, retry: { forMs: 20, firstPauseMs: 1 } });
    await expect(client.getVersion({})).rejects.toMatchObject({ name: 'ConnectionError', code: 'ECONNREFUSED' });
    await expect(client.getVersion({})).rejects.toThrow(/got ECONNREFUSED; is it running\?/);
  });

  test('behind a proxy that says 503 is waited for, as nothing reached it', async () => {
    await using server = await startScriptedServer([answerRaw(503, 'no backend'), submitted]);
    await clientOf(server).submitFunctionSpec({ spec });
    expect(server.bodies).toHaveLength(2);
  });

  test('is not confused with a Colonies server that is paused', async () => {
    const words = 'No processes available: colony assignments are paused';
    await using server = await startScriptedServer([refuse(503, words)]);
    await expect(clientOf(server).getProcess({ processId: 'p' })).rejects.toBeInstanceOf(ServerError);
    expect(server.bodies).toHaveLength(1);
  });

  test('that never answers ends an attempt after its time', async () => {
    await using server = await startScriptedServer([stayMute, found]);
    const reply = clientOf(server).getProcess({ processId: PROCESS_ID }, { timeoutMs: 50 });
    await expect(reply).resolves.toMatchObject({ processId: PROCESS_ID });
    expect(server.bodies).toHaveLength(2);
  });

  test('that speaks plain HTTP where TLS is expected is named as that', async () => {
    await using server = await startScriptedServer([found]);
    const client = createColoniesClient({ server: { ...server.address, tls: true }, retry });
    await expect(client.getVersion({})).rejects.toThrow(/check COLONIES_TLS/);
    await expect(client.getVersion({})).rejects.toBeInstanceOf(ConnectionError);
  });
});

test('nothing a client throws shows the private key', async () => {
  await using server = await startScriptedServer([refuse(400, 'no'), answerRaw(200, 'junk'), reset]);
  const secret = identityFromPrivateKey('ab'.repeat(32));
  const client = createColoniesClient({ server: server.address, identity: secret, retry: { forMs: 0 } });
  const errors = [1, 2, 3].map(() => client.getProcess({ processId: 'p' }).catch((error: unknown) => error));
  for (const error of await Promise.all(errors)) {
    expect(error).toBeInstanceOf(Error);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(secret.privateKey);
  }
});
