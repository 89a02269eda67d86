/* oxlint-disable typescript/no-unsafe-type-assertion -- packages that may not be there have no types here */
import Libsql from 'libsql';

type Value = string | number;

/** An open database. Statements are prepared once. */
export interface Session extends Disposable {
  run(sql: string, ...values: readonly Value[]): void;
  get(sql: string, ...values: readonly Value[]): unknown;
}

/** A package that can open databases. */
export interface Driver {
  readonly name: string;
  readonly open: (path: string) => Session;
}

/** A prepared statement, as most packages have it. */
interface Statement {
  run(...values: readonly Value[]): unknown;
  get(...values: readonly Value[]): unknown;
}

/** The packages that are present. */
export async function openDrivers(): Promise<Driver[]> {
  const found = await Promise.all([nodeSqlite(), nodeSqliteWasm()]);
  const libsql: Driver = {
    name: 'libsql',
    open(path) {
      const connection = new Libsql(path);
      return session((sql) => connection.prepare(sql) as Statement, connection);
    },
  };
  return [libsql, ...found.filter((driver) => driver !== undefined)];
}

interface Connection {
  close(): void;
}

function session(prepare: (sql: string) => Statement, connection: Connection): Session {
  const statements = new Map<string, Statement>();
  const prepared = (sql: string): Statement => {
    const known = statements.get(sql) ?? prepare(sql);
    statements.set(sql, known);
    return known;
  };
  return {
    run: (sql, ...values) => void prepared(sql).run(...values),
    get: (sql, ...values) => prepared(sql).get(...values),
    [Symbol.dispose]: () => connection.close(),
  };
}

/** What may not be there is imported by a name that the compiler does not follow. */
async function present(name: string): Promise<Record<string, unknown> | undefined> {
  try {
    return (await import(name)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

interface PreparingConnection extends Connection {
  prepare(sql: string): Statement;
}

async function nodeSqlite(): Promise<Driver | undefined> {
  const Database = (await present('node:sqlite'))?.['DatabaseSync'] as
    | (new (path: string) => PreparingConnection)
    | undefined;
  if (Database === undefined) return undefined;
  return {
    name: 'node:sqlite',
    open(path) {
      const connection = new Database(path);
      return session((sql) => connection.prepare(sql), connection);
    },
  };
}

/**
 * Its statements take their values as a list, stay in progress when only the first row is asked for, and must be freed
 * before the connection is closed.
 */
interface WasmStatement {
  run(values: readonly Value[]): unknown;
  all(values: readonly Value[]): readonly unknown[];
  finalize(): void;
}

interface WasmConnection extends Connection {
  prepare(sql: string): WasmStatement;
}

async function nodeSqliteWasm(): Promise<Driver | undefined> {
  const found = (await present('node-sqlite3-wasm'))?.['default'] as
    | { readonly Database: new (path: string) => WasmConnection }
    | undefined;
  if (found === undefined) return undefined;
  return {
    name: 'node-sqlite3-wasm',
    open(path) {
      const connection = new found.Database(path);
      const open: WasmStatement[] = [];
      const prepare = (sql: string): Statement => {
        const statement = connection.prepare(sql);
        open.push(statement);
        return { run: (...values) => statement.run(values), get: (...values) => statement.all(values)[0] };
      };
      const close = (): void => {
        for (const statement of open) statement.finalize();
        connection.close();
      };
      return session(prepare, { close });
    },
  };
}
