import { DuckDBInstance } from '@duckdb/node-api';
import Database from 'libsql';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { numberConfig } from '../../data/config.ts';
import { openDataset, type Dataset } from '../../data/dataset.ts';
import {
  dataErrorOf,
  expectedResults,
  hospitalCsv,
  hospitals,
  openConfigured,
  openCsv,
  plainExpectation,
  plainSummary,
  temporaryFolder, summarise, summariseGroups } from './support.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function writeParquet(hospital: string): Promise<string> {
  const path = folder.path(`${hospital}.parquet`);
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(`COPY (SELECT * FROM read_csv('${hospitalCsv(hospital)}')) TO '${path}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  return path;
}

async function writeSqlite(hospital: string): Promise<string> {
  const path = folder.path(`${hospital}.sqlite`);
  const [header = '', ...lines] = (await readFile(hospitalCsv(hospital), 'utf8')).trim().split('\n');
  const database = new Database(path);
  database.exec(`create table patients (${header.split(',').map((name) => `${name} numeric`).join(', ')})`);
  const rows = lines.map((line) => `(${line.split(',').map((cell) => cell || 'null').join(', ')})`);
  database.exec(`insert into patients values ${rows.join(', ')}`);
  database.close();
  return path;
}

function mapValues<From, To>(record: Record<string, From>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

const openings = {
  CSV: (hospital: string): Promise<Dataset> =>
    openConfigured({ source: { kind: 'csv', path: hospitalCsv(hospital) }, columns: '*', minimumRows: 2 }),
  Parquet: async (hospital: string): Promise<Dataset> =>
    openConfigured({ source: { kind: 'parquet', path: await writeParquet(hospital) }, columns: '*', minimumRows: 2 }),
  SQLite: async (hospital: string): Promise<Dataset> =>
    openConfigured({
      source: { kind: 'sqlite', path: await writeSqlite(hospital), table: 'patients' },
      columns: '*',
      minimumRows: 2,
    }),
};

describe.each(Object.entries(openings))('a hospital’s %s file', (_format, open) => {
  test.each(hospitals)('gives the published results for every column of %s, exactly', async (hospital) => {
    const dataset = await open(hospital);
    const { rows, columns } = await expectedResults(hospital);
    const actual: Record<string, unknown> = {};
    for (const column of Object.keys(columns)) {
      const summary = await summarise(dataset, { column });
      expect(summary.count + summary.missing).toBe(rows);
      actual[column] = plainSummary(summary);
    }
    expect(actual).toEqual(mapValues(columns, plainExpectation));
    expect(Object.keys(actual)).toHaveLength(14);
    await dataset.source.close();
  });
});

describe('a summary', () => {
  test('of the tutorial’s hospital is its number', async () => {
    const dataset = await openDataset(numberConfig('55'));
    expect(plainSummary(await summarise(dataset, {}))).toEqual({
      count: 1,
      missing: 0,
      sum: '55',
      sumOfSquares: '3025',
    });
    expect(dataset.source.description).toBe('inline number');
  });

  test('does not round what a double cannot hold', async () => {
    const content = 'x\n0.1\n0.2\n9007199254740993\n-9007199254740993\n1e-20\n';
    const dataset = await openCsv(folder.path('exact.csv'), content);
    expect(plainSummary(await summarise(dataset, { column: 'x' })).sum).toBe('0.30000000000000000001');
    await dataset.source.close();
  });

  test('is computed over batches of rows in their order', async () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => (index === 9998 ? 'x' : String(index)));
    const dataset = await openCsv(folder.path('long.csv'), `v\n${lines.join('\n')}\n`);
    const error = await dataErrorOf(() => summarise(dataset, { column: 'v' }));
    expect(error).toMatchObject({ code: 'NOT_NUMERIC' });
    expect(error.message).toContain('CSV file long.csv, column "v": expected decimal numbers');
    expect(error.operatorNote).toContain('column "v", row 9999');
    await dataset.source.close();
  });

  test.each(['Anna', '12 mg', 'NaN', 'Infinity', '2,3', '1e999', '--'])(
    'is refused for the cell %j, without repeating it',
    async (cell) => {
      const dataset = await openCsv(folder.path('cell.csv'), `id;v\n1;2\n2;${cell}\n`, { delimiter: ';' });
      const error = await dataErrorOf(() => summarise(dataset, { column: 'v' }));
      expect(error).toMatchObject({ code: 'NOT_NUMERIC', retryable: false });
      expect(error.message).not.toMatch(/row|\d characters/);
      expect(error.operatorNote).toContain(`column "v", row 2 (the first row after a header is row 1): got ${cell.length} `);
      expect(error.message + error.operatorNote).not.toContain(cell);
      await dataset.source.close();
    },
  );

  test('of fewer values than the operator’s minimum is refused without telling how many', async () => {
    const source = { kind: 'csv', path: hospitalCsv('hungarian') };
    const dataset = await openConfigured({ source, columns: ['ca', 'age'] });
    const error = await dataErrorOf(() => summarise(dataset, { column: 'ca' }));
    expect(error).toMatchObject({ code: 'TOO_FEW_ROWS', retryable: false });
    expect(error.message).toContain('fewer than 5 values');
    expect(error.message).not.toContain('3');
    expect((await summarise(dataset, { column: 'age' })).count).toBe(294);
    await dataset.source.close();
  });

  test('stops when it is aborted', async () => {
    const dataset = await openings.CSV('va');
    const reason = new Error('the deadline has passed');
    await expect(summarise(dataset, { column: 'age' }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await dataset.source.close();
  });
});

describe('a selection', () => {
  const queries = {
    'age-of-women': 'select age from data where sex = 0 -- operator’s comment',
    'age-and-chol': 'select age, chol from data;',
    broken: 'select nonsense from data',
    failing: 'select cast(age || \'x\' as integer) as age from data',
  };
  let dataset: Dataset;
  beforeAll(async () => {
    const source = { kind: 'csv', path: hospitalCsv('cleveland') };
    dataset = await openConfigured({ source, columns: ['age', 'sex', 'weight'], queries });
  });
  afterAll(() => dataset.source.close());

  test('may name an allowed query', async () => {
    expect((await summarise(dataset, { query: 'age-of-women' })).count).toBe(97);
    expect((await summarise(dataset, { query: 'age-and-chol', column: 'chol' })).count).toBe(303);
  });

  test.each([
    ['a column that is not offered', { column: 'chol' }, 'COLUMN_UNKNOWN', 'columns "age", "sex", got "chol"'],
    ['an offered column that is missing', { column: 'weight' }, 'COLUMN_UNKNOWN', '"age", "sex", got "weight"'],
    ['SQL in a column’s name', { column: 'age"; drop table' }, 'COLUMN_UNKNOWN', 'got "age\\"; drop table"'],
    ['an expression as column', { column: 'age + 1' }, 'COLUMN_UNKNOWN', 'got "age + 1"'],
    ['a query that is not offered', { query: 'select * from data' }, 'QUERY_UNKNOWN', 'queries "age-of-women", "age-'],
    ['a name of JavaScript’s own', { query: '__proto__' }, 'QUERY_UNKNOWN', 'got "__proto__"'],
    ['no column where there are several', { query: 'age-and-chol' }, 'SELECTION_INVALID', 'choose one of "age", "chol"'],
    ['the operator’s broken query', { query: 'broken' }, 'SOURCE_FAILED', 'DuckDB reports Binder Error'],
  ])('is refused with %s', async (_problem, selection, code, expected) => {
    const error = await dataErrorOf(() => summarise(dataset, selection));
    expect(error.code).toBe(code);
    expect(error.message).toContain('CSV file heart_cleveland.csv: ');
    expect(error.message).toContain(expected);
  });

  test('whose query fails on a row does not show the row', async () => {
    const error = await dataErrorOf(() => summarise(dataset, { query: 'failing' }));
    expect(error.code).toBe('SOURCE_FAILED');
    expect(error.message).toBe('CSV file heart_cleveland.csv: DuckDB reports Conversion Error');
    expect(error.cause).toBeUndefined();
  });

  test('cuts what it repeats of a workflow’s names', async () => {
    const error = await dataErrorOf(() => summarise(dataset, { column: 'x'.repeat(100_000) }));
    expect(error.message.length).toBeLessThan(200);
  });
});

describe('groups', () => {
  let dataset: Dataset;
  beforeAll(async () => {
    dataset = await openHospital('cleveland', 5);
  });
  afterAll(() => dataset.source.close());

  test('are summarised in the order of the public list', async () => {
    const [men, women] = await summariseGroups(dataset, { column: 'age' }, { column: 'sex', values: ['1', '0.0'] });
    const all = await summarise(dataset, { column: 'age' });
    expect([men?.count, women?.count]).toEqual([206, 97]);
    expect((men?.sum.mantissa ?? 0n) + (women?.sum.mantissa ?? 0n)).toBe(all.sum.mantissa);
  });

  test('that nobody is in give zeros, and rows outside the list are left out', async () => {
    const summaries = await summariseGroups(dataset, { column: 'chol' }, { column: 'cp', values: ['4', '9'] });
    expect(summaries.map(plainSummary)).toEqual([
      expect.objectContaining({ count: 144 }),
      { count: 0, missing: 0, sum: '0', sumOfSquares: '0' },
    ]);
  });

  test('may be text, and rows without group belong to none', async () => {
    const content = 'ward,v\nA,1\nB,2\n,100\nA,3\nb,100\n';
    const wards = await openCsv(folder.path('wards.csv'), content);
    const summaries = await summariseGroups(wards, { column: 'v' }, { column: 'ward', values: ['A', 'B', 'C'] });
    expect(summaries.map((summary) => plainSummary(summary).sum)).toEqual(['4', '2', '0']);
    await wards.source.close();
  });

  test('are all refused when one is too small, without telling which', async () => {
    const va = await openHospital('va', 7);
    const groups = { column: 'sex', values: ['1', '0'] };
    const error = await dataErrorOf(() => summariseGroups(va, { column: 'age' }, groups));
    expect(error.code).toBe('TOO_FEW_ROWS');
    expect(error.message).toContain('a group of it, or all small groups together have fewer than 7 values');
    await va.source.close();
  });

  test.each([
    ['no groups', []],
    ['one group twice', ['1', '1.0']],
    ['thousands of groups', Array.from({ length: 1025 }, (_, index) => String(index))],
  ])('are refused as %s', async (_problem, values) => {
    const error = await dataErrorOf(() => summariseGroups(dataset, { column: 'age' }, { column: 'sex', values }));
    expect(error.code).toBe('SELECTION_INVALID');
  });

  test('that are all empty give zeros', async () => {
    const groups = { column: 'sex', values: ['7'] };
    const [summary] = await summariseGroups(dataset, { column: 'age' }, groups);
    expect(summary).toMatchObject({ count: 0 });
  });

  test('are refused by a column that the operator did not allow for that', async () => {
    const groups = { column: 'age', values: ['55'] };
    const error = await dataErrorOf(() => summariseGroups(dataset, { column: 'chol' }, groups));
    expect(error.code).toBe('GROUPING_REFUSED');
    expect(error.message).toContain('expected grouping by one of the columns "sex", "cp", "restecg", got "age"');
  });

  test('that leave few patients out are refused: all rows minus the groups would show them', async () => {
    const hungarian = await openHospital('hungarian', 5);
    expect(await summarise(hungarian, { column: 'chol' })).toMatchObject({ count: 271 });
    const groups = { column: 'restecg', values: ['0', '1', '2'] };
    const error = await dataErrorOf(() => summariseGroups(hungarian, { column: 'chol' }, groups));
    expect(error.code).toBe('TOO_FEW_ROWS');
    await hungarian.source.close();
  });

  test('never add up to fewer values than allowed, in however many requests they are asked for', async () => {
    const few = await openCsv(folder.path('few.csv'), `ward,v\n${wardRows('A', 6)}${wardRows('B', 6)}${wardRows('C', 2)}${wardRows('', 2)}`);
    const enough = await openCsv(folder.path('enough.csv'), `ward,v\n${wardRows('A', 6)}${wardRows('B', 6)}${wardRows('C', 3)}${wardRows('', 2)}`);
    for (const ward of ['A', 'B']) {
      const groups = { column: 'ward', values: [ward] };
      // All rows, less A, less B, would be the four of C and of none.
      const error = await dataErrorOf(() => summariseGroups({ ...few, minimumRows: 5 }, { column: 'v' }, groups));
      expect(error.code).toBe('TOO_FEW_ROWS');
      expect(await summariseGroups({ ...enough, minimumRows: 5 }, { column: 'v' }, groups)).toMatchObject([{ count: 6 }]);
    }
    await Promise.all([few.source.close(), enough.source.close()]);
  });

  test('of a column that has as many values as rows are not kept in memory without end', async () => {
    const patients = Array.from({ length: 65_537 }, (_, index) => `${index},1\n`);
    const wards = await openCsv(folder.path('many.csv'), `ward,v\n${patients.join('')}`);
    const error = await dataErrorOf(() => summariseGroups(wards, { column: 'v' }, { column: 'ward', values: ['1'] }));
    expect(error).toMatchObject({ code: 'GROUPING_REFUSED', message: expect.stringContaining('at most 65536 different') });
    await wards.source.close();
  });

  test('do not decide which cells are looked at, so that a refusal ties no row to a group', async () => {
    const wards = await openCsv(folder.path('names.csv'), 'ward,v\nA,1\nA,2\nB,Anna\n');
    const error = await dataErrorOf(() => summariseGroups(wards, { column: 'v' }, { column: 'ward', values: ['A'] }));
    expect(error.code).toBe('NOT_NUMERIC');
    await wards.source.close();
  });
});

function wardRows(ward: string, count: number): string {
  return `${ward},1\n`.repeat(count);
}

function openHospital(hospital: (typeof hospitals)[number], minimumRows: number): Promise<Dataset> {
  const source = { kind: 'csv', path: hospitalCsv(hospital) };
  return openConfigured({ source, columns: '*', groupColumns: ['sex', 'cp', 'restecg'], minimumRows });
}
