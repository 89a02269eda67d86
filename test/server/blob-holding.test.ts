import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { sealRequest } from '../../colony/envelope.ts';
import { addFile, ColonyFile, removeFile } from '../../colony/messages/files.ts';
import { removeProcess } from '../../colony/messages/processes.ts';
import { blobsNamedIn } from '../../server/blobs/references.ts';
import { freshBytes, getBlob, nameOf, putBlob } from '../support/blob-requests.ts';
import { until } from '../support/processes.ts';
import { urlOf } from '../support/rpc.ts';
import { assign, submitGraph, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

const HOUR_MS = 3_600_000;

/** A colony whose clock the test sets, and whose server looks at blobs often. */
async function startColony(graceMs = HOUR_MS) {
  let passedMs = 0;
  const colony = await startTestColony({
    sweepIntervalMs: 10,
    blobs: { graceMs },
    clock: () => Date.now() + passedMs,
  });
  const now = (): number => Date.now() + passedMs;
  return { colony, now, pass: (ms: number) => void (passedMs += ms), [Symbol.asyncDispose]: () => colony.stop() };
}

const filesOf = ({ databasePath }: TestColony) => readdir(`${databasePath}.blobs`);
const isGone = (colony: TestColony) => async () => (await filesOf(colony)).length === 0;

type Setup = Awaited<ReturnType<typeof startColony>>;

/** Lets the server sweep once at least: what a sweep removes is gone afterwards. */
async function sweeps({ colony, pass }: Setup): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    const { processId } = await colony.submit({ maxWaitTimeSeconds: 1 }, 'nobody');
    pass(1001);
    await until(async () => (await colony.getProcess(processId)).state === 'failed');
  }
}

async function store(colony: TestColony): Promise<string> {
  const content = freshBytes(100);
  expect((await putBlob(colony.address, colony.user, 'test', content)).status).toBe(201);
  return nameOf(content);
}

test('a blob that nobody names is removed after its time of grace, not before', async () => {
  await using setup = await startColony();
  const { colony, pass } = setup;
  await store(colony);
  pass(HOUR_MS - 60_000);
  await sweeps(setup);
  expect(await filesOf(colony)).toHaveLength(1);
  pass(60_001);
  await until(isGone(colony));
});

test('uploading again begins the time of grace anew', async () => {
  await using setup = await startColony(60_000);
  const { colony, pass } = setup;
  const content = freshBytes(100);
  await putBlob(colony.address, colony.user, 'test', content);
  pass(50_000);
  expect((await putBlob(colony.address, colony.user, 'test', content)).status).toBe(200);
  pass(50_000);
  await sweeps(setup);
  expect(await filesOf(colony)).toHaveLength(1);
  pass(10_000);
  await until(isGone(colony));
});

describe('a process holds what it names until it is removed', () => {
  test('in its arguments', async () => {
    await using setup = await startColony();
    const { colony, pass } = setup;
    const blob = await store(colony);
    const { processId } = await colony.submit({ kwargs: { table: { blob, bytes: 100 } } }, 'worker');
    pass(5 * HOUR_MS);
    await sweeps(setup);
    expect(await filesOf(colony)).toHaveLength(1);
    await colony.call(colony.user, removeProcess, { processId });
    await sweeps(setup);
    expect(await filesOf(colony)).toHaveLength(1);
    pass(HOUR_MS + 1);
    await until(isGone(colony));
  });

  test('in JSON within its output, and its child in its input', async () => {
    await using setup = await startColony();
    const { colony, pass } = setup;
    const worker = await colony.addExecutor('worker');
    const blob = await store(colony);
    await submitGraph(colony, 'worker', { parent: [], child: ['parent'] });
    const parent = await assign(colony, worker);
    await succeed(colony, worker, parent, [JSON.stringify({ v: 1, data: { blob, bytes: 100 } })]);
    const child = await assign(colony, worker);
    expect(child.spec.nodeName).toBe('child');
    pass(5 * HOUR_MS);
    await sweeps(setup);
    expect(await filesOf(colony)).toHaveLength(1);
  });

  test('also when it is uploaded only afterwards', async () => {
    await using setup = await startColony();
    const { colony, pass } = setup;
    const content = freshBytes(100);
    await colony.submit({ args: [{ blob: nameOf(content), bytes: 100 }] }, 'worker');
    await putBlob(colony.address, colony.user, 'test', content);
    pass(5 * HOUR_MS);
    await sweeps(setup);
    expect(await filesOf(colony)).toHaveLength(1);
  });

  test('but not what merely mentions its name', async () => {
    await using setup = await startColony();
    const { colony, pass } = setup;
    const blob = await store(colony);
    await colony.submit({ kwargs: { note: blob } }, 'worker');
    pass(HOUR_MS + 1);
    await until(isGone(colony));
    pass(-HOUR_MS);
    expect((await getBlob(colony.address, colony.user, 'test', blob)).status).toBe(404);
  });
});

