import { statSync } from 'node:fs';
import { toError, UserError } from '../../colony/errors.ts';

/** Asks one connection for the rows of a statement. */
export type Ask = (sql: string) => readonly Readonly<Record<string, unknown>>[];

/**
 * So much is checked at every start: it takes about 0.7 ms per megabyte. A larger database is checked only when it was
 * not closed in order.
 */
const ALWAYS_CHECKED_BYTES = 1024 ** 3;

/** What SQLite says when a file is damaged, or none of its own. */
const DAMAGE_CODES: ReadonlySet<unknown> = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB']);

/** Whether SQLite could not make sense of a file. */
export function isDamage(thrown: unknown): boolean {
  const error: Error & { readonly code?: unknown } = toError(thrown);
  return DAMAGE_CODES.has(error.code);
}

/**
 * Looks whether a database that has just been opened is whole, and this server's. What it finds are broken pages, trees
 * and lists, a file that was cut off, and another program's tables; not changed letters inside a row, of which SQLite
 * keeps no checksums.
 *
 * @param ask the connection, before its journal mode is set
 * @throws UserError that names the file and the way back
 */
export function requireIntact(ask: Ask, path: string): void {
  const wasClosed = first(ask('PRAGMA journal_mode')) !== 'wal';
  const pageBytes = Number(first(ask('PRAGMA page_size')));
  const byteCount = Number(first(ask('PRAGMA page_count'))) * pageBytes;
  const fileBytes = path === ':memory:' ? 0 : statSync(path).size;
  if (wasClosed && fileBytes % pageBytes !== 0) throw damaged(path, `it ends in the middle of a page`);
  if (!wasClosed || byteCount <= ALWAYS_CHECKED_BYTES) {
    const finding = findDamage(ask, 'quick_check');
    if (finding !== undefined) throw damaged(path, finding);
  }
  requireOwn(ask, path);
}

/** The first thing that is wrong with a database, if any. `integrity_check` compares indexes with their tables, too. */
export function findDamage(ask: Ask, check: 'quick_check' | 'integrity_check'): string | undefined {
  const finding = String(first(ask(`PRAGMA ${check}(1)`)));
  return finding === 'ok' ? undefined : finding.replaceAll(/\s+/g, ' ');
}

/** The error about a damaged file. */
export function damaged(path: string, finding: string, cause?: unknown): UserError {
  return new UserError(
    `server database: expected a whole SQLite database in ${path}, got a damaged one (${finding}); bring back a backup with "colonies server restore", or move the file away to start anew`,
    cause === undefined ? undefined : { cause },
  );
}

/** A database of somebody else would be changed by our migrations. */
function requireOwn(ask: Ask, path: string): void {
  const version = Number(first(ask('PRAGMA user_version')));
  const tables = new Set(ask("SELECT name FROM sqlite_schema WHERE type = 'table'").map(({ name }) => name));
  if (version === 0 ? tables.size === 0 : tables.has('colonies') && tables.has('processes')) return;
  throw new UserError(
    `server database: expected a database of a Colonies server in ${path}, got one of another program; choose another file`,
  );
}

function first(rows: ReturnType<Ask>): unknown {
  return Object.values(rows[0] ?? {})[0];
}
