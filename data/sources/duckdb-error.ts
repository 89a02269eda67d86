import { DataError } from '../errors.ts';

/**
 * Turns an error of DuckDB into one that may be shown.
 *
 * DuckDB quotes rows in its messages ("Original Line: 63,1,145"), so a message is passed on only where it is made of
 * SQL and names: errors found before any row is read. Of the others we keep what kind they are and the line number.
 */
export function duckdbError(error: unknown, description: string): DataError {
  if (error instanceof DataError) return error;
  const message = error instanceof Error ? error.message.replace('Failed to extract statements: ', '') : '';
  const problem = fileProblem(message);
  if (problem !== undefined) {
    return new DataError('SOURCE_MALFORMED', `${description}: ${problem}; correct the file`);
  }
  const [firstLine = ''] = message.split('\n');
  const isAboutSql = /^(Binder|Catalog|Parser|Permission) Error: /.test(firstLine);
  const kind = /^[A-Z][\w -]{0,40} Error/.exec(firstLine)?.[0] ?? 'unknown error';
  return new DataError('SOURCE_FAILED', `${description}: DuckDB reports ${isAboutSql ? firstLine : kind}`);
}

/** What is wrong with the file, if that is what the message is about. */
function fileProblem(message: string): string | undefined {
  const line = /CSV Error on Line: (\d+)/.exec(message)?.[1];
  if (line !== undefined) return `line ${line}: ${csvProblem(message)}`;
  if (message.includes('CSV Parser state machine')) return 'expected RFC 4180 with the same line ending everywhere';
  if (message.startsWith('INTERNAL Error')) return 'DuckDB cannot parse a row; is it UTF-8 text?';
  const isAboutParquet =
    /No magic bytes|Parquet/i.test(message) && !/^(Binder|Catalog|Parser|Permission) /.test(message);
  return isAboutParquet ? 'not a readable Parquet file' : undefined;
}

function csvProblem(message: string): string {
  const columns = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(message);
  if (columns) return `expected ${columns[1]} cells, got ${columns[2]}`;
  if (message.includes('unterminated quote')) return 'a quotation mark is not closed where the cell ends';
  if (message.includes('Invalid unicode')) return 'not UTF-8 text';
  if (/Maximum line size/i.test(message)) return 'the line is longer than two million bytes';
  return 'not well-formed CSV';
}