test('a file holds its bytes until its last revision with them is removed', async () => {
  await using setup = await startColony();
  const { colony, pass } = setup;
  const blob = await store(colony);
  const { fileId } = await colony.call(colony.user, addFile, { file: fileIn('test', blob) });
  pass(5 * HOUR_MS);
  await sweeps(setup);
  expect(await filesOf(colony)).toHaveLength(1);
  await colony.call(colony.user, removeFile, { colonyName: 'test', fileId, label: '', name: '' });
  await sweeps(setup);
  pass(HOUR_MS + 1);
  await until(isGone(colony));
});

function fileIn(colonyName: string, object: string) {
  const open = z.decode(ColonyFile, { ref: { protocol: 's3', s3object: { object } } });
  return { ...open, colonyName, label: '/data', name: 'table.csv', sizeBytes: 100 };
}

describe('names of blobs in JSON', () => {
  const [blob, hex] = [`sha256:${'ab'.repeat(32)}`, 'ab'.repeat(32)];
  const nested = (depth: number): string =>
    Array.from({ length: depth }).reduce<string>((text) => JSON.stringify([text]), JSON.stringify({ blob, bytes: 1 }));

  test.each([0, 1, 2, 5])('are found %d texts deep', (depth) => {
    expect([...blobsNamedIn(nested(depth))]).toEqual([hex]);
  });

  test.each([`{"blob": "${blob}"}`, `{ "blob" : "${blob}" }`])('are found in %s', (json) => {
    expect([...blobsNamedIn(json)]).toEqual([hex]);
  });

  test.each([`{"digest":"${blob}"}`, `{"blob":"${blob}0"}`, `{"blob":"sha256:${'AB'.repeat(32)}"}`, `"${blob}"`])(
    'are not found in %s',
    (json) => {
      expect([...blobsNamedIn(json)]).toEqual([]);
    },
  );
});

test('while a backup is made, blobs are kept that nobody holds any more', async () => {
  await using setup = await startColony(60_000);
  const { colony, pass, now } = setup;
  await store(colony);
  const ask = (nonce: string, file?: string) =>
    fetch(urlOf(colony.address, '/backup'), {
      method: 'POST',
      body: JSON.stringify(sealRequest('getbackupmsg', { nonce, issuedat: now(), file }, colony.serverOwner)),
    });
  await (await ask('database')).arrayBuffer();
  pass(5 * 60_000);
  await sweeps(setup);
  const [file] = await filesOf(colony);
  expect((await (await ask('blob', file)).arrayBuffer()).byteLength).toBe(100);
  // Whoever has read an answer can be ahead of who has sent it.
  await sweeps(setup);
  pass(9 * 60_000);
  await sweeps(setup);
  expect(await filesOf(colony)).toEqual([file]);
  pass(60_001);
  await until(isGone(colony));
});
