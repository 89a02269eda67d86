import { UserError } from '../../../colony/errors.ts';
import { digestOfIds, sortIds } from '../../../data/aligned.ts';
import type { Dataset } from '../../../data/dataset.ts';
import { DataError } from '../../../data/errors.ts';
import { guardIds } from '../guards.ts';
import { refusal } from '../refusal.ts';
import { type PartyTable, readTableForRun } from './table.ts';

/** Where the rows to predict come from; read anew for every prediction. */
export interface NewRowsSource {
  /** Of a label party it may lack the labels, or be missing. */
  readonly dataset: Dataset | undefined;
  /** Reads the ids of the rows that all parties mean; undefined: all of the source. @throws UserError */
  readonly readIds: (() => Promise<readonly string[]>) | undefined;
}

/** Of a party that has no new rows. */
export const NO_NEW_ROWS: NewRowsSource = { dataset: undefined, readIds: undefined };

/** New rows as a party has them at the moment; private. */
export interface NewRowsContent {
  /** Null of a label party without a list: as many as the others have. */
  readonly rows: number | null;
  /** In the shared order; undefined where rows meet by position. */
  readonly ids: readonly string[] | undefined;
  /** Null where rows meet by position. */
  readonly idsDigest: string | null;
  readonly columns: readonly Float64Array[];
  /** Tells whether the rows have changed between two readings. */
  readonly digest: string;
}

/**
 * A feature party's new rows, with the columns of the training.
 *
 * @throws TerminalError `NOT_ACCEPTED` when its operator gave none, DataError
 */
export async function readNewColumns(
  party: string,
  { dataset, readIds }: NewRowsSource,
  { idColumn }: PartyTable,
  columns: readonly string[],
  signal: AbortSignal,
): Promise<NewRowsContent> {
  if (dataset === undefined) {
    throw refusal('NOT_ACCEPTED', `${party}: expected new rows to predict, got none; start its daemon with --new-rows`);
  }
  const commonIds = await idsOf(party, readIds);
  const content = await readTableForRun({ dataset, columns, idColumn, commonIds }, signal);
  return { ...content, rows: content.rowCount };
}

/**
 * Which rows the label party means, and their labels where its table has them.
 *
 * @throws TerminalError `ROWS_DIFFER` where rows meet by id and it was given none, `DUPLICATE_IDS`, or DataError
 */
export async function readNewLabels(
  party: string,
  { dataset, readIds }: NewRowsSource,
  table: PartyTable,
  signal: AbortSignal,
): Promise<NewRowsContent> {
  const commonIds = await idsOf(party, readIds);
  const { idColumn } = table;
  if (dataset !== undefined) {
    const columns = await knownTargets(dataset, table, signal);
    if (columns.length === 0 && idColumn === undefined) {
      throw new DataError(
        'SELECTION_INVALID',
        `${dataset.source.description}: expected labels or ids of the new rows, got neither; leave --new-rows out at ${party} to take as many rows as the others have`,
      );
    }
    const content = await readTableForRun({ dataset, columns, idColumn, commonIds }, signal);
    return { ...content, rows: content.rowCount };
  }
  if (idColumn === undefined) {
    return { rows: null, ids: undefined, idsDigest: null, columns: [], digest: 'position' };
  }
  if (commonIds === undefined) {
    throw refusal(
      'ROWS_DIFFER',
      `${party}: expected the ids of the new rows, got none; start its daemon with --new-ids`,
    );
  }
  guardIds(commonIds);
  const ids = await sortIds(commonIds);
  const idsDigest = await digestOfIds(ids);
  return { rows: ids.length, ids, idsDigest, columns: [], digest: idsDigest };
}

/** The column with the labels, if the new rows have it. */
async function knownTargets(dataset: Dataset, table: PartyTable, signal: AbortSignal): Promise<readonly string[]> {
  const trained = table.columns ?? (await table.dataset.source.columns(undefined, signal));
  const names = new Set(await dataset.source.columns(undefined, signal));
  return trained.filter((name) => name !== table.idColumn && names.has(name));
}

/** Where the list lies is nobody else's business. @throws DataError */
async function idsOf(party: string, readIds: NewRowsSource['readIds']): Promise<readonly string[] | undefined> {
  try {
    return await readIds?.();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new DataError(
      'MISSING_ID',
      `${party}: expected a list of new ids, got none that can be read; the log of this daemon tells its operator more`,
      error.message,
    );
  }
}
