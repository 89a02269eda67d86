import { join } from 'node:path';
import { createColoniesClient } from '../../colony/client.ts';
import { developmentDirectory } from '../../colony/development-colony.ts';
import { requireColonyName } from '../../colony/environment.ts';
import { UserError } from '../../colony/errors.ts';
import type { ExecutorDefinition } from '../../colony/executor.ts';
import { generateIdentity, type Identity, readIdentity } from '../../colony/identity.ts';
import { readPrivateFile, writePrivateFile } from '../../colony/private-files.ts';
import { startWorker, type Worker } from '../../colony/worker.ts';
import { DataError } from '../../data/errors.ts';
import { type DaemonOptions, workerOptions } from '../daemon-options.ts';
import { defineAggregator } from './aggregator.ts';
import type { Desk } from './daemons/desk.ts';
import { KnownKeys } from './daemons/known-keys.ts';
import { NO_NEW_ROWS, type NewRowsSource, readNewColumns, readNewLabels } from './daemons/new-rows.ts';
import { createPeers } from './daemons/peers.ts';
import { type PartyTable, readTable, type TableContent } from './daemons/table.ts';
import { defineFeatureParty } from './feature-party.ts';
import { defineLabelParty } from './label-party.ts';
import { openNewRows, openTable, type PartyDataOptions } from './party-data.ts';
import { lockDirectory } from './party-lock.ts';

export type { PartyDataOptions } from './party-data.ts';

