import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import * as z from 'zod';
import { sealRequest } from '../../colony/envelope.ts';
import { generateIdentity, type Identity, sign } from '../../colony/identity.ts';
import { messages } from '../../colony/messages/index.ts';
import { handlers } from '../../server/handlers/index.ts';
import {
  Colony,
  Cron,
  Executor,
  FileLabel,
  FileSummary,
  Generator,
  Location,
  Log,
  Process,
  RegisteredFunction,
  Snapshot,
  User,
  Workflow,
} from '../conformance/shapes.ts';
import { type Request, requestsFor, type Signer, type Things } from '../support/fuzz-requests.ts';
import { type Mutation, mutate, mutations, oddValues, textChanges } from '../support/mutations.ts';
import { post, type RawReply, rpcRaw, urlOf } from '../support/rpc.ts';
import { type ServerProcess, spawnServer } from '../support/server-process.ts';

// On a machine that is busy with other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** Whatever comes is answered with a valid envelope, the server stays up, and what is stored stays readable. */

const SEED = 20261120;
const colonyName = 'test';
const people: Readonly<Record<Signer, Identity>> = {
  user: generateIdentity(),
  executor: generateIdentity(),
  colonyOwner: generateIdentity(),
  serverOwner: generateIdentity(),
};
const stranger = generateIdentity();

let directory: string;
let server: ServerProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fuzz-'));
  server = await spawnServer({
    port: 0,
    databasePath: join(directory, 'server.db'),
    serverId: people.serverOwner.id,
    bootstrap: {
      colony: { id: people.colonyOwner.id, name: colonyName },
      users: [{ id: people.user.id, name: 'user' }],
    },
    rates: { memberRequestsPerSecond: 0, strangerRequestsPerSecond: 0 },
    sweepIntervalMs: 100,
  });
  const executor = {
    executorid: people.executor.id,
    executorname: 'busy',
    executortype: 'worker',
    colonyname: colonyName,
  };
  await call('colonyOwner', 'addexecutormsg', { executor });
  await call('colonyOwner', 'approveexecutormsg', { colonyname: colonyName, executorname: 'busy' });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function call(signer: Signer, messageType: string, inner: object): Promise<Record<string, unknown>> {
  return Object(await rpcRaw(server.address, people[signer], messageType, inner));
}

const idIn = (answer: Record<string, unknown>, key: string): string => String(answer[key]);

/** Makes one of everything, so that requests have something to be about. */
async function makeThings(): Promise<Things> {
  const executortype = 'worker';
  const spec = (type: string) => ({
    funcname: 'f',
    maxexectime: -1,
    priority: 50_000,
    channels: ['chat'],
    conditions: { colonyname: colonyName, executortype: type },
  });
  const submit = async (type: string) =>
    idIn(await call('user', 'submitfuncspecmsg', { spec: spec(type) }), 'processid');
  const assign = async () => {
    await call('colonyOwner', 'resumeassignmentsmsg', { colonyname: colonyName });
    return call('executor', 'assignprocessmsg', { colonyname: colonyName, timeout: 5 });
  };
  await submit(executortype);
  const running = await assign();
  const nodes = [
    { ...spec(executortype), nodename: 'a' },
    { ...spec('n'), nodename: 'b', conditions: { dependencies: ['a'] } },
  ];
  const workflow = { colonyname: colonyName, functionspecs: nodes };
  await call('user', 'submitworkflowspecmsg', { spec: workflow });
  const parent = await assign();
  const processid = idIn(running, 'processid');
  const unique = generateIdentity().id.slice(0, 16);
  const workflowspec = JSON.stringify(workflow);
  const named = { colonyname: colonyName, name: unique };
  const file = { ...named, label: '/l', size: 1, ref: { protocol: 's3', s3object: {} } };
  const fun = { colonyname: colonyName, executorname: 'busy', funcname: unique };
  const attribute = { targetid: processid, key: unique, value: 'v' };
  return {
    colonyName,
    executorName: 'busy',
    executorId: people.executor.id,
    executorType: executortype,
    userId: people.user.id,
    waitingId: await submit('nobody'),
    runningId: processid,
    workflowId: idIn(parent, 'processgraphid'),
    parentId: idIn(parent, 'processid'),
    childId: String(z.array(z.string()).parse(parent['children'])[0]),
    attributeId: idIn(await call('executor', 'addattributemsg', { attribute }), 'attributeid'),
    functionId: idIn(await call('executor', 'addfunctionmsg', { fun }), 'functionid'),
    fileId: idIn(await call('user', 'addfilemsg', { file }), 'fileid'),
    snapshotId: idIn(await call('user', 'createsnapshotmsg', { ...named, label: '/l' }), 'snapshotid'),
    cronId: idIn(await call('user', 'addcronmsg', { cron: { ...named, interval: 1000, workflowspec } }), 'cronid'),
    generatorId: idIn(
      await call('user', 'addgeneratormsg', { generator: { ...named, trigger: 100, timeout: -1, workflowspec } }),
      'generatorid',
    ),
  };
}

