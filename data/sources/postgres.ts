import { readFile } from 'node:fs/promises';
import type { Client, ClientConfig, CustomTypesConfig, QueryArrayConfig, QueryArrayResult } from 'pg';
import { isLocalHost, type PostgresSourceConfig } from '../config.ts';
import type { DataSource, ReadRequest, Row } from '../source.ts';
import { quoteIdentifier, subquery } from '../sql.ts';
import { requireFile } from './file.ts';
import { loadLibrary } from './library.ts';
import { postgresError } from './postgres-error.ts';

const BATCH_ROWS = 2000;

/** Leaves every value the text that the server sent: parsing `numeric` into a double would lose digits. */
const asText: CustomTypesConfig = { getTypeParser: () => (text: string | Buffer) => text.toString() };

/**
 * A PostgreSQL database. Each read has its own connection and one read-only transaction with a statement timeout;
 * rows come through a cursor. Connections to other machines use TLS with a verified certificate unless the operator
 * turned it off.
 */
export async function openPostgresSource(config: PostgresSourceConfig): Promise<DataSource> {
  const { default: pg } = await loadLibrary('pg', () => import('pg'));
  return new PostgresSource(pg.Client, config);
}

class PostgresSource implements DataSource {
  readonly description: string;
  readonly #Client: typeof Client;
  readonly #config: PostgresSourceConfig;

  constructor(client: typeof Client, config: PostgresSourceConfig) {
    this.#Client = client;
    this.#config = config;
    this.description = `PostgreSQL database ${config.database} at ${config.host}:${config.port}`;
  }

  async columns(query: string | undefined, signal?: AbortSignal): Promise<readonly string[]> {
    const transaction = await this.#begin(signal);
    try {
      const { fields } = await transaction.ask(`SELECT * FROM ${this.#relation(query)} LIMIT 0`);
      return fields.map((field) => field.name);
    } finally {
      await transaction.end();
    }
  }

  async *read(request: ReadRequest, signal?: AbortSignal): AsyncGenerator<readonly Row[]> {
    const columns = request.columns.map(quoteIdentifier).join(', ');
    const select = `SELECT ${columns} FROM ${this.#relation(request.query)}`;
    const transaction = await this.#begin(signal);
    try {
      await transaction.ask(`DECLARE selection NO SCROLL CURSOR FOR ${select}`);
      for (;;) {
        const { rows } = await transaction.ask(`FETCH ${BATCH_ROWS} FROM selection`);
        if (rows.length === 0) return;
        yield rows;
      }
    } finally {
      await transaction.end();
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #begin(signal: AbortSignal | undefined): Promise<Transaction> {
    const client = new this.#Client(await this.#clientConfig());
    // Nothing is awaited from here until the transaction listens to the signal.
    signal?.throwIfAborted();
    const transaction = new Transaction(client, this.description, signal);
    await transaction.begin(Math.ceil(this.#config.statementTimeoutSeconds * 1000));
    return transaction;
  }

  async #clientConfig(): Promise<ClientConfig> {
    const { host, port, database, user, passwordEnv, connectTimeoutSeconds } = this.#config;
    const password = process.env[passwordEnv];
    return {
      host,
      port,
      database,
      user,
      ...(password === undefined ? {} : { password }),
      ssl: await this.#tls(),
      connectionTimeoutMillis: connectTimeoutSeconds * 1000,
      application_name: 'sealed-colonies',
      types: asText,
    };
  }

  async #tls(): Promise<ClientConfig['ssl']> {
    const { ssl, host } = this.#config;
    if (typeof ssl !== 'object') return (ssl ?? !isLocalHost(host)) ? { rejectUnauthorized: true } : false;
    await requireFile(ssl.ca, `${this.description}: certificate file "source.ssl.ca"`);
    return { rejectUnauthorized: true, ca: await readFile(ssl.ca, 'utf8') };
  }

  #relation(query: string | undefined): string {
    if (query !== undefined) return subquery(query);
    const { schema, table = '' } = this.#config;
    return schema === undefined ? quoteIdentifier(table) : `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
  }
}

/** One connection with one read-only transaction; an abort cuts the connection. */
class Transaction {
  readonly #client: Client;
  readonly #description: string;
  readonly #signal: AbortSignal | undefined;
  readonly #aborted: Promise<never>;
  #stopListening = (): void => undefined;
  #ending: Promise<void> | undefined;

  constructor(client: Client, description: string, signal: AbortSignal | undefined) {
    this.#client = client;
    this.#description = description;
    this.#signal = signal;
    // A connection lost between two statements shows itself in the next one; unheard, the event would end the process.
    client.on('error', () => undefined);
    this.#aborted = this.#rejectOnAbort();
    this.#aborted.catch(() => undefined);
  }

  async begin(timeoutMs: number): Promise<void> {
    try {
      await this.#guard(this.#client.connect());
      await this.ask('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await this.ask(`SET LOCAL statement_timeout = ${timeoutMs}`);
      await this.ask(`SET LOCAL idle_in_transaction_session_timeout = ${timeoutMs}`);
      // Doubles with every digit they need, also from servers before version 12.
      await this.ask('SET LOCAL extra_float_digits = 3');
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  /** Sends one statement by the extended protocol, which refuses several in one text. */
  async ask(text: string): Promise<QueryArrayResult<string[]>> {
    return await this.#guard(
      this.#client.query<string[]>({ text, rowMode: 'array', queryMode: 'extended' } as QueryArrayConfig),
    );
  }

  async end(): Promise<void> {
    this.#stopListening();
    this.#ending ??= this.#client.end().catch(() => undefined);
    // Cutting a connection that is still being made takes as long as making it; whoever aborted does not wait for it.
    if (!this.#signal?.aborted) await this.#ending;
  }

  #rejectOnAbort(): Promise<never> {
    return new Promise((_resolve, reject) => {
      const onAbort = (): void => {
        reject(new Error('aborted'));
        void this.end();
      };
      this.#signal?.addEventListener('abort', onAbort);
      this.#stopListening = () => this.#signal?.removeEventListener('abort', onAbort);
    });
  }

  async #guard<Result>(answer: Promise<Result>): Promise<Result> {
    try {
      return await Promise.race([answer, this.#aborted]);
    } catch (error) {
      throw this.#signal?.aborted ? this.#signal.reason : postgresError(error, this.#description);
    }
  }
}
