import { readdir, rm, stat } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { authorizationFor } from '../../colony/blobs/token.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { addColony, addUser, removeColony } from '../../colony/messages/colonies.ts';
import { addExecutor } from '../../colony/messages/executors.ts';
import { freshBytes, getBlob, nameOf, putBlob, sendBlobRequest, wordsOf } from '../support/blob-requests.ts';
import { urlOf } from '../support/rpc.ts';
import { executorRegistration, startTestColony, type TestColony } from '../support/test-colony.ts';

const put = (colony: TestColony, content: Buffer, identity = colony.user) =>
  putBlob(colony.address, identity, colony.colonyName, content);
const get = (colony: TestColony, blob: string, headers: Readonly<Record<string, string>> = {}) =>
  getBlob(colony.address, colony.user, colony.colonyName, blob, headers);
const filesOf = (colony: TestColony) => readdir(`${colony.databasePath}.blobs`);

test('what a member stores, members get back byte for byte', async () => {
  await using colony = await startTestColony();
  const executor = await colony.addExecutor('worker');
  const content = freshBytes(300_000);
  const stored = await put(colony, content);
  expect(stored.status).toBe(201);
  expect(JSON.parse(stored.body.toString())).toEqual({ blob: nameOf(content), bytes: 300_000 });
  const got = await getBlob(colony.address, executor.identity, 'test', nameOf(content));
  expect(got.status).toBe(200);
  expect(got.headers).toMatchObject({
    'content-length': '300000',
    'accept-ranges': 'bytes',
    etag: `"${nameOf(content)}"`,
  });
  expect(got.body.equals(content)).toBe(true);
});

test('an empty blob can be stored', async () => {
  await using colony = await startTestColony();
  expect((await put(colony, Buffer.alloc(0))).status).toBe(201);
  expect(await get(colony, nameOf(Buffer.alloc(0)))).toMatchObject({ status: 200, body: Buffer.alloc(0) });
});

test('files lie beside the database, and only their owner reads them', async () => {
  await using colony = await startTestColony();
  await put(colony, freshBytes(10));
  const directory = `${colony.databasePath}.blobs`;
  const [file = ''] = await readdir(directory);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  expect((await stat(`${directory}/${file}`)).mode & 0o777).toBe(0o600);
});

test('what is stored already is not sent again: the answer comes before the body', async () => {
  await using colony = await startTestColony();
  const content = freshBytes(1000);
  await put(colony, content);
  const token = { method: 'PUT', colonyname: 'test', blob: nameOf(content), bytes: 1000 } as const;
  const headers = {
    authorization: authorizationFor(token, colony.user),
    'content-length': '1000',
    expect: '100-continue',
  };
  const answer = await sendBlobRequest(colony.address, { method: 'PUT', blob: nameOf(content), headers });
  expect(answer.status).toBe(200);
  expect(await filesOf(colony)).toHaveLength(1);
});

test('a restart keeps blobs', async () => {
  await using colony = await startTestColony();
  const content = freshBytes(1000);
  await put(colony, content);
  await colony.restart();
  expect((await get(colony, nameOf(content))).body.equals(content)).toBe(true);
});

test('a blob whose file has been lost counts as missing, and can be stored again', async () => {
  await using colony = await startTestColony();
  const content = freshBytes(1000);
  await put(colony, content);
  for (const file of await filesOf(colony)) await rm(`${colony.databasePath}.blobs/${file}`);
  expect((await get(colony, nameOf(content))).status).toBe(404);
  expect((await put(colony, content)).status).toBe(201);
  expect((await get(colony, nameOf(content))).body.equals(content)).toBe(true);
});

test('when several store the same at the same time, one file is left, which can be read all the while', async () => {
  await using colony = await startTestColony();
  const content = freshBytes(200_000);
  const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await put(colony, content)).status));
  expect(statuses.every((status) => status === 200 || status === 201)).toBe(true);
  expect(await filesOf(colony)).toHaveLength(1);
  expect((await get(colony, nameOf(content))).body.equals(content)).toBe(true);
});

test('with its colony a blob is gone, also for a colony that takes the name, and its file at the next start', async () => {
  await using colony = await startTestColony();
  const [owner, user] = [generateIdentity(), generateIdentity()];
  const content = freshBytes(10);
  const found = async (): Promise<void> => {
    await colony.call(colony.serverOwner, addColony, { colony: { colonyId: owner.id, name: 'other' } });
    await colony.call(owner, addUser, {
      user: { colonyName: 'other', name: 'u', userId: user.id, email: '', phone: '' },
    });
  };
  await found();
  await putBlob(colony.address, user, 'other', content);
  await colony.call(colony.serverOwner, removeColony, { colonyName: 'other' });
  await found();
  expect((await getBlob(colony.address, user, 'other', nameOf(content))).status).toBe(404);
  await colony.restart();
  expect(await filesOf(colony)).toEqual([]);
});

