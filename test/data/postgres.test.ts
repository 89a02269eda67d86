import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres, startPostgresWithoutTls, startRefusingPostgres, startSilentServer, type StandIn, type TestPostgres } from '../support/postgres.ts';
import {
  dataErrorOf,
  expectedResults,
  hospitalCsv,
  hospitals,
  openConfigured,
  plainExpectation,
  plainSummary, summarise } from './support.ts';

describe('a PostgreSQL database', () => {
  let server: TestPostgres;

  beforeAll(async () => {
    server = await startPostgres();
    for (const hospital of hospitals) await server.exec(await hospitalSql(hospital));
    await server.exec(`
      create schema "ward 7";
      create table "ward 7".exact (n numeric, d double precision, i bigint, t text, "we""ird" int, b boolean);
      insert into "ward 7".exact values
        (1234567890123456789.000000001, 0.1, 9007199254740993, ' 4.50 ', 1, true),
        (0.000000001, 0.2, -9007199254740993, null, 2, false);
      create table many as select i, i % 4 as g from generate_series(1, 5000) as i;
    `);
  }, 60_000);
  afterAll(() => server.stop());

  const open = (table: string, more: Record<string, unknown> = {}): ReturnType<typeof openConfigured> =>
    openConfigured({
      source: { kind: 'postgres', host: server.host, port: server.port, database: 'postgres', user: 'postgres', table, ...more },
      columns: '*',
      queries: {
        'timeout-ms': "select setting as ms from pg_settings where name = 'statement_timeout'",
        'read-only': "select 1 as one where current_setting('transaction_read_only') = 'on'",
        writing: "select nextval('writing') as i",
        deleting: 'with gone as (delete from many returning i) select i from gone',
        dividing: 'select i / (i - i) as i from many',
        casting: "select cast('patient 4711' || i as integer) as i from many",
        several: 'select 1 as i) as a; select * from (select 2 as i',
        misspelt: 'selekt 1',
      },
      minimumRows: 1,
    });

  test.each(hospitals)('gives the published results for every column of %s, exactly', async (hospital) => {
    const dataset = await open(hospital);
    for (const [column, results] of Object.entries((await expectedResults(hospital)).columns)) {
      const summary = await summarise(dataset, { column });
      expect({ column, ...plainSummary(summary) }).toEqual({ column, ...plainExpectation(results) });
    }
  });

  test('is read exactly: numeric, double, 64-bit integer, numbers in text', async () => {
    const dataset = await open('exact', { schema: 'ward 7' });
    const sumOf = async (column: string): Promise<string> => plainSummary(await summarise(dataset, { column })).sum;
    expect(await sumOf('n')).toBe('1234567890123456789.000000002');
    expect(await sumOf('d')).toBe('0.3');
    expect(await sumOf('i')).toBe('0');
    expect(await sumOf('t')).toBe('4.5');
    expect(await sumOf('we"ird')).toBe('3');
  });

  test('is read in batches', async () => {
    const dataset = await open('many');
    expect(plainSummary(await summarise(dataset, { column: 'i' })).sum).toBe('12502500');
  });

  test('is read in a read-only transaction with a statement timeout', async () => {
    const dataset = await open('many', { statementTimeoutSeconds: 7.5 });
    expect(plainSummary(await summarise(dataset, { query: 'timeout-ms' })).sum).toBe('7500');
    expect((await summarise(dataset, { query: 'read-only' })).count).toBe(1);
  });

  test.each([
    ['a missing column', { column: 'height' }, 'COLUMN_UNKNOWN', 'columns "i", "g", got "height"'],
    ['a hostile column name', { column: 'i"; drop table many' }, 'COLUMN_UNKNOWN', 'got "i\\"; drop table many"'],
    ['a query that writes', { query: 'deleting' }, 'SOURCE_FAILED', 'SQLSTATE'],
    ['several statements', { query: 'several' }, 'SOURCE_FAILED', 'SQLSTATE 42601'],
    ['a misspelt query', { query: 'misspelt' }, 'SOURCE_FAILED', 'SQLSTATE 42601: syntax error at or near'],
    ['a query that fails on a row', { query: 'dividing' }, 'SOURCE_FAILED', 'SQLSTATE 22012'],
    ['a query that cannot cast a row', { query: 'casting' }, 'SOURCE_FAILED', 'SQLSTATE 22P02'],
  ])('refuses %s, shows no row and goes on serving', async (_problem, selection, code, expected) => {
    const dataset = await open('many');
    const error = await dataErrorOf(() => summarise(dataset, selection));
    expect(error).toMatchObject({ code, retryable: false });
    expect(error.message).toContain(`PostgreSQL database postgres at ${server.host}:${server.port}: `);
    expect(error.message).toContain(expected);
    expect(error.message).not.toContain('4711');
    expect((await summarise(dataset, { column: 'i' })).count).toBe(5000);
  });

  test('refuses a missing table', async () => {
    const dataset = await open('absent');
    const error = await dataErrorOf(() => summarise(dataset, { column: 'i' }));
    expect(error).toMatchObject({ code: 'SOURCE_MISSING', retryable: false });
    expect(error.message).toContain('SQLSTATE 42P01: relation "absent" does not exist');
  });

  test('refuses a boolean, which is not a number', async () => {
    const dataset = await open('exact', { schema: 'ward 7' });
    const error = await dataErrorOf(() => summarise(dataset, { column: 'b' }));
    expect(error.code).toBe('NOT_NUMERIC');
  });

  test('is left in peace when the reading is aborted', async () => {
    const dataset = await open('many');
    const controller = new AbortController();
    const reason = new Error('the deadline has passed');
    const read = async (): Promise<void> => {
      for await (const rows of dataset.source.read({ query: undefined, columns: ['i'] }, controller.signal)) {
        expect(rows).toHaveLength(2000);
        controller.abort(reason);
      }
    };
    await expect(read()).rejects.toBe(reason);
    expect((await summarise(dataset, { column: 'i' })).count).toBe(5000);
  });
});

