import { describe, expect, test } from 'vitest';
import { addFile, type ColonyFile, getFile, getFileLabels, getFiles, removeFile } from '../../colony/messages/files.ts';
import { openDatabase } from '../../server/store/database.ts';
import { gatherCallers, NON_MEMBERS, refusal, refusedCallers } from '../support/roster.ts';
import { rpcRaw } from '../support/rpc.ts';
import { quick } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

const s3Object = {
  server: 's3.example.org',
  port: 9000,
  tls: true,
  accessKey: '',
  secretKey: '',
  region: 'north',
  encryptionKey: '',
  encryptionAlgorithm: '',
  object: 'f'.repeat(64),
  bucket: 'data',
};

function fileNamed(label: string, name: string, more: Partial<ColonyFile> = {}): ColonyFile {
  return {
    fileId: '',
    colonyName: 'test',
    label,
    name,
    sizeBytes: 3,
    sequenceNumber: 0,
    checksum: 'abc',
    checksumAlgorithm: 'SHA256',
    reference: { protocol: '', s3Object },
    ...more,
  };
}

function add(colony: TestColony, label: string, name: string, more: Partial<ColonyFile> = {}): Promise<ColonyFile> {
  return colony.call(colony.user, addFile, { file: fileNamed(label, name, more) });
}

function get(colony: TestColony, wanted: { fileId?: string; label?: string; name?: string; latest?: boolean }) {
  const request = { colonyName: 'test', fileId: '', label: '', name: '', latest: false, ...wanted };
  return colony.call(colony.user, getFile, request);
}

test('only members may do anything with files', async () => {
  await using colony = await startTestColony(quick);
  const callers = await gatherCallers(colony);
  const colonyName = 'test';
  const file = { colonyName, fileId: '', label: '/data', name: 'a' };
  const refused = [
    await refusedCallers(colony, callers, addFile, { file: fileNamed('/data', 'a') }),
    await refusedCallers(colony, callers, getFile, { ...file, latest: true }),
    await refusedCallers(colony, callers, getFiles, { colonyName, label: '/data' }),
    await refusedCallers(colony, callers, getFileLabels, { colonyName, name: '', exact: false }),
    await refusedCallers(colony, callers, removeFile, file),
  ];
  expect(refused).toEqual(refused.map(() => NON_MEMBERS));
});

test('a file is found by its id, and by label and name with its revisions, newest first', async () => {
  await using colony = await startTestColony(quick);
  const first = await add(colony, '/data', 'a.csv', { checksum: 'one', fileId: 'chosen', sequenceNumber: 77 });
  const second = await add(colony, '/data', 'a.csv', { checksum: 'two' });
  expect(first).toMatchObject({ reference: { protocol: 's3', s3Object }, added: expect.any(Date) as unknown });
  expect(first.fileId).toMatch(/^[0-9a-f]{64}$/u);
  expect(second.sequenceNumber).toBeGreaterThan(first.sequenceNumber);
  expect(await get(colony, { fileId: first.fileId })).toEqual([first]);
  expect(await get(colony, { label: '/data', name: 'a.csv' })).toEqual([second, first]);
  expect(await get(colony, { label: '/data', name: 'a.csv', latest: true })).toEqual([second]);
});

test('what is not there is told as the official server does', async () => {
  await using colony = await startTestColony(quick);
  await expect(get(colony, { fileId: 'nope' })).rejects.toEqual(refusal(400, 'Failed to get file'));
  await expect(get(colony, { label: '/data', name: 'a' })).rejects.toEqual(refusal(404, 'Failed to get file'));
  await expect(get(colony, { label: '/data' })).rejects.toEqual(refusal(500, 'malformatted get file msg'));
  const files = await rpcRaw(colony.address, colony.user, 'getfilesmsg', { colonyname: 'test', label: '/data' });
  expect(files).toEqual([]);
});

test('the id of another colony’s file is an unknown one', async () => {
  await using colony = await startTestColony(quick);
  const { neighbour } = await gatherCallers(colony);
  const { fileId } = await add(colony, '/data', 'a');
  const theirs = { colonyName: 'neighbour', fileId, label: '', name: '' };
  await expect(colony.call(neighbour, getFile, { ...theirs, latest: false })).rejects.toEqual(
    refusal(400, 'Failed to get file'),
  );
  await colony.call(neighbour, removeFile, theirs);
  expect(await get(colony, { fileId })).toHaveLength(1);
});

test('a list shows the newest revision of every file of exactly that label', async () => {
  await using colony = await startTestColony(quick);
  await add(colony, '/data', 'b', { sizeBytes: 1 });
  await add(colony, '/data', 'a');
  await add(colony, '/data', 'b', { sizeBytes: 2 });
  await add(colony, '/data/2026', 'c');
  expect(await colony.call(colony.user, getFiles, { colonyName: 'test', label: '/data' })).toEqual([
    { name: 'a', checksum: 'abc', sizeBytes: 3, s3FileName: s3Object.object },
    { name: 'b', checksum: 'abc', sizeBytes: 2, s3FileName: s3Object.object },
  ]);
});

async function labelsOf(colony: TestColony, name: string, exact: boolean) {
  const labels = await colony.call(colony.user, getFileLabels, { colonyName: 'test', name, exact });
  return labels.map((label) => [label.name, label.revisionCount]);
}

