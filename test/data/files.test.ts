import Database from 'libsql';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  dataErrorOf,
  hospitalCsv,
  openConfigured,
  openCsv,
  plainSummary,
  temporaryFolder, summarise } from './support.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

describe('a CSV file', () => {
  test.each<[string, string | Buffer]>([
    ['a byte order mark', '\uFEFFa,b\n1,2\n3,4\n'],
    ['Windows line endings', 'a,b\r\n1,2\r\n3,4\r\n'],
    ['quoted names and cells', '"a","b"\n"1","2"\n"3","4"\n'],
    ['a byte order mark, quotes and Windows line endings', '\uFEFF"a","b"\r\n"1",2\r\n3,"4"\r\n'],
    ['no last line ending', 'a,b\n1,2\n3,4'],
    ['line breaks and quotes inside cells', 'a,b\n1,2\n3,"4"\n,"text\nwith ""quotes"" "\n'],
    ['missing cells', 'a,b\n1,\n,2\n"", \n3,NA\n'],
  ])('is read with %s', async (_property, content) => {
    const dataset = await openCsv(folder.path('good.csv'), content, { nullText: 'NA' });
    expect(plainSummary(await summarise(dataset, { column: 'a' }))).toMatchObject({ count: 2, sum: '4' });
    await dataset.source.close();
  });

  test('has its columns found by name however hostile the name is', async () => {
    const dataset = await openCsv(folder.path('hostile.csv'), '"age""; drop table data; --",\'b\'\n1,2\n3,4\n');
    expect(plainSummary(await summarise(dataset, { column: 'age"; drop table data; --' })).sum).toBe('4');
    expect(plainSummary(await summarise(dataset, { column: "'b'" })).sum).toBe('6');
    await dataset.source.close();
  });

  const secret = '4711';
  test.each<[string, string | Buffer, string]>([
    ['a row too short', `a,b\n1,2\n${secret}\n`, 'line 3: expected 2 cells, got 1'],
    ['a row too long', `a,b\n1,2\n3,4,${secret}\n`, 'line 3: expected 2 cells, got 3'],
    ['a row too short far below', `a,b\n${'1,2\n'.repeat(5000)}${secret}\n`, 'line 5002: expected 2 cells, got 1'],
    ['an open quotation mark', `a,b\n1,2\n3,"${secret}\n`, 'line 3: a quotation mark is not closed'],
    ['text after a quotation mark', `a,b\n1,2\n"3"${secret},4\n`, 'line 3: a quotation mark is not closed'],
    ['text that is not UTF-8', Buffer.from(`a,b\n1,\xff\xfe${secret}\n`, 'latin1'), 'DuckDB cannot parse a row; is it UTF-8 text?'],
    ['different line endings', `a,b\n1,2\r\n3,${secret}\n`, 'expected RFC 4180 with the same line ending everywhere'],
    ['an endless cell', `a,b\n1,${secret.repeat(750_000)}\n`, 'line 2: the line is longer than two million bytes'],
    ['no header', `${secret},1\n2,3\n`, 'the first line holds numbers instead of column names'],
    ['two columns of one name', `a,a\n1,${secret}\n`, 'two columns have the same name'],
    ['a column without name', `a,\n1,${secret}\n`, 'the first line has a column without name'],
    ['an endless header', 'a,'.repeat(600_000), 'the first line is not well-formed or longer than 1 MiB'],
    ['text after a quoted name', `"a"x,b\n1,${secret}\n`, 'the first line is not well-formed'],
    ['names that differ in capital letters only', `a,A\n1,${secret}\n`, 'two columns have the same name'],
  ])('is refused with %s, without showing a row, and read again once it is corrected', async (_problem, content, expected) => {
    const dataset = await openCsv(folder.path('bad.csv'), content);
    const error = await dataErrorOf(() => summarise(dataset, { column: 'b' }));
    expect(error).toMatchObject({ code: 'SOURCE_MALFORMED', retryable: false });
    expect(error.message).toContain(`CSV file bad.csv: ${expected}`);
    expect(error.message).not.toContain(secret);

    await writeFile(folder.path('bad.csv'), 'a,b\n1,2\n');
    expect(plainSummary(await summarise(dataset, { column: 'b' })).sum).toBe('2');
    await dataset.source.close();
  });

  test.each([
    ['is empty', '', 'the file is empty'],
    ['has a header only', 'a,b\n', 'the selection has no value to sum'],
    ['has only missing values', 'a,b\n,1\n ,2\n', 'the selection has no value to sum'],
  ])('that %s has nothing to sum', async (_property, content, expected) => {
    const dataset = await openCsv(folder.path('empty.csv'), content);
    const error = await dataErrorOf(() => summarise(dataset, { column: 'a' }));
    expect(error.code).toBe('EMPTY');
    expect(error.message).toBe(`CSV file empty.csv: ${expected}`);
    await dataset.source.close();
  });

  test('is read afresh each time, and its disappearance is reported', async () => {
    const dataset = await openCsv(folder.path('changing.csv'), 'a\n1\n');
    expect(plainSummary(await summarise(dataset, { column: 'a' })).sum).toBe('1');
    await writeFile(folder.path('changing.csv'), 'b,a\n1,20\n1,30\n');
    expect(plainSummary(await summarise(dataset, { column: 'a' })).sum).toBe('50');
    await rm(folder.path('changing.csv'));
    const error = await dataErrorOf(() => summarise(dataset, { column: 'a' }));
    expect(error).toMatchObject({ code: 'SOURCE_MISSING', retryable: false });
    await dataset.source.close();
  });
});