test('whatever stands in the header, the answer is a refusal', async () => {
  await using colony = await startTestColony({ rates: { strangerRequestsPerSecond: 0 } });
  const blob = nameOf(freshBytes(1));
  const good = authorizationFor({ method: 'GET', colonyname: 'test', blob }, colony.user);
  const json = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64'));
  const printable = fc.stringMatching(/^[\x21-\x7e]{0,300}$/u);
  const header = fc.oneof(
    printable,
    fc
      .tuple(json, fc.stringMatching(/^[0-9a-f]{0,140}$/u))
      .map(([payload, signature]) => `Colonies ${payload}.${signature}`),
    fc
      .nat({ max: good.length - 1 })
      .map((at) => `${good.slice(0, at)}${good[at] === 'x' ? 'y' : 'x'}${good.slice(at + 1)}`),
  );
  await fc.assert(
    fc.asyncProperty(header, async (authorization) => {
      const { status } = await sendBlobRequest(colony.address, { method: 'GET', blob, headers: { authorization } });
      expect([400, 401, 403]).toContain(status);
    }),
    { numRuns: 300, seed: 7 },
  );
});

describe('who may', () => {
  test('nobody without a signature', async () => {
    await using colony = await startTestColony();
    const blob = nameOf(freshBytes(1));
    expect(await sendBlobRequest(colony.address, { method: 'GET', blob })).toMatchObject({ status: 401 });
    const headers = { authorization: 'Bearer abc' };
    expect(await sendBlobRequest(colony.address, { method: 'GET', blob, headers })).toMatchObject({ status: 400 });
  });

  test.each([
    'the owner of the colony',
    'the owner of the server',
    'a stranger',
    'an executor that waits for approval',
  ])('not %s', async (who) => {
    await using colony = await startTestColony();
    const content = freshBytes(10);
    await put(colony, content);
    const pending = generateIdentity();
    await colony.call(colony.colonyOwner, addExecutor, {
      executor: executorRegistration('test', { identity: pending, name: 'p', type: 't' }),
    });
    const identity = new Map([
      ['the owner of the colony', colony.colonyOwner],
      ['the owner of the server', colony.serverOwner],
      ['an executor that waits for approval', pending],
    ]).get(who);
    const other = identity ?? generateIdentity();
    expect((await getBlob(colony.address, other, 'test', nameOf(content))).status).toBe(403);
    expect((await put(colony, freshBytes(10), other)).status).toBe(403);
    expect(await filesOf(colony)).toHaveLength(1);
  });

  test('members of another colony neither read a blob nor learn whether it exists', async () => {
    await using colony = await startTestColony();
    const [owner, user] = [generateIdentity(), generateIdentity()];
    await colony.call(colony.serverOwner, addColony, { colony: { colonyId: owner.id, name: 'other' } });
    const other = { colonyName: 'other', name: 'u', userId: user.id, email: '', phone: '' };
    await colony.call(owner, addUser, { user: other });
    const content = freshBytes(10);
    await put(colony, content);
    const [known, unknown] = [nameOf(content), nameOf(freshBytes(10))];
    for (const colonyName of ['test', 'other']) {
      const answers = await Promise.all(
        [known, unknown].map((blob) => getBlob(colony.address, user, colonyName, blob)),
      );
      expect(answers.map(({ status }) => status)).toEqual(colonyName === 'test' ? [403, 403] : [404, 404]);
      expect(new Set(answers.map(wordsOf)).size).toBe(1);
    }
    // Storing the same bytes takes as long and says the same as storing any.
    expect((await putBlob(colony.address, user, 'other', content)).status).toBe(201);
    expect(await filesOf(colony)).toHaveLength(2);
  });

  test('a token for one blob, method or length is good for no other, and for ten minutes only', async () => {
    await using colony = await startTestColony();
    const [content, other] = [freshBytes(10), freshBytes(10)];
    await put(colony, content);
    const blob = nameOf(content);
    const reading = authorizationFor({ method: 'GET', colonyname: 'test', blob: nameOf(other) }, colony.user);
    expect(
      await sendBlobRequest(colony.address, { method: 'GET', blob, headers: { authorization: reading } }),
    ).toMatchObject({ status: 400 });
    const wrongMethod = authorizationFor({ method: 'GET', colonyname: 'test', blob: nameOf(other) }, colony.user);
    const headers = { authorization: wrongMethod, 'content-length': '10' };
    expect(
      await sendBlobRequest(colony.address, { method: 'PUT', blob: nameOf(other), headers, body: other }),
    ).toMatchObject({ status: 400 });
    expect(await putBlob(colony.address, colony.user, 'test', other, { bytes: 11 })).toMatchObject({ status: 400 });
    const chunked = authorizationFor(
      { method: 'PUT', colonyname: 'test', blob: nameOf(other), bytes: 10 },
      colony.user,
    );
    const encoded = { authorization: chunked, 'transfer-encoding': 'chunked' };
    expect(
      await sendBlobRequest(colony.address, { method: 'PUT', blob: nameOf(other), headers: encoded, body: other }),
    ).toMatchObject({ status: 411 });
    expect(await filesOf(colony)).toHaveLength(1);
  });

  test('a recorded request does nothing new within the window, and nothing at all after it', async () => {
    let nowMs = Date.now();
    await using colony = await startTestColony({ clock: () => nowMs });
    const content = freshBytes(10);
    const token = { method: 'PUT', colonyname: 'test', blob: nameOf(content), bytes: 10 } as const;
    const headers = { authorization: authorizationFor(token, colony.user), 'content-length': '10' };
    const recorded = { method: 'PUT', blob: nameOf(content), headers, body: content } as const;
    expect((await sendBlobRequest(colony.address, recorded)).status).toBe(201);
    expect((await sendBlobRequest(colony.address, recorded)).status).toBe(200);
    expect(await filesOf(colony)).toHaveLength(1);
    nowMs += 11 * 60_000;
    expect((await sendBlobRequest(colony.address, recorded)).status).toBe(400);
  });
});

