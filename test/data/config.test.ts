import { readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isLocalHost, loadDataConfig, numberConfig, parseDataConfig } from '../../data/config.ts';
import { dataErrorOf, temporaryFolder } from './support.ts';

const origin = { name: 'hospital.json', baseDirectory: '/srv/hospital' };
const csv = { kind: 'csv', path: 'patients.csv' };
const postgres = { kind: 'postgres', host: 'db', database: 'd', user: 'u', table: 't' };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

describe('a data configuration', () => {
  test('offers nothing but what it lists, and at least five rows at a time', () => {
    const config = parseDataConfig({ source: csv, columns: ['age'] }, origin);
    expect(config).toEqual({
      source: { kind: 'csv', path: resolve('/srv/hospital/patients.csv'), delimiter: ',', nullText: [] },
      queries: {},
      numbers: {},
      columns: ['age'],
      groupColumns: [],
      acceptedKeys: [],
      minimumRows: 5,
    });
  });

  test('of a single number needs nothing else', () => {
    expect(numberConfig(5)).toEqual({
      source: { kind: 'number', value: '5' },
      queries: {},
      numbers: {},
      columns: '*',
      groupColumns: [],
      acceptedKeys: '*',
      minimumRows: 1,
    });
  });

  test('is read from a file, with paths relative to the file', async () => {
    await writeFile(folder.path('hospital.json'), JSON.stringify({ source: csv, columns: '*' }));
    const config = await loadDataConfig(folder.path('hospital.json'));
    expect(config.source).toMatchObject({ path: resolve(dirname(folder.path('hospital.json')), 'patients.csv') });
  });

  test('names the database in the fields or in a URL', () => {
    const expected = { host: 'db.example', port: 5433, database: 'ward', user: 'reader', passwordEnv: 'WARD_PASSWORD' };
    const byUrl = { kind: 'postgres', url: 'postgres://reader@db.example:5433/ward', passwordEnv: 'WARD_PASSWORD' };
    const byFields = { kind: 'postgres', ...expected };
    for (const source of [byUrl, byFields]) {
      expect(parseDataConfig({ source, queries: { a: 'select 1' } }, origin).source).toMatchObject(expected);
    }
  });

  test.each<[string, unknown, string]>([
    ['an unknown field', { source: csv, columns: '*', colums: '*' }, '$: Unrecognized key: "colums"'],
    ['an unknown field of the source', { source: { ...csv, table: 't' }, columns: '*' }, '$.source: Unrecognized key'],
    ['an unknown kind', { source: { kind: 'excel' } }, '$.source.kind: Invalid'],
    ['no source', {}, '$.source: Invalid input'],
    ['no number', { source: { kind: 'number', value: 'five' } }, '$.source.value: expected a decimal number'],
    ['an inexact number', { source: { kind: 'number', value: 2 ** 60 } }, '$.source.value: an integer beyond 2^53'],
    ['columns of a number', { source: { kind: 'number', value: 5 }, columns: ['a'] }, '$.source: a number has no columns and no queries'],
    ['nothing offered', { source: csv }, '$.columns: nothing is offered'],
    ['a wildcard path', { source: { ...csv, path: '*.csv' }, columns: '*' }, '$.source.path: the path may not contain'],
    ['columns of no table', { source: { kind: 'sqlite', path: 'a' }, columns: '*' }, '$.source.table: expected the table'],
    ['a bad query name', { source: csv, queries: { 'a b': 'select 1' } }, '$.queries["a b"]: '],
    ['an empty query', { source: csv, queries: { a: '' } }, '$.queries.a: '],
    ['too few rows', { source: csv, columns: '*', minimumRows: 0 }, '$.minimumRows: '],
    ['a bad delimiter', { source: { ...csv, delimiter: '"' }, columns: '*' }, '$.source.delimiter: expected one character'],
    ['half a database', { source: { kind: 'postgres', host: 'h' } }, '$.source: expected "url", or "host"'],
    ['URL and host', { source: { ...postgres, url: 'postgres://u@h/d' }, columns: '*' }, '$.source.url: give either'],
    ['a foreign URL', { source: { kind: 'postgres', url: 'mysql://u@h/d' } }, '$.source.url: expected postgres://'],
    ['URL parameters', { source: { kind: 'postgres', url: 'postgres://u@h/d?a=b' } }, '$.source.url: parameters'],
  ])('is refused with %s', async (_problem, config, expected) => {
    const error = await dataErrorOf(() => parseDataConfig(config, origin));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', retryable: false });
    expect(error.message).toContain('hospital.json: the configuration is not valid\n');
    expect(error.message).toContain(`  ${expected}`);
  });

  test('never holds a password, and the refusal does not repeat it', async () => {
    const source = { kind: 'postgres', url: 'postgres://reader:s3cret@db/ward', table: 't' };
    const error = await dataErrorOf(() => parseDataConfig({ source, columns: '*' }, origin));
    expect(error.message).toContain('$.source.url: put the password into the environment variable');
    expect(error.message).not.toContain('s3cret');
  });

  test('that is not JSON is refused with its line, not with its content', async () => {
    await writeFile(folder.path('broken.json'), '{\n "source": {},\n "password" "s3cret"\n}');
    const error = await dataErrorOf(() => loadDataConfig(folder.path('broken.json')));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('broken.json:3:13: expected ":"; this is not JSON');
    expect(error.message).not.toContain('s3cret');
  });

  test('is accepted as each example of the documentation writes it', async () => {
    const documentation = await readFile(new URL('../../data/README.md', import.meta.url), 'utf8');
    const examples = Array.from(documentation.matchAll(/```json\n(.*?)```/gs), ([, json = '']) => json);
    expect(examples).toHaveLength(5);
    for (const example of examples) expect(() => parseDataConfig(JSON.parse(example), origin)).not.toThrow();
  });

  test('that does not exist is refused', async () => {
    const error = await dataErrorOf(() => loadDataConfig(folder.path('absent.json')));
    expect(error.message).toContain('absent.json: the configuration file cannot be read (ENOENT)');
  });
});

test('only this machine’s own addresses are reached without TLS', () => {
  expect(['localhost', '127.0.0.1', '127.1.2.3', '::1', '/run/postgresql'].every(isLocalHost)).toBe(true);
  expect(['db', '10.0.0.1', '127.0.0.1.example', 'localhost.example'].some(isLocalHost)).toBe(false);
});
