import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { Process } from './shapes.ts';
import { type Answer, differing, type Inner, openWorld, type Signer, specOf, type World } from './world.ts';

/** Several messages under one signature, which only the embedded server takes; the official one knows no such message. */

let world: World;

beforeAll(async () => {
  world = await openWorld();
});

afterAll(() => world[Symbol.asyncDispose]());

const WHY = 'only the embedded server takes batches';
const UNKNOWN = '403 invalid rpcMsg.PayloadType: batchmsg';

const Refusal = z.strictObject({ status: z.number(), message: z.string() });
const Replies = z.strictObject({
  replies: z.array(z.strictObject({ payloadtype: z.string(), error: z.boolean(), payload: z.unknown() })),
});

const refusalIn = (payload: unknown): string => {
  const { status, message } = Refusal.parse(payload);
  return `${status} ${message}`;
};

/** What became of each message of a batch, or why it was refused as a whole. */
function outcomesOf({ error, payload, payloadtype, status }: Answer): string[] | string {
  if (error) return refusalIn(payload);
  expect({ payloadtype, status }).toEqual({ payloadtype: 'batchmsg', status: 200 });
  return Replies.parse(payload).replies.map((reply) => (reply.error ? refusalIn(reply.payload) : reply.payloadtype));
}

const send = async (signer: Signer, requests: unknown) => world.ask(signer, 'batchmsg', { requests });

const submission = (executorType: string): Inner => ({
  msgtype: 'submitfuncspecmsg',
  spec: specOf(world.colonyName, executorType),
});

test('a server that takes batches says so', async () => {
  const { payload } = await world.ask(undefined, 'getserverinfomsg', {});
  expect(Object(payload).batches).toBe(differing(world, WHY, { official: undefined, here: true }));
});

test('each message of a batch is answered as by itself, in the order of the list', async () => {
  const { processid } = await world.running();
  const answer = await send('executor', [
    submission('nobody'),
    { msgtype: 'closesuccessfulmsg', processid, out: ['whole'] },
    { msgtype: 'setoutputmsg', processid, out: ['late'] },
    { msgtype: 'assignprocessmsg', colonyname: world.colonyName, timeout: -1 },
  ]);
  const here = [
    'submitfuncspecmsg',
    'closesuccessfulmsg',
    '403 Failed to set output, process is not running',
    '404 No process available for assignment',
  ];
  expect(outcomesOf(answer)).toEqual(differing<string[] | string>(world, WHY, { official: UNKNOWN, here }));
  expect((await world.process(processid)).out).toEqual(differing(world, WHY, { official: [], here: ['whole'] }));
});

test('replies in a batch have the shapes of those to single messages', async () => {
  const { processid } = await world.running();
  await world.submit({}, { executortype: world.executorType });
  const answer = await send('executor', [
    submission('nobody'),
    { msgtype: 'setoutputmsg', processid, out: ['half'] },
    { msgtype: 'closefailedmsg', processid, errors: ['e'] },
    { msgtype: 'assignprocessmsg', colonyname: world.colonyName, timeout: -1 },
  ]);
  const shapes = [Process, z.strictObject({}), z.strictObject({}), Process];
  const replies = answer.error ? [] : Replies.parse(answer.payload).replies;
  const fits = replies.map(({ payload }, index) => shapes[index]?.safeParse(payload).success);
  expect(fits).toEqual(differing<boolean[]>(world, WHY, { official: [], here: [true, true, true, true] }));
});

test.each<readonly [what: string, requests: () => unknown, expected: string]>([
  ['nothing', () => [], '1 to 100 requests in a list, got 0'],
  ['no list', () => ({}), '1 to 100 requests in a list, got none'],
  ['too many', () => Array.from({ length: 101 }, () => submission('nobody')), '1 to 100 requests in a list, got 101'],
  [
    'two closes',
    () => [
      { msgtype: 'closesuccessfulmsg', processid: 'x', out: [] },
      { msgtype: 'closefailedmsg', processid: 'x', errors: [] },
    ],
    'one message that closes a process, got another one at 1',
  ],
  [
    'a poll that waits',
    () => [{ msgtype: 'assignprocessmsg', colonyname: world.colonyName, timeout: 1 }],
    'a negative timeout in a poll, which does not wait, got another one at 0',
  ],
  [
    'a poll before others',
    () => [{ msgtype: 'assignprocessmsg', colonyname: world.colonyName, timeout: -1 }, submission('nobody')],
    'a poll at the end, got one at 0',
  ],
])('a batch of %s is refused as a whole', async (_what, requests, expected) => {
  const here = `400 Failed to execute batch, expected ${expected}; nothing was executed`;
  expect(outcomesOf(await send('executor', requests()))).toBe(differing(world, WHY, { official: UNKNOWN, here }));
});

test('a stranger’s batch is refused message by message', async () => {
  const refused = `403 Access denied, not a member of Colony with name <${world.colonyName}>`;
  const answer = await send('stranger', [submission('nobody'), submission('nobody')]);
  const here = [refused, refused];
  expect(outcomesOf(answer)).toEqual(differing<string[] | string>(world, WHY, { official: UNKNOWN, here }));
});
