import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { File, FileLabel, FileSummary, list, Nothing, Snapshot } from './shapes.ts';
import { conformsTo, differs, type Expectation, type MessageRow, textsOf } from './table.ts';
import { differing, type Inner, openWorld, unique, UNKNOWN_ID, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const noColony: Expectation = [403, 'Colony with name <> does not exists'];

const newFile = ({ colonyName }: World, fields: Inner = {}) => ({
  colonyname: colonyName,
  label: '/data',
  name: unique('file'),
  size: 1024,
  checksum: 'c'.repeat(64),
  checksumalg: 'SHA256',
  ref: {
    protocol: 's3',
    s3object: {
      server: 's3.example.org',
      port: 9000,
      tls: true,
      accesskey: '',
      secretkey: '',
      region: 'r',
      encryptionkey: '',
      encryptionalg: '',
      object: 'o',
      bucket: 'b',
    },
  },
  ...fields,
});

const addFile = (place: World, fields: Inner = {}) =>
  place.must('user', 'addfilemsg', { file: newFile(place, fields) }, File);

const fileRows: readonly MessageRow[] = [
  {
    type: 'addfilemsg',
    audience: 'member',
    request: (place) => ({ file: newFile(place) }),
    reply: File,
    texts: textsOf('Failed to add log', 'Failed to add file'),
    missing: { file: [400, 'Failed to add file, msg.File is nil'] },
    cases: {
      'refuses a colony that does not exist': {
        change: (place) => ({ file: newFile(place, { colonyname: 'nowhere' }) }),
        expect: [403, 'Colony with name <nowhere> does not exists'],
      },
      'refuses a name that leads out of a directory': {
        change: (place) => ({ file: newFile(place, { name: '../x' }) }),
        expect: differs('clients make paths of names', {
          official: 'answered',
          here: [400, 'Failed to add file, the name must be one of a file, without slashes'],
        }),
      },
    },
  },
  {
    type: 'getfilemsg',
    audience: 'member',
    request: async (place) => {
      const { colonyname, label, name } = await addFile(place);
      return { colonyname, label, name, latest: true };
    },
    reply: z.array(File),
    texts: textsOf('Failed to add log', 'Failed to get file'),
    missing: {
      colonyname: noColony,
      label: [500, 'malformatted get file msg'],
      name: [500, 'malformatted get file msg'],
      latest: 'answered',
    },
    cases: {
      'refuses an unknown id': {
        change: ({ colonyName }) => ({ colonyname: colonyName, fileid: UNKNOWN_ID }),
        expect: [400, 'Failed to get file'],
      },
      'refuses an unknown name': { change: { name: 'x' }, expect: [404, 'Failed to get file'] },
      'refuses an id under the name of another colony': {
        by: 'neighbour',
        change: async (place) => ({
          colonyname: place.neighbourName,
          fileid: (await addFile(place)).fileid,
        }),
        expect: [400, 'Failed to get file'],
      },
    },
  },
  {
    type: 'getfilesmsg',
    audience: 'member',
    request: ({ colonyName }) => ({ colonyname: colonyName, label: '/data' }),
    reply: z.array(FileSummary),
    texts: textsOf('Failed to get files'),
    missing: { colonyname: noColony, label: 'answered' },
  },
  {
    type: 'getfilelabelsmsg',
    audience: 'member',
    request: ({ colonyName }) => ({ colonyname: colonyName, name: '', exact: false }),
    reply: list(FileLabel),
    texts: textsOf('Failed to get files'),
    missing: { colonyname: noColony, name: 'answered', exact: 'answered' },
  },
  {
    type: 'removefilemsg',
    audience: 'member',
    request: async (place) => {
      const { colonyname, label, name } = await addFile(place);
      return { colonyname, label, name };
    },
    reply: Nothing,
    texts: textsOf('Failed to remove file'),
    missing: {
      colonyname: noColony,
      label: [400, 'malformatted remove file msg'],
      name: [400, 'malformatted remove file msg'],
    },
    cases: {
      'takes an unknown id': {
        change: ({ colonyName }) => ({ colonyname: colonyName, fileid: UNKNOWN_ID }),
        expect: 'answered',
      },
    },
  },
];

async function addSnapshot(place: World) {
  const { label } = await addFile(place, { label: `/${unique('label')}` });
  const request = { colonyname: place.colonyName, label, name: unique('snapshot') };
  return place.must('user', 'createsnapshotmsg', request, Snapshot);
}

const byName = async (place: World) => {
  const { colonyname, name } = await addSnapshot(place);
  return { colonyname, name };
};
const unknownId = (place: World) => ({ colonyname: place.colonyName, snapshotid: UNKNOWN_ID });
const noSnapshot = [500, 'Snapshot not found with name <zz> in Colony <{colony}> does not exists'] as const;

const snapshotRows: readonly MessageRow[] = [
  {
    type: 'createsnapshotmsg',
    audience: 'member',
    request: ({ colonyName }) => ({ colonyname: colonyName, label: '/data', name: unique('s') }),
    reply: Snapshot,
    texts: textsOf('Failed to create snapshot'),
    missing: {
      colonyname: noColony,
      label: 'answered',
      name: differs('names are checked', {
        official: 'not asked',
        here: [400, 'Failed to create snapshot, the name must have 1 to 200 characters and no colon'],
      }),
    },
    cases: {
      'refuses a name that is taken': {
        change: async (place, request) => ({ ...request, name: (await addSnapshot(place)).name }),
        expect: [500, /^500 Snapshot with name <snapshot-[0-9a-f]+> in Colony <colony-[0-9a-f]+> already exists$/u],
      },
    },
  },
  {
    type: 'getsnapshotsmsg',
    audience: 'member',
    request: ({ colonyName }) => ({ colonyname: colonyName }),
    reply: list(Snapshot),
    texts: textsOf('Failed to get snapshots'),
    missing: { colonyname: noColony },
  },
  {
    type: 'getsnapshotmsg',
    audience: 'member',
    request: byName,
    reply: Snapshot,
    texts: textsOf('Failed to get snapshot'),
    missing: { colonyname: noColony, name: [500, 'Failed to get snapshot, malformatted msg'] },
    cases: {
      'refuses an unknown name': { change: { name: 'zz' }, expect: noSnapshot },
      'refuses an unknown id': { change: unknownId, expect: [500, /^500 Snapshot not found with /u] },
      'refuses an id under the name of another colony': {
        by: 'neighbour',
        change: async (place) => ({
          colonyname: place.neighbourName,
          snapshotid: (await addSnapshot(place)).snapshotid,
        }),
        expect: [500, /^500 Snapshot not found with /u],
      },
    },
  },
  {
    type: 'removesnapshotmsg',
    audience: 'member',
    request: byName,
    reply: Nothing,
    texts: textsOf('Failed to remove snapshot'),
    missing: { colonyname: noColony, name: [500, 'Failed to remove snapsnot, malformatted msg'] },
    cases: {
      'removes nothing under an unknown name': { change: { name: 'zz' }, expect: 'answered' },
      'removes nothing under an unknown id': { change: unknownId, expect: 'answered' },
      'removes nothing under the name of another colony': {
        by: 'neighbour',
        change: async (place) => ({
          colonyname: place.neighbourName,
          snapshotid: (await addSnapshot(place)).snapshotid,
        }),
        expect: 'answered',
      },
    },
  },
  {
    type: 'removeallsnapshotmsg',
    audience: 'member',
    request: ({ colonyName }) => ({ colonyname: colonyName }),
    reply: Nothing,
    texts: textsOf('Failed to remove snapshot'),
    missing: { colonyname: noColony },
  },
];

conformsTo(() => world, [...fileRows, ...snapshotRows]);

const revisions = (query: Inner) =>
  world.must('user', 'getfilemsg', { colonyname: world.colonyName, ...query }, z.array(File));

describe('a file', () => {
  test('keeps what it was added with, and gets id, number and time', async () => {
    const file = newFile(world);
    const added = await world.must('user', 'addfilemsg', { file }, File);
    expect(added).toMatchObject(file);
    expect(await revisions({ fileid: added.fileid })).toEqual([added]);
  });

  test('has revisions, newest first', async () => {
    const first = await addFile(world, { name: unique('twice') });
    const second = await addFile(world, { name: first.name, size: 7 });
    expect(second.sequencenr).toBeGreaterThan(first.sequencenr);
    const { label, name } = first;
    expect((await revisions({ label, name })).map(({ fileid }) => fileid)).toEqual([second.fileid, first.fileid]);
    expect(await revisions({ label, name, latest: true })).toEqual([second]);
  });

  test('is listed once under its label, with its newest revision', async () => {
    const label = `/${unique('label')}`;
    const { name } = await addFile(world, { label });
    await addFile(world, { label, name, size: 7 });
    const listed = await world.must(
      'user',
      'getfilesmsg',
      { colonyname: world.colonyName, label },
      z.array(FileSummary),
    );
    expect(listed).toMatchObject([{ name, size: 7, s3filename: 'o' }]);
    const empty = await world.ask('user', 'getfilesmsg', { colonyname: world.colonyName, label: '/none' });
    expect(empty.payload).toEqual([]);
  });

  test('is removed by its id, or with all revisions', async () => {
    const first = await addFile(world);
    const { label, name, colonyname } = first;
    const second = await addFile(world, { name });
    await world.do('user', 'removefilemsg', { colonyname, fileid: second.fileid });
    expect(await revisions({ label, name })).toEqual([first]);
    await world.do('user', 'removefilemsg', { colonyname, label, name });
    expect((await world.ask('user', 'getfilemsg', { colonyname, label, name })).payload).toMatchObject({ status: 404 });
  });

  test('of another colony stays where it is', async () => {
    const { fileid, label, name } = await addFile(world);
    await world.do('neighbour', 'removefilemsg', { colonyname: world.neighbourName, fileid });
    await world.do('neighbour', 'removefilemsg', { colonyname: world.neighbourName, label, name });
    expect(await revisions({ fileid })).toHaveLength(1);
  });
});

const labels = async (name: string, exact: boolean) => {
  const request = { colonyname: world.colonyName, name, exact };
  return (await world.must('user', 'getfilelabelsmsg', request, list(FileLabel)))
    .map((label) => `${label.name} ${label.files}`)
    .toSorted();
};

describe('labels', () => {
  test('count revisions, and are found by their beginning or exactly with what is below', async () => {
    const base = `/${unique('base')}`;
    const { name } = await addFile(world, { label: base });
    await addFile(world, { label: base, name });
    await addFile(world, { label: `${base}/sub` });
    await addFile(world, { label: `${base}2` });
    expect(await labels(base, false)).toEqual([`${base} 2`, `${base}/sub 1`, `${base}2 1`]);
    expect(await labels(base, true)).toEqual([`${base} 2`, `${base}/sub 1`]);
  });
});

describe('a snapshot', () => {
  test('names the newest files under a label and below, and does not change', async () => {
    const label = `/${unique('label')}`;
    const { name } = await addFile(world, { label });
    const newest = await addFile(world, { label, name });
    const below = await addFile(world, { label: `${label}/sub` });
    const request = { colonyname: world.colonyName, label, name: unique('snapshot') };
    const snapshot = await world.must('user', 'createsnapshotmsg', request, Snapshot);
    expect(new Set(snapshot.fileids)).toEqual(new Set([newest.fileid, below.fileid]));
    await addFile(world, { label });
    const read = await world.must('user', 'getsnapshotmsg', { ...request, snapshotid: snapshot.snapshotid }, Snapshot);
    expect(new Set(read.fileids)).toEqual(new Set(snapshot.fileids));
  });

  test('has its label without the slash at its end', async () => {
    const label = `/${unique('label')}`;
    const { fileid } = await addFile(world, { label });
    const request = { colonyname: world.colonyName, label: `${label}/`, name: unique('snapshot') };
    const snapshot = await world.must('user', 'createsnapshotmsg', request, Snapshot);
    expect(snapshot).toMatchObject({ label, fileids: [fileid] });
  });

  test('is listed newest first, and removed by its id', async () => {
    const [first, second] = [await addSnapshot(world), await addSnapshot(world)];
    const request = { colonyname: world.colonyName };
    const listed = async () => {
      const snapshots = await world.must('user', 'getsnapshotsmsg', request, list(Snapshot));
      return snapshots.map(({ snapshotid }) => snapshotid);
    };
    expect((await listed()).slice(0, 2)).toEqual([second.snapshotid, first.snapshotid]);
    await world.do('user', 'removesnapshotmsg', { ...request, snapshotid: second.snapshotid });
    expect(await listed()).not.toContain(second.snapshotid);
    await world.do('user', 'removeallsnapshotmsg', request);
    expect(await listed()).toEqual([]);
  });
});

test('keys to where a file lies are not handed out', async () => {
  const { ref } = newFile(world);
  const s3object = { ...ref.s3object, accesskey: 'access', secretkey: 'secret' };
  const { fileid } = await addFile(world, { ref: { ...ref, s3object } });
  const [file] = await revisions({ fileid });
  const secret = differing(world, 'no keys in lists', { official: 'secret', here: '' });
  expect(file?.ref.s3object.secretkey).toBe(secret);
});