const Envelope = z.strictObject({ payloadtype: z.string(), payload: z.base64(), error: z.boolean() });
const Failure = z.strictObject({ status: z.number().int().min(400).max(599), message: z.string() });
const replyCodecs = new Map<string, z.ZodType>(Object.values(messages).map(({ type, reply }) => [type, reply]));

/** What is wrong with an answer; undefined when it is a valid one. */
function faultOf({ status, body }: RawReply): string | undefined {
  const envelope = Envelope.safeParse(parse(body));
  if (!envelope.success) return `no envelope: ${status} ${body}`;
  const { payloadtype, payload, error } = envelope.data;
  const inner = parse(Buffer.from(payload, 'base64').toString());
  if (!error) {
    const reply = replyCodecs.get(payloadtype) ?? z.unknown();
    if (status !== 200 || !z.safeDecode(reply, inner).success) return `no reply: ${payloadtype} ${body}`;
    return payloadtype === 'batchmsg' ? faultInBatch(inner) : undefined;
  }
  const failure = Failure.safeParse(inner);
  if (!failure.success || failure.data.status !== status) return `no refusal: ${status} ${JSON.stringify(inner)}`;
  return failure.data.message.startsWith('Internal server error') ? 'internal error' : undefined;
}

const BatchReplies = z.object({
  replies: z.array(z.strictObject({ payloadtype: z.string(), error: z.boolean(), payload: z.unknown() })),
});

/** What is wrong with one of the replies of a batch, each judged as if it had come by itself. */
function faultInBatch(inner: unknown): string | undefined {
  const faults = BatchReplies.parse(inner).replies.map(({ payload, ...reply }) => {
    const status = reply.error ? Number(Object(payload).status) : 200;
    const body = { ...reply, payload: Buffer.from(JSON.stringify(payload)).toString('base64') };
    return faultOf({ status, contentType: null, body: JSON.stringify(body) });
  });
  return faults.find((fault) => fault !== undefined);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A poll may wait as long as it was told to; nobody here waits for it. */
const POLL_PATIENCE_MS = 100;

async function faultOfBody(body: string | Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  const isPoll = typeof body === 'string' && body.includes('"assignprocessmsg"');
  const signal = isPoll ? AbortSignal.timeout(POLL_PATIENCE_MS) : undefined;
  try {
    if (typeof body === 'string') return faultOf(await post(server.address, body, signal));
    const response = await fetch(urlOf(server.address), { method: 'POST', body });
    return faultOf({ status: response.status, contentType: null, body: await response.text() });
  } catch (thrown) {
    return signal?.aborted === true ? undefined : `no answer: ${String(thrown)}`;
  }
}

const AT_ONCE = 16;

/** Sends bodies, several at a time, and gives back what was wrong with answers, each with the body it answers. */
async function faultsOf(bodies: readonly (string | Uint8Array<ArrayBuffer>)[]): Promise<string[]> {
  const faults: string[] = [];
  for (let start = 0; start < bodies.length; start += AT_ONCE) {
    const batch = bodies.slice(start, start + AT_ONCE);
    const found = await Promise.all(batch.map(faultOfBody));
    for (const [index, fault] of found.entries()) {
      if (fault !== undefined) faults.push(`${fault} to ${inWords(batch[index] ?? '')}`.slice(0, 2000));
    }
  }
  return faults;
}

function inWords(body: string | Uint8Array): string {
  const envelope: unknown = typeof body === 'string' ? parse(body) : undefined;
  const payload: unknown = Object(envelope).payload;
  return typeof payload === 'string' ? Buffer.from(payload, 'base64').toString() : Buffer.from(body).toString();
}

const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number, salt: number): T[] =>
  fc.sample(arbitrary, { seed: SEED + salt, numRuns: count });

function sealText(messageType: string, json: string, identity: Identity): string {
  const payload = Buffer.from(json).toString('base64');
  return JSON.stringify({ payloadtype: messageType, payload, signature: sign(payload, identity) });
}

/** Resident memory of the server's process, in megabytes. */
async function residentMegabytes(): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(server.pid)]);
  return Number(stdout) / 1024;
}