describe('labels', () => {
  test('are found by how they begin, or with what lies below them', async () => {
    await using colony = await startTestColony(quick);
    for (const label of ['/data', '/data', '/data2', '/data/x', '/data/x/y', '/other/z']) await add(colony, label, 'a');
    const all = [
      ['/data', 2],
      ['/data/x', 1],
      ['/data/x/y', 1],
      ['/data2', 1],
      ['/other/z', 1],
    ];
    expect(await labelsOf(colony, '', false)).toEqual(all);
    expect(await labelsOf(colony, '/data', false)).toEqual(all.slice(0, 4));
    expect(await labelsOf(colony, '/data', true)).toEqual(all.slice(0, 3));
    expect(await labelsOf(colony, '/data/', true)).toEqual(all.slice(0, 3));
    expect(await labelsOf(colony, '/other', true)).toEqual(all.slice(4));
    expect(await labelsOf(colony, '/', true)).toEqual(all);
    expect(await labelsOf(colony, '/nothing', true)).toEqual([]);
  });

  test('know no wildcards', async () => {
    await using colony = await startTestColony(quick);
    for (const label of ['/a_c', '/abc', '/a%', '/A_C', '/[a]*']) await add(colony, label, 'f');
    expect(await labelsOf(colony, '/a_', false)).toEqual([['/a_c', 1]]);
    expect(await labelsOf(colony, '/a%', false)).toEqual([['/a%', 1]]);
    expect(await labelsOf(colony, '%', false)).toEqual([]);
    expect(await labelsOf(colony, '/a_c', true)).toEqual([['/a_c', 1]]);
    expect(await labelsOf(colony, '/[a]*', true)).toEqual([['/[a]*', 1]]);
  });
});

test('a removed file is gone with all revisions, or only the revision with an id; removing twice is no error', async () => {
  await using colony = await startTestColony(quick);
  const remove = (wanted: object) =>
    colony.call(colony.user, removeFile, { colonyName: 'test', fileId: '', label: '', name: '', ...wanted });
  const revisions = [await add(colony, '/data', 'a'), await add(colony, '/data', 'a'), await add(colony, '/data', 'b')];
  await remove({ fileId: revisions[0]?.fileId });
  expect(await get(colony, { label: '/data', name: 'a' })).toEqual([revisions[1]]);
  await remove({ label: '/data', name: 'a' });
  await remove({ label: '/data', name: 'a' });
  await expect(get(colony, { label: '/data', name: 'a' })).rejects.toMatchObject({ status: 404 });
  expect(await get(colony, { label: '/data', name: 'b' })).toHaveLength(1);
  await expect(remove({})).rejects.toEqual(refusal(400, 'malformatted remove file msg'));
});

test('keys of the storage are neither stored nor handed out', async () => {
  await using colony = await startTestColony(quick);
  const secrets = { accessKey: 'AKIA-access', secretKey: 'very-secret', encryptionKey: 'key-of-keys' };
  const added = await add(colony, '/data', 'a', {
    reference: { protocol: 's3', s3Object: { ...s3Object, ...secrets } },
  });
  expect(added.reference.s3Object).toEqual(s3Object);
  expect((await get(colony, { fileId: added.fileId }))[0]?.reference.s3Object).toEqual(s3Object);
  await colony.server.stop();
  const database = openDatabase(colony.databasePath);
  const rows = JSON.stringify(database.all('SELECT * FROM files'));
  database.close();
  for (const secret of Object.values(secrets)) expect(rows).not.toContain(secret);
});

describe('a file is refused', () => {
  test.for([
    ['without a name', { name: '' }, /slashes/u],
    ['named like a directory', { name: '..' }, /slashes/u],
    ['whose name leads elsewhere', { name: '../../etc/passwd' }, /slashes/u],
    ['whose name leads elsewhere on Windows', { name: String.raw`..\boot.ini` }, /slashes/u],
    ['whose label leads upwards', { label: '/data/../../etc' }, /\.\./u],
    ['without a label', { label: '' }, /label is empty/u],
    ['with a line end in its name', { name: 'a\nb' }, /control characters/u],
    ['with an escape sequence in its label', { label: '/\u001B[31m' }, /control characters/u],
    ['with a negative size', { sizeBytes: -1 }, /size of 0 or more/u],
    ['with a control character in its checksum', { checksum: 'a\0' }, /control characters/u],
    ['with an endless name', { name: 'x'.repeat(1001) }, /at most 1000/u],
  ] as const)('%s', async ([, more, words]) => {
    await using colony = await startTestColony(quick);
    await expect(add(colony, '/data', 'a', more)).rejects.toMatchObject({
      status: 400,
      serverMessage: expect.stringMatching(words) as unknown,
    });
  });

  test('that is missing, or has a size that is no number', async () => {
    await using colony = await startTestColony(quick);
    const send = (inner: object) => rpcRaw(colony.address, colony.user, 'addfilemsg', inner);
    await expect(send({})).rejects.toEqual(refusal(400, 'Failed to add file, msg.File is nil'));
    await expect(send({ file: { colonyname: 'test', size: 'big' } })).rejects.toEqual(
      refusal(400, 'Failed to add log, invalid JSON'),
    );
    await expect(send({ file: { colonyname: 'nowhere' } })).rejects.toEqual(
      refusal(403, 'Colony with name <nowhere> does not exists'),
    );
  });
});

test('names in any script, with spaces, colons and dots, are those of files', async () => {
  await using colony = await startTestColony(quick);
  for (const name of ['räksmörgås 東京.csv', 'C: drive', '...', '.hidden']) {
    expect(await add(colony, '/Örebro/%_', name)).toMatchObject({ label: '/Örebro/%_', name });
  }
});