/** How a daemon of a regression is started. Its executor type is its party's name. */
export interface RegressionOptions extends Omit<DaemonOptions, 'identityFile' | 'executorType'> {
  readonly executorType: string;
  /** Keys, state and results; below `regression/` of the development directory unless given. */
  readonly directory?: string | undefined;
  /** The other parties' Colonies ids; where it is empty, the server is believed. */
  readonly peers?: ReadonlyMap<string, string> | undefined;
  /** Whether runs may overrule the guards: for published data only. @default false */
  readonly acceptsDemonstrations?: boolean | undefined;
  /** Whether runs must have strict guards. @default false */
  readonly isStrict?: boolean | undefined;
  /** The daemon's own environment, for the default directory. */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** Starts the daemon of a party that holds columns. @throws UserError, DataError */
export function startFeatureParty(options: RegressionOptions, data: PartyDataOptions): Promise<Worker> {
  return startAtDesk(options, (desk) =>
    withTable(options, data, async (table, newRows, content) => {
      if (newRows.readIds !== undefined && newRows.dataset === undefined) {
        throw new UserError(
          '--new-ids: expected --new-rows beside it, got none; only the party with the labels needs no rows',
        );
      }
      if (content !== undefined) {
        await checkNewRows(newRows, () => readNewColumns(desk.name, newRows, table, content.names, AT_START));
      }
      return defineFeatureParty(desk, table, newRows);
    }),
  );
}

/** Starts the daemon of the party that holds the labels. @throws UserError, DataError */
export function startLabelParty(options: RegressionOptions, data: PartyDataOptions): Promise<Worker> {
  return startAtDesk(options, (desk) =>
    withTable(options, data, async (table, newRows, content) => {
      if (content !== undefined) requireOneTarget(content);
      if (content !== undefined) await checkNewRows(newRows, () => readNewLabels(desk.name, newRows, table, AT_START));
      return defineLabelParty(desk, table, newRows);
    }),
  );
}

/** Starts the daemon that adds what it cannot read. @throws UserError */
export function startAggregator(options: RegressionOptions): Promise<Worker> {
  return startAtDesk(options, async (desk) => ({ definition: defineAggregator(desk), close: async () => {} }));
}

/** Nothing stops a daemon before it has started. */
const AT_START = new AbortController().signal;

/** What a daemon runs, and what is closed after it. */
interface Runnable {
  readonly definition: ExecutorDefinition;
  close(): Promise<void>;
}

/** The directory belongs to one daemon from before its key is read until it has stopped. */
async function startAtDesk(options: RegressionOptions, prepare: (desk: Desk) => Promise<Runnable>): Promise<Worker> {
  const root = partyDirectory(options.executorType, options.directory, options.env ?? process.env);
  const unlock = lockDirectory(root);
  let runnable: Runnable | undefined;
  const leave = async (): Promise<void> => {
    unlock();
    await runnable?.close();
  };
  try {
    const { desk, identity } = openDesk(options, root);
    runnable = await prepare(desk);
    const worker = await startWorker(runnable.definition, { ...workerOptions(options), identity });
    // Whether it stopped well or badly is for whoever watches it to see.
    void worker.stopped.then(leave, leave);
    return worker;
  } catch (error) {
    await leave();
    throw error;
  }
}

/** What the operator has named wrongly is told now, not in the first run; a database may well start after its daemon. */
async function withTable(
  { log }: RegressionOptions,
  data: PartyDataOptions,
  define: (table: PartyTable, newRows: NewRowsSource, content: TableContent | undefined) => Promise<ExecutorDefinition>,
): Promise<Runnable> {
  const table = await openTable(data);
  const { source } = table.dataset;
  let newRows = NO_NEW_ROWS;
  const close = async (): Promise<void> => {
    await source.close();
    await newRows.dataset?.source.close();
  };
  try {
    newRows = await openNewRows(data);
    const content = await readTable(table, AT_START).catch((error: unknown) => {
      if (!(error instanceof DataError) || !error.retryable) throw error;
      log.warn({ code: error.code }, `${error.message}; the table is not checked`);
    });
    log.info({ source: source.description, rows: content?.rowCount }, 'opened the data source');
    return { definition: await define(table, newRows, content ?? undefined), close };
  } catch (error) {
    await close();
    throw error instanceof DataError ? forOperator(error, source.description, adviceFor(error, data)) : error;
  }
}

/** What is wrong with new rows and their list is told now as well, under their own names. @throws UserError, DataError */
async function checkNewRows({ dataset, readIds }: NewRowsSource, read: () => Promise<unknown>): Promise<void> {
  await readIds?.();
  if (dataset === undefined) return;
  await read().catch((error: unknown) => {
    throw error instanceof DataError ? forOperator(error, dataset.source.description) : error;
  });
}

/** At the start only the operator listens, who may know which row or id is meant. */
function forOperator(error: DataError, source: string, advice = ''): Error {
  const { operatorNote: note } = error;
  if (note === undefined) return error;
  const place = note.startsWith(`${source}: `) ? '' : `${source}: `;
  return new UserError(`${place}${note}${advice}`, { cause: error });
}

/** What helps where columns that nobody has chosen hold no numbers. */
function adviceFor({ code }: DataError, { columns, idColumn }: PartyDataOptions): string {
  if (columns !== undefined || (code !== 'NOT_NUMERIC' && code !== 'MISSING_VALUE')) return '';
  const ids = idColumn === undefined ? ', and the one with the ids with --id-column' : '';
  return `; or name the columns to take with --columns or --target${ids}`;
}

function requireOneTarget({ names }: TableContent): void {
  if (names.length === 1) return;
  throw new UserError(
    `--target: expected the name of the column with the labels, since the source has ${names.length}; give one of ${names.join(', ')}`,
  );
}

/** The party's directory: key, state and results of its runs. */
function partyDirectory(party: string, directory: string | undefined, env: NodeJS.ProcessEnv): string {
  return directory ?? join(developmentDirectory(env), 'regression', party);
}

function openDesk(options: RegressionOptions, root: string): { desk: Desk; identity: Identity } {
  const { executorType, environment, log, peers = new Map() } = options;
  const { acceptsDemonstrations = false, isStrict = false } = options;
  if (acceptsDemonstrations && isStrict) {
    throw new UserError('guards: expected either strict guards or demonstrations, got both; choose one');
  }
  const identity = keepIdentity(join(root, 'identity.key'));
  const client = createColoniesClient({ server: environment.server, identity, log });
  const colonyName = requireColonyName(environment);
  const known = createPeers({ client, colonyName, pinned: peers, log });
  log.info(
    { executorId: identity.id, directory: root },
    'this party signs with this id; others can pin it with --peer',
  );
  return {
    desk: {
      name: executorType,
      identity,
      colonyName,
      client,
      peers: known,
      keys: new KnownKeys(),
      root,
      acceptsDemonstrations,
      isStrict,
    },
    identity,
  };
}

/** A party keeps its key between starts: others know it by its id. */
function keepIdentity(path: string): Identity {
  const text = readPrivateFile(path);
  if (text !== undefined) return readIdentity(text, path);
  const identity = generateIdentity();
  writePrivateFile(path, `${identity.privateKey}\n`);
  return identity;
}
