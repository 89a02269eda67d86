import { createHash } from 'node:crypto';
import type { WireRequest } from './handler.ts';
import { REPEAT_WINDOW_MS } from './limits.ts';
import { Refusal } from './refusal.ts';
import type { Transaction } from './transaction.ts';

/**
 * At most once: a client whose connection broke sends the same signed bytes again and gets the answer it missed, and
 * nobody can replay them. Only requests that change something and carry a `nonce` in their inner JSON take part: without
 * one, identical bytes can also mean "once more", as with the official command line, whose signatures are deterministic.
 * A request that also says when it was issued (`issuedat`) is refused outside the window around that moment, so that
 * nobody can ever have it executed a second time. Polls are remembered in `answered-polls.ts`.
 */

const MAX_NONCE_CHARACTERS = 128;
/** A request issued by a clock that is a window ahead is accepted for two. */
const RETENTION_MS = 2 * REPEAT_WINDOW_MS + 1000;

/** What identifies a request, or undefined when it carries no nonce. */
export function digestOf({ nonce, issuedat }: WireRequest, callerId: string, payload: string): string | undefined {
  if (!isNonce(nonce)) return undefined;
  const digest = createHash('sha256').update(`${callerId}.${payload}`).digest('hex');
  // Moments sort: what is kept together lies together on few pages. Digests alone are stored all over the table.
  return typeof issuedat === 'number' ? `${issuedat.toString(16)}.${digest}` : digest;
}

/** Whether a value makes the request that carries it one of a kind. */
export function isNonce(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NONCE_CHARACTERS;
}

/**
 * Checks that a request with a nonce is not from another time, if it says from when it is.
 *
 * @param inner `issuedat`: milliseconds since 1970, as the client's clock had it
 * @throws Refusal 400 when that is more than the window before or after now
 */
export function requireRecent({ issuedat }: WireRequest, nowMs: number): void {
  if (issuedat === undefined || issuedat === null) return;
  const isRecent = typeof issuedat === 'number' && Math.abs(nowMs - issuedat) <= REPEAT_WINDOW_MS;
  if (isRecent) return;
  throw new Refusal(
    400,
    `The request is too old or from the future: expected issuedat within ${REPEAT_WINDOW_MS / 60_000} minutes of ${nowMs} (milliseconds since 1970), got ${JSON.stringify(issuedat).slice(0, 40)}; check the clocks of client and server, then send a new request`,
  );
}

/** What was kept of the answer that a request has got before. */
export function recallAnswer(
  { database, nowMs }: Transaction,
  digest: string | undefined,
  { issuedat }: WireRequest,
): string | undefined {
  if (digest === undefined) return undefined;
  const row = database.get<{ reply: string }>(
    'SELECT reply FROM answered_requests WHERE digest = ? AND answered_ms > ?',
    digest,
    // What says when it was issued is recalled as long as it is accepted, which its client's clock may have put off.
    nowMs - (issuedat === undefined || issuedat === null ? REPEAT_WINDOW_MS : RETENTION_MS),
  );
  return row?.reply;
}

/** Stores an answer, or what it can be made of again, beside what the request has done. */
export function rememberAnswer({ database, nowMs }: Transaction, digest: string | undefined, kept: string): void {
  if (digest === undefined) return;
  database.run(
    'INSERT OR REPLACE INTO answered_requests (digest, answered_ms, reply) VALUES (?, ?, ?)',
    digest,
    nowMs,
    kept,
  );
}

/** Forgets answers that no request can get any more. */
export function forgetOldAnswers({ database, nowMs }: Transaction): void {
  database.run('DELETE FROM answered_requests WHERE answered_ms <= ?', nowMs - RETENTION_MS);
}

/** Keeps the age of all answers when the clock is set, so that they are remembered as long as if it had not been. */
export function shiftAnswers({ database }: Transaction, jumpMs: number): void {
  database.run('UPDATE answered_requests SET answered_ms = answered_ms + ?', jumpMs);
}
