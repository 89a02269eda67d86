import { resolve } from 'node:path';
import type { RegressionOptions } from '../../executors/regression/daemon.ts';
import { UsageError } from '../command.ts';
import type { Context } from '../framework/context.ts';
import { daemonOptions } from './daemon.ts';

/** Options of every command that runs a daemon of a regression. */
export const regressionDaemonOptions = {
  directory: {
    type: 'string',
    describe:
      'where this party keeps its key, its state and its results (default: below ~/.sealed-colonies/regression)',
  },
  peer: {
    type: 'string',
    list: true,
    describe:
      "another party's id, or the aggregator's, as <party>=<id>; with one given, no other is accepted (default: the server is believed)",
  },
  demonstration: {
    type: 'boolean',
    describe: 'accept runs that overrule the guards (small batches, rare values, short keys); for published data only',
  },
  strict: {
    type: 'boolean',
    describe: 'accept only runs whose guards are strict: few openings for each row',
  },
  concurrency: daemonOptions.concurrency,
  colonyprvkey: daemonOptions.colonyprvkey,
} as const;

/** What daemons that hold rows are called. */
export const partyPositional = {
  party: { type: 'string', describe: 'name of the party, which requests address it by', required: true },
} as const;

/** The details of a command that runs a daemon that holds rows. @param what it learns and writes */
export function partyDetails(what: string): string {
  return [
    `Its name is its executor type. ${what}`,
    'Its key stays the same between starts, so that others can pin its id with --peer. A start prints that id.',
    'Ctrl-C stops it gracefully; a run goes on when it is started again.',
  ].join('\n');
}

/** Options of the daemons that hold rows. */
export const partyDataOptions = {
  source: {
    type: 'string',
    required: true,
    describe: 'CSV or Parquet file, or a .json configuration of a data source',
  },
  'id-column': { type: 'string', describe: 'column by which rows meet those of the others (default: their position)' },
  ids: { type: 'string', describe: 'file with the ids that all parties have, one on each line (default: all ids)' },
  'new-rows': {
    type: 'string',
    describe: 'rows to predict with models that were trained before, in a file of the same kinds; read anew each time',
  },
  'new-ids': { type: 'string', describe: 'file with the ids of the rows to predict, one on each line (default: all)' },
} as const;

/** Their values. */
interface DaemonArguments {
  readonly directory: string | undefined;
  readonly peer: readonly string[];
  readonly demonstration: boolean;
  readonly strict: boolean;
}

/** What requests may call a party; its directory is named after it, too. */
const PARTY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u;

/** What a regression's daemon needs beside the options of every daemon. */
export function regressionOptions(
  party: string,
  { directory, peer, demonstration, strict }: DaemonArguments,
  { io }: Context,
  path: readonly string[],
): Pick<RegressionOptions, 'directory' | 'peers' | 'acceptsDemonstrations' | 'isStrict' | 'env'> {
  if (!PARTY_NAME.test(party)) {
    throw new UsageError(
      `party: expected 1 to 64 letters, digits, ".", "_", "-", got "${party.slice(0, 80)}", which no request could name`,
      path,
    );
  }
  const peers = peer.map((text): [string, string] => {
    const [, other = '', id = ''] = /^([^=]+)=([0-9a-f]{64})$/u.exec(text) ?? [];
    if (id === '')
      throw new UsageError(`--peer: expected <party>=<id of 64 hexadecimal digits>, got "${text.slice(0, 80)}"`, path);
    return [other, id];
  });
  return {
    directory: directory === undefined ? undefined : resolve(io.cwd, directory),
    peers: new Map(peers),
    acceptsDemonstrations: demonstration,
    isStrict: strict,
    env: io.env,
  };
}

/** Where a party's rows come from, as its options say. */
interface DataArguments {
  readonly source: string;
  readonly idColumn: string | undefined;
  readonly ids: string | undefined;
  readonly newRows: string | undefined;
  readonly newIds: string | undefined;
}

/** Where a party's rows come from, as a daemon wants it. */
export function partyData(
  { source, idColumn, ids, newRows, newIds }: DataArguments,
  columns: readonly string[] | undefined,
  { io }: Context,
) {
  const pathOf = (path: string | undefined): string | undefined => (path === undefined ? path : resolve(io.cwd, path));
  return {
    source: resolve(io.cwd, source),
    columns,
    idColumn,
    idsFile: pathOf(ids),
    newRows: pathOf(newRows),
    newIdsFile: pathOf(newIds),
  };
}
