import { createHash } from 'node:crypto';
import { inSteps } from '../../../colony/event-loop.ts';
import { type AlignedTable, digestOfIds, readAligned } from '../../../data/aligned.ts';
import type { Dataset } from '../../../data/dataset.ts';
import { DataError } from '../../../data/errors.ts';

/** A party's rows: which columns it takes part with, and how they meet the rows of others. */
export interface PartyTable {
  readonly dataset: Dataset;
  /** The columns to train with, or the one with the labels; undefined: all but the id column. */
  readonly columns: readonly string[] | undefined;
  /** Undefined: rows meet by position. */
  readonly idColumn: string | undefined;
  /** The ids that all parties have; undefined: all of the source. */
  readonly commonIds: readonly string[] | undefined;
}

/** Numbers that are hashed in a step: 512 KiB. */
const HASHED_AT_ONCE = 65_536;

/** What a table holds at the moment; private. */
export interface TableContent extends AlignedTable {
  readonly names: readonly string[];
  /** Null where rows meet by position. */
  readonly idsDigest: string | null;
  /** SHA-256 over names, ids and values: tells whether a source has changed between two readings. */
  readonly digest: string;
}

/** Reads a party's rows in the shared order. @throws DataError */
export async function readTable(
  { dataset, columns, idColumn, commonIds }: PartyTable,
  signal: AbortSignal,
): Promise<TableContent> {
  const names = columns ?? (await dataset.source.columns(undefined, signal)).filter((name) => name !== idColumn);
  const table = await readAligned(dataset, { columns: names, idColumn, commonIds }, signal);
  const idsDigest = table.ids === undefined ? null : await digestOfIds(table.ids);
  const hash = createHash('sha256').update(JSON.stringify([names, idsDigest, table.rowCount]));
  for (const column of table.columns) {
    await inSteps(column.length, (from, to) => hash.update(column.subarray(from, to)), HASHED_AT_ONCE);
  }
  return { ...table, names, idsDigest, digest: hash.digest('hex') };
}

/** What the operator has chosen names columns and counts ids, which are not the other parties' business. */
const OPERATORS_BUSINESS: ReadonlySet<string> = new Set(['COLUMN_UNKNOWN', 'MISSING_ID', 'SELECTION_INVALID']);

/**
 * Reads a party's rows for a run: errors say to everybody that something is wrong, and to the operator what.
 *
 * @throws DataError
 */
export async function readTableForRun(table: PartyTable, signal: AbortSignal): Promise<TableContent> {
  try {
    return await readTable(table, signal);
  } catch (error) {
    if (!(error instanceof DataError) || !OPERATORS_BUSINESS.has(error.code)) throw error;
    throw new DataError(
      error.code,
      `${table.dataset.source.description}: expected the columns and ids that its operator has chosen, got others; the log of this daemon tells its operator more`,
      [error.message, error.operatorNote].filter((part) => part !== undefined).join('; '),
    );
  }
}