describe('DuckDB', () => {
  test.each([
    ['another file', "select count(*) as n from read_text('/etc/hostname')"],
    ['another CSV file', `select age from read_csv('${hospitalCsv('va')}')`],
    ['the network', "select * from read_csv('https://example.com/a.csv')"],
    ['an extension', "select * from sqlite_scan('a.db', 't')"],
    ['two statements', 'select 1 as a); copy data to \'copy.csv\'; select * from (select 1 as a'],
  ])('reaches nothing but the source’s own file: not %s', async (_what, sql) => {
    const source = { kind: 'csv', path: hospitalCsv('cleveland') };
    const dataset = await openConfigured({ source, queries: { q: sql } });
    const error = await dataErrorOf(() => summarise(dataset, { query: 'q' }));
    expect(error.code).toBe('SOURCE_FAILED');
    expect(existsSync('copy.csv')).toBe(false);
    await dataset.source.close();
  });

  test('may not load extensions nor be told otherwise', async () => {
    const queries = {
      settings: `select count(*) as n from duckdb_settings() where value = 'false' and name in (
        'autoinstall_known_extensions', 'autoload_known_extensions', 'allow_community_extensions',
        'enable_external_access')`,
      locked: "select count(*) as n from duckdb_settings() where name = 'lock_configuration' and value = 'true'",
    };
    const source = { kind: 'csv', path: hospitalCsv('cleveland') };
    const dataset = await openConfigured({ source, queries, minimumRows: 1 });
    expect(plainSummary(await summarise(dataset, { query: 'settings' })).sum).toBe('4');
    expect(plainSummary(await summarise(dataset, { query: 'locked' })).sum).toBe('1');
    await dataset.source.close();
  });

  test('refuses a file that is not Parquet', async () => {
    const path = folder.path('not.parquet');
    await writeFile(path, 'patient 4711 was here, and this is not a Parquet file');
    const dataset = await openConfigured({ source: { kind: 'parquet', path }, columns: '*' });
    const error = await dataErrorOf(() => summarise(dataset, { column: 'a' }));
    expect(error.code).toBe('SOURCE_MALFORMED');
    expect(error.message).toBe('Parquet file not.parquet: not a readable Parquet file; correct the file');
    await dataset.source.close();
  });
});

