import { open, stat, truncate, writeFile } from 'node:fs/promises';
import Sqlite from 'libsql';
import { describe, expect, test } from 'vitest';
import { getWorkflow } from '../../colony/messages/workflows.ts';
import { startServer } from '../../server/index.ts';
import { quick, submitGraph } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

/** A colony whose server has stopped, with enough in its database to fill many pages. */
async function stoppedColony(): Promise<TestColony> {
  const colony = await startTestColony(quick);
  for (let count = 0; count < 3; count += 1) await submitGraph(colony, 'worker', { a: [], b: ['a'] }, { label: 'x' });
  await colony.server.stop();
  return colony;
}

const start = ({ databasePath, serverOwner }: TestColony) =>
  startServer({ port: 0, databasePath, serverId: serverOwner.id });

async function overwrite(path: string, position: number, bytes: Buffer): Promise<void> {
  await using file = await open(path, 'r+');
  await file.write(bytes, 0, bytes.length, position);
}

const PAGE_BYTES = 4096;

describe('a server does not start on a database that', () => {
  test.for([
    ['is no database', (path: string) => writeFile(path, 'no database'.repeat(1000)), 'file is not a database'],
    ['lacks its second half', (path: string) => truncate(path, 20 * PAGE_BYTES), 'database disk image is malformed'],
    ['was cut off within a page', (path: string) => truncate(path, 20 * PAGE_BYTES + 5), 'malformed'],
    [
      'has a page of other bytes',
      (path: string) => overwrite(path, 3 * PAGE_BYTES, Buffer.alloc(200, 255)),
      'error code 11',
    ],
    ['has a bad first page', (path: string) => overwrite(path, 105, Buffer.from([255])), 'free space corruption'],
  ] as const)('%s, and says which file and what to do', async ([, damage, finding]) => {
    await using colony = await stoppedColony();
    await damage(colony.databasePath);
    const refusal = await start(colony).catch(String);
    expect(refusal).toContain(`expected a whole SQLite database in ${colony.databasePath}, got a damaged one (`);
    expect(refusal).toContain(finding);
    expect(refusal).toContain('bring back a backup with "colonies server restore"');
  });

  test('lacks the last bytes of its last page', async () => {
    await using colony = await stoppedColony();
    const { size } = await stat(colony.databasePath);
    await truncate(colony.databasePath, size - 1);
    await expect(start(colony)).rejects.toThrow('it ends in the middle of a page');
  });

  test('belongs to another program, and leaves it as it was', async () => {
    await using colony = await stoppedColony();
    const path = `${colony.databasePath}.other`;
    const other = new Sqlite(path);
    other.exec('CREATE TABLE recipes (name TEXT)');
    other.close();
    await expect(start({ ...colony, databasePath: path })).rejects.toThrow(`in ${path}, got one of another program`);
    const again = new Sqlite(path);
    expect(again.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'recipes' }]);
    again.close();
  });
});

test('a whole database is started on again', async () => {
  await using colony = await startTestColony(quick);
  const workflow = await submitGraph(colony, 'worker', { a: [] });
  await colony.restart();
  expect(await colony.call(colony.user, getWorkflow, workflow)).toEqual(workflow);
});
