import { DataError, type DataErrorCode } from '../errors.ts';

/** Meaning of SQLSTATE codes and classes (PostgreSQL manual, appendix A). */
const MEANINGS: readonly (readonly [prefix: string, code: DataErrorCode, advice: string])[] = [
  ['08', 'SOURCE_UNREACHABLE', 'the connection was lost'],
  ['53', 'SOURCE_UNREACHABLE', 'the server is short of connections, memory or disk'],
  ['57P0', 'SOURCE_UNREACHABLE', 'the server is starting or stopping'],
  ['57014', 'SOURCE_FAILED', 'the statement took longer than "source.statementTimeoutSeconds"'],
  [
    '28',
    'SOURCE_REFUSED',
    'user or password refused; correct "source.user" or the variable "source.passwordEnv" names',
  ],
  ['42501', 'SOURCE_REFUSED', 'the user may not read this; grant SELECT'],
  ['3D000', 'SOURCE_MISSING', 'no such database; correct "source.database"'],
  ['3F000', 'SOURCE_MISSING', 'no such schema; correct "source.schema"'],
  ['42P01', 'SOURCE_MISSING', 'no such table; correct "source.table" or the query'],
];

/** Errors of the socket that go away when the network or the server comes back. */
const NETWORK_CODES = /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|ENOENT$|EADDRNOTAVAIL)/;

/**
 * Turns an error of `pg` into one that may be shown.
 *
 * The server's own text is passed on for class 42 only (syntax and names, found before rows are read): elsewhere it
 * may quote a value ("invalid input syntax for type integer: …").
 */
export function postgresError(error: unknown, description: string): DataError {
  if (error instanceof DataError) return error;
  const message = error instanceof Error ? error.message : '';
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const isSqlState = /^[0-9A-Z]{5}$/.test(code) && !NETWORK_CODES.test(code);
  return isSqlState ? serverError(message, code, description) : connectionError(message, code, description);
}

function serverError(message: string, sqlState: string, description: string): DataError {
  const [, code, advice] = MEANINGS.find(([prefix]) => sqlState.startsWith(prefix)) ?? [];
  const text = sqlState.startsWith('42') ? `: ${message}` : '';
  const explanation = advice === undefined ? '' : `; ${advice}`;
  return new DataError(
    code ?? 'SOURCE_FAILED',
    `${description}: the server reports SQLSTATE ${sqlState}${text}${explanation}`,
  );
}

function connectionError(message: string, code: string, description: string): DataError {
  if (/does not support SSL/.test(message)) {
    return new DataError(
      'SOURCE_REFUSED',
      `${description}: the server does not offer TLS; enable it there, or set "source.ssl" to false on a trusted network`,
    );
  }
  if (/CERT|SIGNED|SIGNATURE|ISSUER|ALTNAME/.test(code)) {
    return new DataError(
      'SOURCE_REFUSED',
      `${description}: the server's certificate is not trusted (${code}); name its authority in "source.ssl.ca"`,
    );
  }
  if (/password must be a string|no password/i.test(message)) {
    return new DataError(
      'SOURCE_REFUSED',
      `${description}: the server wants a password; set the variable "source.passwordEnv" names`,
    );
  }
  if (NETWORK_CODES.test(code) || /timeout|terminated|not queryable/i.test(message)) {
    const reason = code || (/timeout/i.test(message) ? 'time-out' : 'connection lost');
    return new DataError('SOURCE_UNREACHABLE', `${description}: cannot be reached (${reason}); is the server running?`);
  }
  return new DataError('SOURCE_FAILED', `${description}: the connection failed (${code || 'unknown reason'})`);
}
