import { createHash } from 'node:crypto';
import { inSteps } from '../../../colony/event-loop.ts';
import { type AlignedTable, digestOfIds, readAligned } from '../../../data/aligned.ts';
import type { Dataset } from '../../../data/dataset.ts';
import { DataError, quoteName } from '../../../data/errors.ts';

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

const CHOSEN = 'expected the columns and ids that its operator has chosen, got others';
const READABLE = 'expected a source that can be read, got an error';

/**
 * What others are told in place of errors that name columns, count ids, or quote what a database said: these are the
 * operator's business.
 */
const TOLD: ReadonlyMap<string, string> = new Map([
  ['COLUMN_UNKNOWN', CHOSEN],
  ['MISSING_ID', CHOSEN],
  ['SELECTION_INVALID', CHOSEN],
  ['SOURCE_FAILED', READABLE],
  ['SOURCE_MALFORMED', READABLE],
  ['SOURCE_REFUSED', READABLE],
]);

/**
 * Reads a party's rows for a run: errors say to everybody that something is wrong, and to the operator what. Columns have
 * numbers from 1 there, in place of their names.
 *
 * @throws DataError
 */
export async function readTableForRun(table: PartyTable, signal: AbortSignal): Promise<TableContent> {
  try {
    return await readTable(table, signal);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const { code, message, operatorNote = message } = error;
    const told = TOLD.get(code);
    if (told === undefined) throw new DataError(code, await withoutNames(table, message, signal), operatorNote);
    const note = operatorNote === message ? message : `${message}; ${operatorNote}`;
    const { description } = table.dataset.source;
    throw new DataError(code, `${description}: ${told}; the log of this daemon tells its operator more`, note);
  }
}

async function withoutNames({ dataset, columns, idColumn }: PartyTable, text: string, signal: AbortSignal) {
  if (!text.includes('column ')) return text;
  const names = columns ?? (await dataset.source.columns(undefined, signal)).filter((name) => name !== idColumn);
  return names.reduce((rest, name, index) => rest.replace(`column ${quoteName(name)}`, `column ${index + 1}`), text);
}

/** A feature party's columns as errors that others may read call them; {@link withNames} turns them back. */
export function placesOf(party: string, names: readonly string[]): readonly string[] {
  return names.map((_, index) => `${index + 1} of ${party}`);
}

/** An error's text for the operator: with the names of columns in place of {@link placesOf}. */
export function withNames(text: string, party: string, names: readonly string[]): string {
  return names.reduce(
    (rest, name, index) => rest.replace(`column ${index + 1} of ${party}:`, () => `column ${quoteName(name)}:`),
    text,
  );
}