test('one request of every kind of message is at hand, and nearly all are answered well', async () => {
  const requests = requestsFor(await makeThings());
  const types = new Set(requests.map(([type]) => type));
  expect([...handlers.keys()].filter((type) => !types.has(type) && !type.includes('blueprint'))).toEqual([]);
  const refused: string[] = [];
  for (const [type, signer, inner] of requests) {
    await rpcRaw(server.address, people[signer], type, inner).catch((thrown: unknown) => refused.push(String(thrown)));
  }
  expect(refused.filter((text) => text.includes('invalid JSON'))).toEqual([]);
});

test('3000 bodies of anything', async () => {
  const bytes = sample(fc.uint8Array({ maxLength: 200 }), 600, 1).map((body) => Uint8Array.from(body));
  const texts = sample(fc.string({ unit: 'binary', maxLength: 200 }), 600, 2);
  const values = sample(fc.jsonValue({ maxDepth: 4 }), 600, 3).map((value) => JSON.stringify(value));
  const good = sealRequest('getcolonymsg', { colonyname: colonyName }, people.user);
  const envelopes = sample(mutations, 600, 4).map((changes) => JSON.stringify(mutate(good, changes)));
  const broken = sample(textChanges, 600, 5).map((change) => change(JSON.stringify(good)));
  expect(await faultsOf([...bytes, ...texts, ...values, ...envelopes, ...broken])).toEqual([]);
});

test('2000 signed payloads of anything', async () => {
  const types = [...handlers.keys()];
  const signers = Object.values(people);
  const payload = fc.record({ type: fc.constantFrom(...types), signer: fc.constantFrom(...signers), value: oddValues });
  const bodies = sample(payload, 2000, 6).map(({ type, signer, value }, index) => {
    const inner = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { value };
    const json = index % 4 === 0 ? JSON.stringify(value) : JSON.stringify({ ...inner, msgtype: type });
    return sealText(type, json, signer);
  });
  expect(await faultsOf(bodies)).toEqual([]);
});

interface Changed {
  readonly changes: readonly Mutation[];
  readonly inText: (json: string) => string;
  readonly signer: Identity | undefined;
}

function bodyOf([type, signer, inner]: Request, { changes, inText, signer: other }: Changed): string {
  const changed = mutate(inner, changes);
  const json = inText(JSON.stringify({ ...Object(changed), msgtype: type }));
  return sealText(type, json, other ?? people[signer]);
}

const ROUNDS = 5;

test('6000 requests of every kind, changed in one to three places, and the memory they take', async () => {
  const others = fc.constantFrom(stranger, ...Object.values(people));
  const changed = fc.record<Changed>({
    changes: mutations,
    inText: fc.oneof(
      { weight: 5, arbitrary: fc.constant((json: string) => json) },
      { weight: 1, arbitrary: textChanges },
    ),
    signer: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: others }),
  });
  const before = await residentMegabytes();
  const faults: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const requests = requestsFor(await makeThings());
    const bodies = sample(changed, 1200, 100 + round).map((change, index) =>
      bodyOf(requests[index % requests.length] ?? ['', 'user', {}], change),
    );
    faults.push(...(await faultsOf(bodies)));
  }
  expect(faults).toEqual([]);
  expect((await residentMegabytes()) - before).toBeLessThan(200);
});

/** What a batch may hold any number of, what it may hold once, and in the end. */
const OFTEN = ['submitfuncspecmsg'];
const ONCE = ['setoutputmsg', 'closesuccessfulmsg'];
const LAST = ['assignprocessmsg'];
const BATCHES = 200;

const messageOf = (types: readonly string[]) =>
  fc.record({ type: fc.constantFrom(...types), changes: fc.option(mutations) });

test('1000 batches, changed in one to three places of some of their messages', async () => {
  const batchOf = fc.record({
    chosen: fc
      .tuple(
        fc.array(messageOf(OFTEN), { maxLength: 6 }),
        fc.uniqueArray(messageOf(ONCE), { maxLength: 2, selector: ({ type }) => type }),
        fc.array(messageOf(LAST), { maxLength: 1 }),
      )
      .map((parts) => parts.flat()),
    changes: fc.option(mutations, { freq: 1 }),
    signer: fc.constantFrom(stranger, people.user, people.executor, people.executor, people.executor),
    marks: fc.constantFrom({}, { nonce: 'same' }, { nonce: 'same', issuedat: 1 }, { nonce: 1, issuedat: '1' }),
  });
  const faults: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const pool = new Map(requestsFor(await makeThings()).map(([type, , inner]) => [type, inner]));
    const bodies = sample(batchOf, BATCHES, 300 + round).map(({ chosen, changes, signer, marks }) => {
      const requests = chosen.map(({ type, changes: own }) => ({
        ...Object(mutate(pool.get(type), own ?? [])),
        msgtype: type,
      }));
      const changed = mutate({ requests, ...marks }, changes ?? []);
      return sealText('batchmsg', JSON.stringify({ ...Object(changed), msgtype: 'batchmsg' }), signer);
    });
    faults.push(...(await faultsOf(bodies)));
  }
  expect(faults).toEqual([]);
  const metrics = await (await fetch(urlOf(server.address, '/metrics'))).text();
  const answered = /colonies_requests_total\{type="batchmsg",status="200"\} (\d+)/u.exec(metrics);
  expect(Number(answered?.[1])).toBeGreaterThan(300);
});