describe('an SQLite database', () => {
  let path: string;
  beforeAll(() => {
    path = folder.path('clinic 100%?.sqlite');
    const database = new Database(path);
    database.exec(`
      create table patients (age integer, dose real, note text, "we""ird" numeric, scan blob);
      insert into patients values (9007199254740993, 2.3, ' 4.50 ', 1, x'00'), (-9007199254740993, 0.1, null, 2, null);
      create table endless as with recursive s(i) as (select 1 union all select i + 1 from s limit 5000) select i from s;
    `);
    database.close();
  });

  const open = (table: string): ReturnType<typeof openConfigured> =>
    openConfigured({
      source: { kind: 'sqlite', path, table },
      columns: '*',
      queries: {
        delete: 'delete from patients',
        text: "select 'x4711' as note from patients",
        infinite: 'select 9e999 as age',
        bigger: 'select age from patients where age > 0 -- only these',
      },
      minimumRows: 1,
    });

  test('is read exactly: 64-bit integers, decimals, numbers in text', async () => {
    const dataset = await open('patients');
    const sumOf = async (column: string): Promise<string> => plainSummary(await summarise(dataset, { column })).sum;
    expect(await sumOf('age')).toBe('0');
    expect(await sumOf('dose')).toBe('2.4');
    expect(await sumOf('note')).toBe('4.5');
    expect(await sumOf('we"ird')).toBe('3');
    expect(plainSummary(await summarise(dataset, { query: 'bigger' })).sum).toBe('9007199254740993');
  });

  test('is read in batches', async () => {
    const dataset = await open('endless');
    expect(plainSummary(await summarise(dataset, { column: 'i' })).sum).toBe('12502500');
  });

  test.each([
    ['a BLOB', { column: 'scan' }, 'NOT_NUMERIC'],
    ['text', { query: 'text' }, 'NOT_NUMERIC'],
    ['infinity', { query: 'infinite' }, 'NOT_NUMERIC'],
    ['a missing column', { column: 'height' }, 'COLUMN_UNKNOWN'],
    ['a statement that writes', { query: 'delete' }, 'SOURCE_FAILED'],
  ])('refuses %s', async (_problem, selection, code) => {
    const dataset = await open('patients');
    const error = await dataErrorOf(() => summarise(dataset, selection));
    expect(error.code).toBe(code);
    expect(error.message).not.toContain('4711');
  });

  test('refuses a missing table', async () => {
    const dataset = await open('absent');
    const error = await dataErrorOf(() => summarise(dataset, { column: 'age' }));
    expect(error.code).toBe('SOURCE_MISSING');
    expect(error.message).toBe('SQLite file clinic 100%?.sqlite: SQLite reports no such table: absent');
  });

  test('is not changed, nor is anything created beside it', async () => {
    const before = await readFile(path);
    const dataset = await open('patients');
    await summarise(dataset, { column: 'age' });
    expect(await readFile(path)).toEqual(before);
    expect(existsSync(`${path}-journal`) || existsSync(`${path}-wal`)).toBe(false);
  });

  test('that another program has locked is worth another attempt', async () => {
    const dataset = await open('patients');
    const writer = new Database(path);
    writer.exec('begin exclusive');
    const error = await dataErrorOf(() => summarise(dataset, { column: 'age' }));
    expect(error).toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true });
    writer.exec('rollback');
    writer.close();
    expect((await summarise(dataset, { column: 'age' })).count).toBe(2);
  });

  test('stops reading when it is aborted', async () => {
    const dataset = await open('endless');
    const reason = new Error('the deadline has passed');
    const controller = new AbortController();
    const read = async (): Promise<number> => {
      let batches = 0;
      for await (const rows of dataset.source.read({ query: undefined, columns: ['i'] }, controller.signal)) {
        batches += rows.length > 0 ? 1 : 0;
        controller.abort(reason);
      }
      return batches;
    };
    await expect(read()).rejects.toBe(reason);
  });

  test('that is another kind of file is refused', async () => {
    await writeFile(folder.path('text.sqlite'), 'this is a text file about patient 4711 and not a database at all');
    const source = { kind: 'sqlite', path: folder.path('text.sqlite'), table: 't' };
    const dataset = await openConfigured({ source, columns: '*' });
    const error = await dataErrorOf(() => summarise(dataset, { column: 'a' }));
    expect(error.code).toBe('SOURCE_MALFORMED');
  });
});

test.each(['csv', 'parquet', 'sqlite'])('a missing %s file is reported when the source is opened', async (kind) => {
  const source = { kind, path: folder.path('absent.file'), ...(kind === 'sqlite' ? { table: 't' } : {}) };
  const error = await dataErrorOf(() => openConfigured({ source, columns: '*' }));
  expect(error).toMatchObject({ code: 'SOURCE_MISSING', retryable: false });
  expect(error.message).toContain('file absent.file: cannot be read (ENOENT)');
});