function openAt(port: number, more: Record<string, unknown> = {}): ReturnType<typeof openConfigured> {
  return openConfigured({
    source: {
      kind: 'postgres',
      url: `postgres://reader@127.0.0.1:${port}/ward`,
      passwordEnv: 'TEST_PASSWORD',
      table: 'patients',
      ...more,
    },
    columns: '*',
  });
}

describe('a PostgreSQL database that cannot be read', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    delete process.env['TEST_PASSWORD'];
    for (const stop of stops.splice(0)) await stop();
  });

  async function keep(starting: Promise<StandIn>): Promise<StandIn> {
    const server = await starting;
    stops.push(server.stop);
    return server;
  }

  test('because nobody listens is worth another attempt', async () => {
    const { port, stop } = await startSilentServer();
    await stop();
    const error = await dataErrorOf(async () => summarise(await openAt(port), { column: 'age' }));
    expect(error).toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true });
    expect(error.message).toBe(
      `PostgreSQL database ward at 127.0.0.1:${port}: cannot be reached (ECONNREFUSED); is the server running?`,
    );
  });

  test('because it does not answer is worth another attempt', async () => {
    const dataset = await openAt((await keep(startSilentServer())).port, { connectTimeoutSeconds: 0.2 });
    const error = await dataErrorOf(() => summarise(dataset, { column: 'age' }));
    expect(error).toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true });
    expect(error.message).toContain('(time-out)');
  });

  test('is not waited for after an abort', async () => {
    const dataset = await openAt((await keep(startSilentServer())).port);
    const controller = new AbortController();
    const reason = new Error('the deadline has passed');
    const summary = summarise(dataset, { column: 'age' }, { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(summary).rejects.toBe(reason);
  });

  test.each([
    ['the password is wrong', '28P01', 'SOURCE_REFUSED', false, 'user or password refused'],
    ['there is no such database', '3D000', 'SOURCE_MISSING', false, 'no such database'],
    ['it has no connection left', '53300', 'SOURCE_UNREACHABLE', true, 'the server is short of connections'],
    ['it is starting', '57P03', 'SOURCE_UNREACHABLE', true, 'the server is starting or stopping'],
  ])('because %s says so without the password', async (_problem, sqlState, code, retryable, expected) => {
    process.env['TEST_PASSWORD'] = 's3cret';
    const server = await keep(startRefusingPostgres({ sqlState, message: 'refused s3cret' }));
    const dataset = await openAt(server.port);
    const error = await dataErrorOf(() => summarise(dataset, { column: 'age' }));
    expect(error).toMatchObject({ code, retryable });
    expect(error.message).toContain(`at 127.0.0.1:${server.port}: the server reports SQLSTATE ${sqlState}; ${expected}`);
    expect(Buffer.concat(server.received).includes('s3cret')).toBe(true);
    expect(JSON.stringify([error.message, error.stack, dataset.source.description])).not.toContain('s3cret');
  });

  test('because no password is configured names the variable', async () => {
    const server = await keep(startRefusingPostgres({ sqlState: '28P01', message: 'refused' }));
    const error = await dataErrorOf(async () => summarise(await openAt(server.port), { column: 'age' }));
    expect(error.code).toBe('SOURCE_REFUSED');
    expect(error.message).toContain('"source.passwordEnv"');
  });

  test('because it does not offer TLS when TLS is wanted is not worth another attempt', async () => {
    const { port } = await keep(startPostgresWithoutTls());
    const error = await dataErrorOf(async () => summarise(await openAt(port, { ssl: true }), { column: 'age' }));
    expect(error).toMatchObject({ code: 'SOURCE_REFUSED', retryable: false });
    expect(error.message).toContain('does not offer TLS');
  });
});

async function hospitalSql(hospital: string): Promise<string> {
  const [header = '', ...lines] = (await readFile(hospitalCsv(hospital), 'utf8')).trim().split('\n');
  const columns = header.split(',').map((name) => `${name} numeric`);
  const rows = lines.map((line) => `(${line.split(',').map((cell) => cell || 'null').join(', ')})`);
  return `create table ${hospital} (${columns.join(', ')}); insert into ${hospital} values ${rows.join(', ')};`;
}
