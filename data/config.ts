import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import * as z from 'zod';
import { isLoopback } from '../colony/address.ts';
import { toError } from '../colony/errors.ts';
import { parseJson } from '../colony/json-text.ts';
import { tryParseDecimal } from './decimal.ts';
import { DataError, quoteName } from './errors.ts';

const DEFAULT_MINIMUM_ROWS = 5;

const decimalText = z
  .union([z.number(), z.string()])
  .refine((value) => tryParseDecimal(String(value)) !== undefined, 'expected a decimal number')
  .refine(
    (value) => typeof value === 'string' || !Number.isInteger(value) || Number.isSafeInteger(value),
    'an integer beyond 2^53 must be written as text, in quotation marks, to stay exact',
  )
  .transform(String);

const nonEmpty = z.string().min(1);

// DuckDB would expand these to several files, which is never what "the file" means.
const singleFilePath = nonEmpty.regex(/^[^*?[\]]+$/, 'the path may not contain * ? [ ]');

const numberSource = z.strictObject({ kind: z.literal('number'), value: decimalText });

const csvSource = z.strictObject({
  kind: z.literal('csv'),
  path: singleFilePath,
  delimiter: z
    .string()
    .regex(/^[^"\r\n\w.+-]$/, 'expected one character that is not a quotation mark or part of a number')
    .default(','),
  nullText: z
    .union([z.string(), z.array(z.string())])
    .default([])
    .transform((text) => (typeof text === 'string' ? [text] : text)),
});

const parquetSource = z.strictObject({ kind: z.literal('parquet'), path: singleFilePath });

const sqliteSource = z.strictObject({ kind: z.literal('sqlite'), path: nonEmpty, table: nonEmpty.optional() });

const port = z.int().min(1).max(65_535);

const postgresSource = z
  .strictObject({
    kind: z.literal('postgres'),
    url: nonEmpty.optional(),
    host: nonEmpty.optional(),
    port: port.optional(),
    database: nonEmpty.optional(),
    user: nonEmpty.optional(),
    passwordEnv: nonEmpty.default('PGPASSWORD'),
    schema: nonEmpty.optional(),
    table: nonEmpty.optional(),
    ssl: z.union([z.boolean(), z.strictObject({ ca: nonEmpty })]).optional(),
    connectTimeoutSeconds: z.number().positive().max(600).default(10),
    statementTimeoutSeconds: z.number().positive().max(86_400).default(60),
  })
  .transform((source, context) => {
    const { url, host, port: givenPort, database, user, ...rest } = source;
    if (url !== undefined) {
      const address = addressOfUrl(url);
      if ('problem' in address || host || givenPort || database || user) {
        const message = 'problem' in address ? address.problem : 'give either "url" or host, port, database and user';
        context.addIssue({ code: 'custom', path: ['url'], message });
        return z.NEVER;
      }
      return { ...rest, ...address };
    }
    if (host === undefined || database === undefined || user === undefined) {
      context.addIssue({ code: 'custom', message: 'expected "url", or "host", "database" and "user"' });
      return z.NEVER;
    }
    return { ...rest, host, port: givenPort ?? 5432, database, user };
  });

const namedQueries = z
  .record(z.string().regex(/^[\w.-]{1,64}$/, 'expected 1 to 64 of A-Z a-z 0-9 _ . -'), nonEmpty)
  .default({});

const keyId = z.string().regex(/^[0-9a-f]{64}$/, 'expected the id of a public key, as "colonies keys show" prints it');

const acceptedKeys = z.union([z.literal('*'), z.array(keyId)], 'expected "*" or a list of ids of public keys');

const dataConfigSchema = z
  .strictObject({
    source: z.discriminatedUnion('kind', [numberSource, csvSource, parquetSource, sqliteSource, postgresSource]),
    queries: namedQueries,
    numbers: namedQueries,
    columns: z.union([z.literal('*'), z.array(nonEmpty)], 'expected "*" or a list of column names').default([]),
    groupColumns: z.array(nonEmpty).default([]),
    acceptedKeys: acceptedKeys.optional(),
    minimumRows: z.int().min(1).optional(),
  })
  .superRefine((config, context) => {
    const problem = offerProblem(
      config.source,
      config.columns,
      Object.keys({ ...config.queries, ...config.numbers }).length,
    );
    if (problem) context.addIssue({ code: 'custom', ...problem });
  })
  .transform((config) => ({
    ...config,
    columns: config.source.kind === 'number' ? ('*' as const) : config.columns,
    acceptedKeys: config.acceptedKeys ?? (config.source.kind === 'number' ? ('*' as const) : []),
    minimumRows: config.minimumRows ?? (config.source.kind === 'number' ? 1 : DEFAULT_MINIMUM_ROWS),
  }));

/**
 * What an operator offers to workflows: one source, the columns, queries and numbers they may choose among, the columns
 * they may group by, the public keys whose holders may read answers, and the least number of rows an aggregate may be made of. It holds no secret. The README beside this file describes every field.
 */
export type DataConfig = z.output<typeof dataConfigSchema>;
/** Any source; paths are absolute. */
export type SourceConfig = DataConfig['source'];
/** A number in the configuration itself, as decimal text. */
export type NumberSourceConfig = z.output<typeof numberSource>;
/** A CSV or Parquet file, read by DuckDB. */
export type FileSourceConfig = z.output<typeof csvSource> | z.output<typeof parquetSource>;
/** An SQLite database file. */
export type SqliteSourceConfig = z.output<typeof sqliteSource>;
/** A PostgreSQL database; the password stays in the environment variable named by `passwordEnv`. */
export type PostgresSourceConfig = z.output<typeof postgresSource>;

/** Where a configuration came from. */
export interface ConfigOrigin {
  /** For messages: the file's name. */
  readonly name: string;
  /** What relative paths in it are relative to. */
  readonly baseDirectory: string;
}

/** The configuration of the tutorial's hospital: one private number, for example from the command line. */
export function numberConfig(value: number | string): DataConfig {
  return parseDataConfig({ source: { kind: 'number', value } }, { name: 'the number given', baseDirectory: '.' });
}

/**
 * Reads and checks an operator's configuration file.
 *
 * @param path a JSON file; relative paths inside it are relative to its folder
 * @throws DataError `CONFIG_INVALID` naming the file and every wrong field
 */
export async function loadDataConfig(path: string): Promise<DataConfig> {
  const origin = { name: path, baseDirectory: dirname(resolve(path)) };
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new DataError(
      'CONFIG_INVALID',
      `${path}: the configuration file cannot be read (${error.code ?? error.name})`,
    );
  });
  return parseDataConfig(readJson(text, path), origin);
}

