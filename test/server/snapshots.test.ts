import { expect, test } from 'vitest';
import {
  addFile,
  createSnapshot,
  getSnapshot,
  getSnapshots,
  removeAllSnapshots,
  removeFile,
  removeSnapshot,
} from '../../colony/messages/files.ts';
import { gatherCallers, NON_MEMBERS, refusal, refusedCallers } from '../support/roster.ts';
import { rpcRaw } from '../support/rpc.ts';
import { quick } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

const colonyName = 'test';

async function add(colony: TestColony, label: string, name: string): Promise<string> {
  const file = { colonyname: colonyName, label, name, size: 1, checksum: 'c', checksumalg: 'SHA256' };
  const added = await rpcRaw(colony.address, colony.user, addFile.type, { file });
  return String(Object(added).fileid);
}

const create = (colony: TestColony, label: string, name: string) =>
  colony.call(colony.user, createSnapshot, { colonyName, label, name });
const byName = (name: string) => ({ colonyName, snapshotId: '', name });
const unknown = (which: string, where: string) =>
  refusal(500, `Snapshot not found with ${which} in Colony <${where}> does not exists`);
const byId = (snapshotId: string) => ({ colonyName, snapshotId, name: '' });

test('only members may do anything with snapshots', async () => {
  await using colony = await startTestColony(quick);
  const callers = await gatherCallers(colony);
  const refused = [
    await refusedCallers(colony, callers, createSnapshot, { colonyName, label: '/', name: 's' }),
    await refusedCallers(colony, callers, getSnapshots, { colonyName }),
    await refusedCallers(colony, callers, getSnapshot, byName('s')),
    await refusedCallers(colony, callers, removeSnapshot, byName('s')),
    await refusedCallers(colony, callers, removeAllSnapshots, { colonyName }),
  ];
  expect(refused).toEqual(refused.map(() => NON_MEMBERS));
});

test('a snapshot holds the newest revisions of a label and those below it, and does not change', async () => {
  await using colony = await startTestColony(quick);
  await add(colony, '/data', 'a');
  const ids = [await add(colony, '/data', 'a'), await add(colony, '/data', 'b'), await add(colony, '/data/x', 'a')];
  await add(colony, '/data2', 'a');
  const snapshot = await create(colony, '/data', 'monday');
  expect(snapshot).toMatchObject({ colonyName, label: '/data', name: 'monday', fileIds: ids });
  expect(snapshot.added).toBeInstanceOf(Date);
  await add(colony, '/data', 'a');
  await colony.call(colony.user, removeFile, { colonyName, fileId: '', label: '/data', name: 'b' });
  expect(await colony.call(colony.user, getSnapshot, byName('monday'))).toEqual(snapshot);
  expect(await colony.call(colony.user, getSnapshot, byId(snapshot.snapshotId))).toEqual(snapshot);
});

test('wildcards in a label are letters like others, and an empty snapshot is one', async () => {
  await using colony = await startTestColony(quick);
  await add(colony, '/abc', 'a');
  expect(await create(colony, '/a_c', 's')).toMatchObject({ fileIds: [] });
  expect(await create(colony, '/%', 't')).toMatchObject({ fileIds: [] });
  const all = await create(colony, '/', 'u');
  expect(all.fileIds).toHaveLength(1);
});

test('snapshots are listed newest first, and removed by name, by id or all at once', async () => {
  await using colony = await startTestColony(quick);
  const list = async () => (await colony.call(colony.user, getSnapshots, { colonyName })).map(({ name }) => name);
  expect(await list()).toEqual([]);
  const ids = [];
  for (const name of ['one', 'two', 'three', 'four']) ids.push((await create(colony, '/', name)).snapshotId);
  expect(await list()).toEqual(['four', 'three', 'two', 'one']);
  await colony.call(colony.user, removeSnapshot, byName('one'));
  await colony.call(colony.user, removeSnapshot, byId(ids[1] ?? ''));
  expect(await list()).toEqual(['four', 'three']);
  await colony.call(colony.user, removeAllSnapshots, { colonyName });
  await colony.call(colony.user, removeAllSnapshots, { colonyName });
  expect(await list()).toEqual([]);
});

test('a name is given once, and must be one', async () => {
  await using colony = await startTestColony(quick);
  await create(colony, '/', 's');
  await expect(create(colony, '/data', 's')).rejects.toEqual(
    refusal(500, 'Snapshot with name <s> in Colony <test> already exists'),
  );
  for (const name of ['', 'a:b', 'a\nb']) {
    await expect(create(colony, '/', name)).rejects.toMatchObject({ status: 400 });
  }
  await expect(create(colony, '/../etc', 't')).rejects.toMatchObject({ status: 400 });
});

test('removing a snapshot that there is not, or that another colony has, removes nothing', async () => {
  await using colony = await startTestColony(quick);
  const { neighbour } = await gatherCallers(colony);
  const { snapshotId } = await create(colony, '/', 's');
  await colony.call(neighbour, removeSnapshot, { colonyName: 'neighbour', snapshotId, name: '' });
  await colony.call(neighbour, removeSnapshot, { colonyName: 'neighbour', snapshotId: '', name: 's' });
  for (const key of [byName('zz'), byId('zz')]) await colony.call(colony.user, removeSnapshot, key);
  expect(await colony.call(colony.user, getSnapshots, { colonyName })).toHaveLength(1);
});

test('an unknown snapshot, one of another colony, and none are refused', async () => {
  await using colony = await startTestColony(quick);
  const { neighbour } = await gatherCallers(colony);
  const { snapshotId } = await create(colony, '/', 's');
  await expect(colony.call(colony.user, getSnapshot, byName('zz'))).rejects.toEqual(unknown('name <zz>', 'test'));
  await expect(colony.call(colony.user, getSnapshot, byId('zz'))).rejects.toEqual(unknown('Id <zz>', 'test'));
  const theirs = { colonyName: 'neighbour', snapshotId, name: '' };
  await expect(colony.call(neighbour, getSnapshot, theirs)).rejects.toEqual(unknown(`Id <${snapshotId}>`, 'neighbour'));
  await expect(colony.call(colony.user, getSnapshot, byName(''))).rejects.toEqual(
    refusal(500, 'Failed to get snapshot, malformatted msg'),
  );
  await expect(colony.call(colony.user, removeSnapshot, byName(''))).rejects.toEqual(
    refusal(500, 'Failed to remove snapsnot, malformatted msg'),
  );
  await expect(
    rpcRaw(colony.address, colony.user, 'createsnapshotmsg', { colonyname: 'test', label: 7 }),
  ).rejects.toEqual(refusal(400, 'Failed to create snapshot, invalid JSON'));
});