describe('ranges', () => {
  test.each([
    ['bytes=0-', 206, 'bytes 0-9/10', '0123456789'],
    ['bytes=3-', 206, 'bytes 3-9/10', '3456789'],
    ['bytes=3-5', 206, 'bytes 3-5/10', '345'],
    ['bytes=3-99', 206, 'bytes 3-9/10', '3456789'],
    ['bytes=-3', 206, 'bytes 7-9/10', '789'],
    ['bytes=-99', 206, 'bytes 0-9/10', '0123456789'],
    ['bytes=5-3', 200, undefined, '0123456789'],
    ['bytes=0-1,3-4', 200, undefined, '0123456789'],
    ['lines=1-2', 200, undefined, '0123456789'],
  ])('%s', async (range, status, contentRange, text) => {
    await using colony = await startTestColony();
    await put(colony, Buffer.from('0123456789'));
    const answer = await get(colony, nameOf(Buffer.from('0123456789')), { range });
    expect([answer.status, answer.headers['content-range'], answer.body.toString()]).toEqual([
      status,
      contentRange,
      text,
    ]);
  });

  test.each(['bytes=10-', 'bytes=-0'])('nothing lies in %s', async (range) => {
    await using colony = await startTestColony();
    await put(colony, Buffer.from('0123456789'));
    const answer = await get(colony, nameOf(Buffer.from('0123456789')), { range });
    expect([answer.status, answer.headers['content-range']]).toEqual([416, 'bytes */10']);
  });
});

describe('how much', () => {
  test('a blob above the limit is refused with 413 before it is sent', async () => {
    await using colony = await startTestColony({ blobs: { maxBlobBytes: 100 } });
    const answer = await put(colony, freshBytes(101));
    expect([answer.status, wordsOf(answer)]).toEqual([
      413,
      expect.stringContaining('at most 100 bytes, got one of 101'),
    ]);
    expect((await put(colony, freshBytes(100))).status).toBe(201);
  });

  test('the blobs of one colony together are refused above their limit with 507', async () => {
    await using colony = await startTestColony({ blobs: { maxColonyBytes: 100 } });
    expect((await put(colony, freshBytes(60))).status).toBe(201);
    const answer = await put(colony, freshBytes(60));
    expect([answer.status, wordsOf(answer)]).toEqual([
      507,
      expect.stringContaining('at most 100 bytes of blobs in the colony'),
    ]);
    expect((await put(colony, freshBytes(40))).status).toBe(201);
  });

  test('the disk is not filled up', async () => {
    await using colony = await startTestColony({ blobs: { keptFreeBytes: Number.MAX_SAFE_INTEGER } });
    const answer = await put(colony, freshBytes(10));
    expect([answer.status, wordsOf(answer)]).toEqual([507, expect.stringContaining('The disk of the server is full')]);
  });
});

test.each(['sha256:ABC', 'md5:00', '', 'sha256:../../etc/passwd', `sha256:${'0'.repeat(65)}`])(
  '"%s" is no name of a blob',
  async (blob) => {
    await using colony = await startTestColony();
    const authorization = authorizationFor({ method: 'GET', colonyname: 'test', blob }, colony.user);
    expect((await sendBlobRequest(colony.address, { method: 'GET', blob, headers: { authorization } })).status).toBe(
      400,
    );
  },
);

test('a page of any origin may fetch a blob, or a part of it', async () => {
  await using colony = await startTestColony();
  const content = freshBytes(100);
  await putBlob(colony.address, colony.user, colony.colonyName, content);
  const { headers } = await getBlob(colony.address, colony.user, colony.colonyName, nameOf(content));
  expect(headers).toMatchObject({
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'accept-ranges,content-range,etag',
  });
  const preflight = await fetch(urlOf(colony.address, `/blobs/${nameOf(content)}`), {
    method: 'OPTIONS',
    headers: { 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization,range' },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-headers')).toContain('Authorization,Range');
});
