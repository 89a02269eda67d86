import { readdir } from 'node:fs/promises';
import Sqlite from 'libsql';
import { describe, expect, test, vi } from 'vitest';
import { ReplyEnvelope, sealRequest } from '../../colony/envelope.ts';
import { generateIdentity, type Identity, sign } from '../../colony/identity.ts';
import { getStatistics } from '../../colony/messages/colonies.ts';
import { batched, inWords, marked, processIdIn, repliesIn, sendBatch } from '../support/batches.ts';
import { freshBytes, nameOf, putBlob } from '../support/blob-requests.ts';
import { until } from '../support/processes.ts';
import { post, urlOf } from '../support/rpc.ts';
import { assign, quick } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

const { submit, output, succeed, assign: poll } = batched;

async function countWaiting(colony: TestColony): Promise<number> {
  return (await colony.call(colony.serverOwner, getStatistics, {})).waitingProcesses;
}

async function metricsOf(colony: TestColony): Promise<string[]> {
  return (await (await fetch(urlOf(colony.address, '/metrics'))).text()).split('\n');
}

const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe('the messages of a batch count', () => {
  test('each as a request of its sender, and a batch that is too much is refused with nothing executed', async () => {
    await using colony = await startTestColony({ ...quick, rates: { memberRequestsPerSecond: 0.5 } });
    const words = 'Too many requests with this key, expected at most 0.5 per second; try again later';
    const batch = [submit('worker'), submit('worker')];
    await expect(sendBatch(colony.address, colony.user, batch)).rejects.toMatchObject({
      status: 429,
      serverMessage: words,
    });
    expect(await countWaiting(colony)).toBe(0);
  });

  test('also where they are more than may be asked at once: the others are owed', async () => {
    await using colony = await startTestColony({ ...quick, rates: { memberRequestsPerSecond: 1 } });
    const batch = many(100, () => submit('worker'));
    expect(await sendBatch(colony.address, colony.user, batch)).toHaveLength(100);
    for (const requests of [batch, [submit('worker')]]) {
      await expect(sendBatch(colony.address, colony.user, requests)).rejects.toMatchObject({ status: 429 });
    }
    expect(await countWaiting(colony)).toBe(100);
  });

  test('each as a request of its address, where nobody knows its sender', async () => {
    await using colony = await startTestColony({ ...quick, rates: { strangerRequestsPerSecond: 2 } });
    const batch = many(50, () => submit('worker'));
    const stranger = generateIdentity();
    const answers = await Promise.allSettled(many(5, () => sendBatch(colony.address, stranger, batch)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await until(() => sendBatch(colony.address, colony.user, [submit('worker')]).then(Boolean, () => false));
  });

  test('by type and status in the metrics, beside the batch', async () => {
    await using colony = await startTestColony(quick);
    await sendBatch(colony.address, colony.user, [submit('a'), submit('b'), { msgtype: 'submitfuncspecmsg' }, poll()]);
    await sendBatch(colony.address, colony.user, []).catch(() => undefined);
    const lines = (await metricsOf(colony)).filter((line) => line.startsWith('colonies_requests_total'));
    expect(lines.toSorted()).toEqual([
      'colonies_requests_total{type="assignprocessmsg",status="500"} 1',
      'colonies_requests_total{type="batchmsg",status="200"} 1',
      'colonies_requests_total{type="batchmsg",status="400"} 1',
      'colonies_requests_total{type="submitfuncspecmsg",status="200"} 2',
      'colonies_requests_total{type="submitfuncspecmsg",status="400"} 1',
    ]);
  });
});

const tooMuch = (status: number, words: string | RegExp) => ({
  status,
  serverMessage: (typeof words === 'string' ? words : expect.stringMatching(words)) as unknown,
});

describe('what one request may be, a batch may be', () => {
  const keys = (count: number) => Object.fromEntries(many(count, (index) => [`k${index}`, '1']));
  test.each<readonly [what: string, requests: readonly object[], refusal: object]>([
    [
      'environments',
      many(2, () => submit('w', { env: keys(2001) })),
      tooMuch(400, /at most 4000 entries of env, got 4002$/u),
    ],
    ['kwargs', many(100, () => submit('w', { kwargs: keys(251) })), tooMuch(400, /at most 25000 kwargs, got 25100$/u)],
    [
      'channels',
      many(100, () => submit('w', { channels: many(101, String) })),
      tooMuch(400, /at most 10000 channels, got 10100$/u),
    ],
    [
      'elements',
      many(100, () => submit('w', { args: many(10_000, () => 1) })),
      tooMuch(413, /^Expected at most 1000000 elements/u),
    ],
    [
      'depth',
      [submit('w', { args: [JSON.parse('['.repeat(198) + ']'.repeat(198))] })],
      tooMuch(400, 'Failed to execute batch, invalid JSON'),
    ],
  ])('and no more together: %s', async (_what, requests, refusal) => {
    await using colony = await startTestColony(quick);
    await expect(sendBatch(colony.address, colony.user, requests)).rejects.toMatchObject(refusal);
    expect(await countWaiting(colony)).toBe(0);
  });

  test('and as much: 4000 entries of environments', async () => {
    await using colony = await startTestColony(quick);
    const replies = await sendBatch(
      colony.address,
      colony.user,
      many(100, () => submit('w', { env: keys(40) })),
    );
    expect(new Set(replies.map(inWords))).toEqual(new Set(['submitfuncspecmsg']));
  });
});

test('integers that doubles would round keep every digit in a batch', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const big = '[9007199254740993,{"deep":-12345678901234567890}]';
  const sendText = async (identity: Identity, requests: string): Promise<string> => {
    const payload = Buffer.from(`{"msgtype":"batchmsg","requests":[${requests}]}`).toString('base64');
    const envelope = { payloadtype: 'batchmsg', payload, signature: sign(payload, identity) };
    const { body } = await post(colony.address, JSON.stringify(envelope));
    return Buffer.from(ReplyEnvelope.parse(JSON.parse(body)).payload, 'base64').toString();
  };
  const submission = JSON.stringify(submit('worker', { args: 'BIG', kwargs: { n: 'BIG' } })).replaceAll('"BIG"', big);
  const submitted = await sendText(colony.user, `${submission},${submission}`);
  expect(submitted.split(`"args":${big},"kwargs":{"n":${big}}`)).toHaveLength(3);
  const { processId } = await assign(colony, executor);
  const closing = JSON.stringify(succeed(processId)).replace('[]', big);
  const closed = await sendText(executor.identity, `${closing},${JSON.stringify(poll())}`);
  expect(closed).toContain(`"args":${big},"kwargs":{"n":${big}}`);
  const process = await sendText(executor.identity, JSON.stringify(output(processId, [])));
  expect(process).toContain('"status":403');
});

test('a process that was submitted or closed in a batch holds the blobs that it names', async () => {
  let passedMs = 0;
  const clock = (): number => Date.now() + passedMs;
  await using colony = await startTestColony({ ...quick, blobs: { graceMs: 1000 }, clock });
  const executor = await colony.addExecutor('worker');
  const files = () => readdir(`${colony.databasePath}.blobs`);
  const store = async () => {
    const [content, before] = [freshBytes(100), await files()];
    await putBlob(colony.address, colony.user, 'test', content);
    const added = (await files()).filter((file) => !before.includes(file));
    return { named: { blob: nameOf(content), bytes: content.length }, added };
  };
  const [given, made, unnamed] = [await store(), await store(), await store()];
  await sendBatch(colony.address, colony.user, [submit('worker', { args: [given.named] }), submit('other')]);
  const { processId } = await assign(colony, executor);
  await sendBatch(colony.address, executor.identity, [submit('other'), succeed(processId, [made.named])]);
  passedMs = 3_600_000;
  await until(async () => (await files()).length < 3);
  expect(unnamed.added).toHaveLength(1);
  expect((await files()).toSorted()).toEqual([...given.added, ...made.added].toSorted());
});

/** Fails every commit as SQLite does when the disk is full, until it is restored. */
function fillDisk() {
  // oxlint-disable-next-line typescript/unbound-method -- bound to each connection below
  const exec = Sqlite.prototype.exec;
  return vi.spyOn(Sqlite.prototype, 'exec').mockImplementation(function execute(this: Sqlite.Database, sql) {
    if (sql === 'COMMIT') throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    return exec.call(this, sql);
  });
}

test('while the disk is full a batch is refused as a whole, and when to come again; then the same bytes are executed', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  await colony.submit({}, 'worker');
  const { processId } = await assign(colony, executor);
  const { processId: nextId } = await colony.submit({}, 'worker');
  const requests = [submit('other'), succeed(processId, [1]), poll()];
  const body = JSON.stringify(sealRequest('batchmsg', { requests, ...marked('once') }, executor.identity));
  const send = () => fetch(urlOf(colony.address), { method: 'POST', body });
  const full = fillDisk();
  const { status, headers } = await send().finally(() => full.mockRestore());
  expect({ status, retryAfter: headers.get('retry-after') }).toEqual({ status: 507, retryAfter: '5' });
  const replies = repliesIn(await (await send()).text());
  expect(replies.map(inWords)).toEqual(['submitfuncspecmsg', 'closesuccessfulmsg', 'assignprocessmsg']);
  expect(processIdIn(replies[2])).toBe(nextId);
});
