/**
 * Quotes an SQL identifier; works in DuckDB, SQLite and PostgreSQL.
 *
 * @throws RangeError when the name is empty or holds a NUL character, which no database can store in a name
 * @example quoteIdentifier('age"; drop table') // '"age""; drop table"'
 */
export function quoteIdentifier(name: string): string {
  if (name === '' || name.includes('\0')) {
    throw new RangeError(`quoteIdentifier: expected a name without NUL, got ${name.length} characters`);
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes text as a standard SQL literal (DuckDB, SQLite). */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * A query as something that can be selected from.
 *
 * The line breaks keep a trailing `--` comment from swallowing the bracket. Inside a FROM clause, an
 * operator's statement that writes is a syntax error.
 */
export function subquery(sql: string): string {
  return `(\n${sql.trim().replace(/;+$/, '')}\n) AS selection`;
}