test('1000 WebSocket frames of anything', async () => {
  const things = await makeThings();
  const of = { colonyname: colonyName, processid: things.runningId, executortype: '', state: 1, timeout: 1 };
  const channel = { processid: things.runningId, name: 'chat', afterseq: 0, timeout: 1 };
  const subscriptions = { subscribeprocessmsg: of, subscribeprocessesmsg: of, subscribechannelmsg: channel };
  const frames = fc.record({ type: fc.constantFrom(...Object.keys(subscriptions)), changes: mutations });
  const signed = sample(frames, 700, 200).map(({ type, changes }) => {
    const inner = mutate(Object(subscriptions)[type], changes);
    return sealText(type, JSON.stringify({ ...Object(inner), msgtype: type }), people.user);
  });
  const garbage = [
    ...sample(fc.string({ unit: 'binary' }), 150, 201),
    ...sample(fc.uint8Array({ maxLength: 100 }), 150, 202),
  ];
  const faults: string[] = [];
  for (const frame of [...signed, ...garbage]) faults.push(...(await faultsOverSocket(frame)));
  expect(faults).toEqual([]);
});

/** Sends one frame on a socket of its own, then a known one; everything that comes until that is answered must be valid. */
async function faultsOverSocket(frame: string | Uint8Array): Promise<string[]> {
  const socket = new WebSocket(urlOf(server.address, '/pubsub').replace('http', 'ws'));
  const faults: string[] = [];
  const over = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const body = data.toString();
      const status = Number(
        Object(parse(Buffer.from(String(Object(parse(body)).payload), 'base64').toString())).status,
      );
      const fault = faultOf({ status: body.includes('"error":true') ? status : 200, contentType: null, body });
      if (fault !== undefined) faults.push(`${fault} to ${inWords(frame)}`);
      if (body === LAST_ANSWER) resolve();
    });
    socket.once('close', () => resolve());
    socket.once('error', (error) => faults.push(String(error)));
  });
  await new Promise((resolve) => socket.once('open', resolve));
  socket.send(frame);
  socket.send(
    JSON.stringify(sealRequest('subscribeprocessmsg', { processid: 'last', state: 1, timeout: 1 }, stranger)),
  );
  await over;
  socket.terminate();
  return faults;
}

const LAST_ANSWER = JSON.stringify({
  payloadtype: 'error',
  payload: Buffer.from(JSON.stringify({ status: 403, message: 'Invalid process with Id last' })).toString('base64'),
  error: true,
});

/** What lists must look like for the official clients, which read no list in which one thing is odd. */
const LISTS: Readonly<Record<string, z.ZodType>> = {
  getcoloniesmsg: Colony,
  getusersmsg: User,
  getlocationsmsg: Location,
  getexecutorsmsg: Executor,
  getfunctionsmsg: RegisteredFunction,
  getprocessesmsg: Process,
  getprocessgraphsmsg: Workflow,
  getlogsmsg: Log,
  getfilesmsg: FileSummary,
  getfilelabelsmsg: FileLabel,
  getsnapshotsmsg: Snapshot,
  getcronsmsg: Cron,
  getgeneratorsmsg: Generator,
};

test('afterwards everything that is stored can be read', async () => {
  const requests = requestsFor(await makeThings()).filter(([type]) => type in LISTS);
  expect(requests).toHaveLength(Object.keys(LISTS).length);
  const faults: string[] = [];
  for (const [type, signer, inner] of requests) {
    for (const state of 'state' in inner ? [0, 1, 2, 3, 4] : [0]) {
      const all = { ...inner, ...('state' in inner ? { state } : {}), ...('count' in inner ? { count: 100 } : {}) };
      const answer = await rpcRaw(server.address, people[signer], type, all);
      const shape = z.array(LISTS[type] ?? z.never());
      const { error } = shape.safeParse(answer);
      if (error !== undefined) faults.push(`${type}: ${error.message}`);
    }
  }
  expect(faults).toEqual([]);
});
