import { describe, expect, test } from 'vitest';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { addUser, changeUserId } from '../../colony/messages/colonies.ts';
import { addCron, getCrons, removeCron, runCron } from '../../colony/messages/crons.ts';
import {
  addFile,
  type ColonyFile,
  createSnapshot,
  getFiles,
  removeAllSnapshots,
  removeFile,
  removeSnapshot,
} from '../../colony/messages/files.ts';
import { addGenerator, removeGenerator } from '../../colony/messages/generators.ts';
import { cancelProcess, removeProcess } from '../../colony/messages/processes.ts';
import { cancelWorkflow, removeWorkflow } from '../../colony/messages/workflows.ts';
import { cronOf, generatorOf, processesOf } from '../support/recurring.ts';
import { quick, submitGraph } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

const NOT_YOURS = expect.objectContaining({ status: 403, serverMessage: expect.stringContaining("another member's") });
const colonyName = 'test';

async function addColleague(colony: TestColony): Promise<Identity> {
  const colleague = generateIdentity();
  const user = { colonyName, userId: colleague.id, name: 'colleague', email: '', phone: '' };
  await colony.call(colony.colonyOwner, addUser, { user });
  return colleague;
}

const file: ColonyFile = {
  fileId: '',
  colonyName,
  label: '/data',
  name: 'a.csv',
  sizeBytes: 1,
  sequenceNumber: 0,
  checksum: 'c',
  checksumAlgorithm: 'sha256',
  reference: {
    protocol: 's3',
    s3Object: {
      server: '',
      port: -1,
      tls: false,
      accessKey: '',
      secretKey: '',
      region: '',
      encryptionKey: '',
      encryptionAlgorithm: '',
      object: 'o',
      bucket: 'b',
    },
  },
  added: undefined,
};

/** What the user of a colony has submitted, added and taken, and how somebody tries to end each of it. */
async function belongings(colony: TestColony) {
  const { user } = colony;
  const [running, done] = [await colony.submit({}, 'a'), await colony.submit({}, 'b')];
  const [first, second] = [await submitGraph(colony, 'c', { n: [] }), await submitGraph(colony, 'd', { n: [] })];
  const cron = await colony.call(user, addCron, { cron: cronOf() });
  const generator = await colony.call(user, addGenerator, { generator: generatorOf() });
  const { fileId } = await colony.call(user, addFile, { file });
  const { snapshotId } = await colony.call(user, createSnapshot, { colonyName, label: '/data', name: 's' });
  const byName = { colonyName, fileId: '', label: '/data', name: 'a.csv' };
  return [
    ['a process to cancel', (who: Identity) => colony.call(who, cancelProcess, running)],
    ['a process to remove', (who: Identity) => colony.call(who, removeProcess, done)],
    ['a workflow to cancel', (who: Identity) => colony.call(who, cancelWorkflow, first)],
    ['a workflow to remove', (who: Identity) => colony.call(who, removeWorkflow, second)],
    ['a cron', (who: Identity) => colony.call(who, removeCron, cron)],
    ['a generator', (who: Identity) => colony.call(who, removeGenerator, generator)],
    ['a snapshot', (who: Identity) => colony.call(who, removeSnapshot, { colonyName, snapshotId, name: '' })],
    ['all snapshots', (who: Identity) => colony.call(who, removeAllSnapshots, { colonyName })],
    ['a file by its name', (who: Identity) => colony.call(who, removeFile, byName)],
    ['a file by its id', (who: Identity) => colony.call(who, removeFile, { ...byName, fileId, label: '', name: '' })],
  ] as const;
}

describe('where work is of who submitted it', () => {
  const options = { ...quick, ownership: 'initiators' } as const;

  test.for(['the one who did', 'the owner of the colony'])('%s may end and remove it, others may not', async (who) => {
    await using colony = await startTestColony(options);
    const colleague = await addColleague(colony);
    const executor = await colony.addExecutor('x');
    const all = await belongings(colony);
    for (const [what, end] of all) {
      await expect(end(colleague), what).rejects.toEqual(NOT_YOURS);
      await expect(end(executor.identity), what).rejects.toEqual(NOT_YOURS);
      await expect(end(generateIdentity()), what).rejects.toMatchObject({ status: 403 });
    }
    for (const [, end] of all) await end(who === 'the one who did' ? colony.user : colony.colonyOwner);
    expect(await colony.call(colony.user, getCrons, { colonyName, count: 10 })).toEqual([]);
    expect(await colony.call(colony.user, getFiles, { colonyName, label: '/data' })).toEqual([]);
  });

  test('nobody removes all revisions of a file, or all snapshots, of which one is another member’s', async () => {
    await using colony = await startTestColony(options);
    const colleague = await addColleague(colony);
    for (const who of [colleague, colony.user]) {
      await colony.call(who, addFile, { file });
      await colony.call(who, createSnapshot, { colonyName, label: '/data', name: `of ${who.id}` });
    }
    const byName = { colonyName, fileId: '', label: '/data', name: 'a.csv' };
    await expect(colony.call(colleague, removeFile, byName)).rejects.toEqual(NOT_YOURS);
    await expect(colony.call(colleague, removeAllSnapshots, { colonyName })).rejects.toEqual(NOT_YOURS);
    await colony.call(colony.colonyOwner, removeAllSnapshots, { colonyName });
    await colony.call(colony.colonyOwner, removeFile, byName);
    expect(await colony.call(colony.user, getFiles, { colonyName, label: '/data' })).toEqual([]);
  });

  test('who gets a new id keeps it, and crons go on acting for that one', async () => {
    await using colony = await startTestColony(options);
    const process = await colony.submit({}, 'a');
    const cron = await colony.call(colony.user, addCron, { cron: cronOf({ intervalSeconds: 1000 }) });
    const renewed = generateIdentity();
    await colony.call(colony.user, changeUserId, { colonyName, userId: renewed.id });
    await colony.call(renewed, runCron, cron);
    expect((await processesOf({ ...colony, user: renewed })).map(({ initiatorId }) => initiatorId)).toContain(
      renewed.id,
    );
    await colony.call(renewed, cancelProcess, process);
    await colony.call(renewed, removeCron, cron);
    expect(await colony.call(renewed, getCrons, { colonyName, count: 10 })).toEqual([]);
  });
});

describe('unless told otherwise', () => {
  test('every member may end and remove all work, the owner of the colony as on the official server not', async () => {
    await using colony = await startTestColony(quick);
    const colleague = await addColleague(colony);
    for (const [what, end] of await belongings(colony)) {
      await expect(end(colony.colonyOwner), what).rejects.toMatchObject({ status: 403 });
      await end(colleague);
    }
  });
});