/**
 * Checks a configuration.
 *
 * @throws DataError `CONFIG_INVALID`, one line per wrong field with its JSON path; values are not repeated
 */
export function parseDataConfig(value: unknown, origin: ConfigOrigin): DataConfig {
  const parsed = dataConfigSchema.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${jsonPath(issue.path)}: ${issue.message}`);
    throw new DataError('CONFIG_INVALID', `${origin.name}: the configuration is not valid\n${problems.join('\n')}`);
  }
  return { ...parsed.data, source: withAbsolutePaths(parsed.data.source, origin.baseDirectory) };
}

function readJson(text: string, path: string): unknown {
  try {
    return parseJson(text, path);
  } catch (error) {
    throw new DataError('CONFIG_INVALID', toError(error).message);
  }
}

function jsonPath(path: readonly PropertyKey[]): string {
  const steps = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`;
    return /^\w+$/.test(String(step)) ? `.${String(step)}` : `[${quoteName(String(step))}]`;
  });
  return `$${steps.join('')}`;
}

function offerProblem(
  source: { kind: string; table?: string | undefined },
  columns: '*' | readonly string[],
  queryCount: number,
): { path: string[]; message: string } | undefined {
  if (source.kind === 'number') {
    if (queryCount === 0 && columns.length === 0) return undefined;
    return { path: ['source'], message: 'a number has no columns and no queries to choose among' };
  }
  if (queryCount === 0 && columns.length === 0) {
    return {
      path: ['columns'],
      message: 'nothing is offered; list the "columns" (or "*"), "queries" or "numbers" that workflows may use',
    };
  }
  const isDatabase = source.kind === 'sqlite' || source.kind === 'postgres';
  if (isDatabase && columns.length > 0 && source.table === undefined) {
    return { path: ['source', 'table'], message: 'expected the table that "columns" belong to' };
  }
  return undefined;
}

function withAbsolutePaths(source: SourceConfig, baseDirectory: string): SourceConfig {
  const absolute = (path: string): string => resolve(baseDirectory, path);
  if (source.kind === 'number') return source;
  if (source.kind !== 'postgres') return { ...source, path: absolute(source.path) };
  return typeof source.ssl === 'object' ? { ...source, ssl: { ca: absolute(source.ssl.ca) } } : source;
}

interface Address {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

const URL_FORM = 'expected postgres://user@host:port/database';

function addressOfUrl(text: string): Address | { readonly problem: string } {
  if (!/^postgres(ql)?:/.test(text) || !URL.canParse(text)) return { problem: URL_FORM };
  const url = new URL(text);
  if (url.password) return { problem: 'put the password into the environment variable that "passwordEnv" names' };
  if (url.search || url.hash) return { problem: 'parameters are not supported; use the fields of the configuration' };
  const [host, database, user] = [url.hostname, url.pathname.slice(1), url.username].map(decodeURIComponent);
  if (!host || !database || !user) return { problem: URL_FORM };
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: url.port === '' ? 5432 : Number(url.port), database, user };
}

/** Whether a database host is this machine itself: a loopback name or address, or the folder of a Unix socket. */
export function isLocalHost(host: string): boolean {
  return isAbsolute(host) || isLoopback(host);
}
