import { spawnSync } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openRegressionStage } from '../../support/regression-daemons.ts';

const rows = Array.from({ length: 40 }, (_, row) => row);
const column = (name: string) => new Map([[name, rows]]);

test('a party has one daemon: a second one at its directory is refused until the first has stopped', async () => {
  await using stage = await openRegressionStage();
  const source = await stage.writeTable('x1.csv', column('x1'));
  const first = await stage.startFeature('x1', { source });
  await expect(stage.startFeature('x1', { source })).rejects.toThrow(
    /expected to be the only daemon of this party, got one that process \d+ runs; stop that daemon/,
  );
  await first.stop({ graceMs: 0 });
  await stage.startFeature('x1', { source });
});

test('a daemon that was killed leaves nothing that keeps the next one away', async () => {
  await using stage = await openRegressionStage();
  const source = await stage.writeTable('x1.csv', column('x1'));
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  await mkdir(join(stage.directory, 'x1'), { recursive: true });
  await writeFile(join(stage.directory, 'x1', 'daemon.pid'), `${pid}\n`);
  const worker = await stage.startFeature('x1', { source });
  await worker.stop({ graceMs: 0 });
  expect(await readdir(join(stage.directory, 'x1'))).not.toContain('daemon.pid');
});

test.for([
  ['a column that the source has not', { columns: ['weight'] }, /expected one of the columns "x1", got "weight"/],
  ['an id column that the source has not', { idColumn: 'id' }, /expected one of the columns "x1", got "id"/],
] as const)('the start names %s', async ([, options, message]) => {
  await using stage = await openRegressionStage();
  const source = await stage.writeTable('x1.csv', column('x1'));
  await expect(stage.startFeature('x1', { source, ...options })).rejects.toThrow(message);
  await stage.startFeature('x1', { source });
});

test('the start of a label party asks for the target among several columns', async () => {
  await using stage = await openRegressionStage();
  const source = await stage.writeTable('y.csv', new Map([...column('y'), ...column('other')]));
  await expect(stage.startLabel('y', { source })).rejects.toThrow(/--target: expected the name of the column/);
  await stage.startLabel('y', { source, columns: ['y'] });
});

test('the start tells what is wrong with new rows, and with the list of their ids, under their own names', async () => {
  await using stage = await openRegressionStage();
  const table = new Map([['id', rows], ...column('x1')]);
  const source = await stage.writeTable('x1.csv', table);
  const newRows = await stage.writeTable('x1-new.csv', new Map([...table, ['x1', [Number.NaN]]]));
  const newIdsFile = join(stage.directory, 'new.txt');
  const start = (data: object) => stage.startFeature('x1', { source, idColumn: 'id', ...data });
  await expect(start({ newRows })).rejects.toThrow(/^CSV file .*x1-new\.csv: column "x1", row 1 .*got text that/);
  await expect(start({ newRows: await stage.writeTable('other.csv', new Map([['id', rows]])) })).rejects.toThrow(
    /^CSV file [^:]*other\.csv: expected one of the columns "id", got "x1"$/,
  );
  await expect(start({ newRows: source, newIdsFile })).rejects.toThrow(/^\S*new\.txt: expected a readable file/);
  await writeFile(newIdsFile, '41\n');
  await expect(start({ newRows: source, newIdsFile })).rejects.toThrow(/^CSV file [^:]*x1\.csv: .*no row has "41"/);
  await expect(start({ newIdsFile })).rejects.toThrow('--new-ids: expected --new-rows beside it, got none');
  await rm(newIdsFile);
  await expect(stage.startLabel('y', { source, idColumn: 'id', newIdsFile })).rejects.toThrow(/^\S*new\.txt: expected/);
});

test("what a run finds wrong with a party's columns names none of them to the others", async () => {
  await using stage = await openRegressionStage();
  const source = await stage.writeTable('x1.csv', column('x1'));
  await stage.startFeature('x1', { source, columns: ['x1'] });
  await stage.startLabel('y', { source: await stage.writeTable('y.csv', column('y')) });
  await stage.startAggregator();
  await stage.writeTable('x1.csv', column('secret_column'));
  const request = { run: 'r', label: 'y', features: ['x1'], model: 'linear', alpha: 0.1, iterations: 1 };
  await expect(stage.train(request)).rejects.toThrow('Not run');
  const { colonyName } = stage.colony;
  const filter = { executorType: 'x1', initiator: '', label: 'regression/r', state: 3, count: 10 };
  const [failed] = await stage.client.getProcesses({ colonyName, ...filter });
  expect(failed?.errors).toEqual([
    expect.stringContaining('expected the columns and ids that its operator has chosen, got others'),
  ]);
  expect(failed?.errors.join()).not.toMatch(/secret_column|"x1"/);
});
