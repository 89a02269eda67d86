/**
 * What went wrong with a party's private data, for programs.
 *
 * - `CONFIG_INVALID`: the operator's configuration file is absent or wrong
 * - `LIBRARY_MISSING`: an optional library that this kind of source needs is not installed
 * - `SELECTION_INVALID`, `QUERY_UNKNOWN`, `COLUMN_UNKNOWN`: the workflow asked for something the operator does not offer
 * - `GROUPING_REFUSED`: the workflow wants to group by a column that the operator did not allow for that
 * - `SOURCE_MISSING`: the file, database or table does not exist
 * - `SOURCE_UNREACHABLE`: the database cannot be reached, or is locked, at the moment; the only retryable code
 * - `SOURCE_REFUSED`: the database refused user, password or privilege
 * - `SOURCE_MALFORMED`: the file is not a well-formed file of its kind
 * - `SOURCE_FAILED`: the source failed in another way, for instance an error in the operator's query
 * - `NOT_NUMERIC`: a cell is neither missing nor a decimal number
 * - `EMPTY`: the selection has no value at all
 * - `TOO_FEW_ROWS`: fewer values than the operator's `minimumRows`
 * - `MISSING_VALUE`: a row that is used has no value in a column that needs one
 * - `MISSING_ID`, `DUPLICATE_ID`: rows cannot be told apart, or a common id has no row
 * - `BAD_LABELS`: a label is none of the classes that a model knows
 */
export type DataErrorCode =
  | 'CONFIG_INVALID'
  | 'LIBRARY_MISSING'
  | 'SELECTION_INVALID'
  | 'QUERY_UNKNOWN'
  | 'COLUMN_UNKNOWN'
  | 'GROUPING_REFUSED'
  | 'SOURCE_MISSING'
  | 'SOURCE_UNREACHABLE'
  | 'SOURCE_REFUSED'
  | 'SOURCE_MALFORMED'
  | 'SOURCE_FAILED'
  | 'NOT_NUMERIC'
  | 'EMPTY'
  | 'TOO_FEW_ROWS'
  | 'MISSING_VALUE'
  | 'MISSING_ID'
  | 'DUPLICATE_ID'
  | 'BAD_LABELS';

/**
 * An error about private data whose message may be shown to anybody: it holds no cell, no row number and no password.
 *
 * It deliberately has no `cause`: the messages of database libraries quote rows ("Original Line: 63,1,145"), and
 * loggers print causes.
 */
export class DataError extends Error {
  override readonly name = 'DataError';
  readonly code: DataErrorCode;
  /** Whether the same request may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** What only the operator may know, for the daemon's log: it tells something about rows. */
  readonly operatorNote: string | undefined;

  constructor(code: DataErrorCode, message: string, operatorNote?: string) {
    super(message);
    this.code = code;
    this.retryable = code === 'SOURCE_UNREACHABLE';
    this.operatorNote = operatorNote;
  }
}

const MAX_QUOTED_LENGTH = 64;

/**
 * Quotes a name that somebody else chose for use in a message: escaped, and cut after 64 characters.
 *
 * @example quoteName('a\nb') // '"a\\nb"'
 */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > MAX_QUOTED_LENGTH ? `${name.slice(0, MAX_QUOTED_LENGTH)}…` : name);
}

/** Lists names for a message: quoted, comma-separated, or `none`. */
export function listNames(names: Iterable<string>): string {
  return Array.from(names, quoteName).join(', ') || 'none';
}
