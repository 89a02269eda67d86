import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseDataConfig } from '../../data/config.ts';
import { checkDataset } from '../../data/dataset-check.ts';
import { openDataset } from '../../data/dataset.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dataset-check-'));
  await writeFile(join(directory, 'patients.csv'), 'age,ward\n40,a\n');
});

afterAll(() => rm(directory, { recursive: true }));

async function check(fields: object): Promise<void> {
  const config = { source: { kind: 'csv', path: 'patients.csv' }, ...fields };
  const dataset = await openDataset(parseDataConfig(config, { name: 'hospital.json', baseDirectory: directory }));
  try {
    await checkDataset(dataset);
  } finally {
    await dataset.source.close();
  }
}

test('what is there passes', async () => {
  const queries = { old: 'select age from data where cast(age as integer) > 30' };
  await expect(check({ columns: ['age'], queries, numbers: { all: 'select count(*) from data' } })).resolves.toBeUndefined();
});

test('a column that the table does not have is named, with those that it has', async () => {
  await expect(check({ columns: ['age', 'agee'] })).rejects.toThrow(
    /patients\.csv: expected columns among "age", "ward", got "agee" in "columns" of the configuration/,
  );
});

test('a query that the source cannot run is named', async () => {
  await expect(check({ queries: { q: 'selec * from data' } })).rejects.toThrow(/^queries\.q of the configuration: /);
  await expect(check({ numbers: { n: 'select weight from data' } })).rejects.toThrow(/^numbers\.n of the configuration: /);
});
