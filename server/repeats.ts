import { createHash } from 'node:crypto';
import type { WireRequest } from './handler.ts';
import { REPEAT_WINDOW_MS } from './limits.ts';
import type { Transaction } from './transaction.ts';

/**
 * At most once: a client whose connection broke sends the same signed bytes again and gets the answer it missed, and
 * nobody can replay them. Only requests that change something and carry a `nonce` in their inner JSON take part: without
 * one, identical bytes can also mean "once more", as with the official command line, whose signatures are deterministic.
 */

const MAX_NONCE_CHARACTERS = 128;

/** What identifies a request, or undefined when it carries no nonce. */
export function digestOf(inner: WireRequest, callerId: string, payload: string): string | undefined {
  const { nonce } = inner;
  if (typeof nonce !== 'string' || nonce === '' || nonce.length > MAX_NONCE_CHARACTERS) return undefined;
  return createHash('sha256').update(`${callerId}.${payload}`).digest('hex');
}

/** The answer a request has got before. */
export function recallAnswer(
  { database, nowMs }: Transaction,
  digest: string | undefined,
): { readonly reply: unknown } | undefined {
  if (digest === undefined) return undefined;
  const row = database.get<{ reply: string }>(
    'SELECT reply FROM answered_requests WHERE digest = ? AND answered_ms > ?',
    digest,
    nowMs - REPEAT_WINDOW_MS,
  );
  return row === undefined ? undefined : { reply: JSON.parse(row.reply) as unknown };
}

/** Stores an answer beside what the request has done. */
export function rememberAnswer({ database, nowMs }: Transaction, digest: string | undefined, reply: unknown): void {
  if (digest === undefined) return;
  database.run(
    'INSERT OR REPLACE INTO answered_requests (digest, answered_ms, reply) VALUES (?, ?, ?)',
    digest,
    nowMs,
    JSON.stringify(reply),
  );
}

/** Forgets answers whose window has passed. */
export function forgetOldAnswers({ database, nowMs }: Transaction): void {
  database.run('DELETE FROM answered_requests WHERE answered_ms <= ?', nowMs - REPEAT_WINDOW_MS);
}
