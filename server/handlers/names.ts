import { MAX_REPORT_CHARACTERS } from '../limits.ts';
import { Refusal } from '../refusal.ts';
import { isPrintable } from '../text.ts';

const MAX_NAME_CHARACTERS = 200;

/**
 * A name of a colony, user, executor or function. A colon would poison the lists of the official server, where names are
 * stored with a prefix that ends in one; control characters and marks of direction those of every terminal.
 *
 * @throws Refusal 400 for an empty name, one above 200 characters, one with a colon, and one that cannot be shown
 */
export function requireName(name: string, failure: string): void {
  requirePrintable(name, `${failure}, the name`);
  if (name === '' || name.includes(':')) {
    throw new Refusal(400, `${failure}, the name must have 1 to ${MAX_NAME_CHARACTERS} characters and no colon`);
  }
}

/**
 * A short text that is shown in lists; it may be empty.
 *
 * @param what the failure and the text's own name
 * @throws Refusal 400 for one above 200 characters, or as many as given, and one with control characters
 */
export function requirePrintable(text: string, what: string, maxCharacters: number = MAX_NAME_CHARACTERS): void {
  if (text.length > maxCharacters || !isPrintable(text)) {
    throw new Refusal(400, `${what} must have at most ${maxCharacters} characters and no control characters`);
  }
}

/** @throws Refusal 413 when what an executor says of itself is too long for lists */
export function requireReportSize(report: unknown, failure: string): void {
  const { length } = JSON.stringify(report);
  if (length > MAX_REPORT_CHARACTERS) {
    throw new Refusal(413, `${failure}, expected at most ${MAX_REPORT_CHARACTERS} characters, got ${length}`);
  }
}

/**
 * An id of a colony, user or executor: 64 lower-case hexadecimal characters.
 *
 * @throws Refusal 400 with the text otherwise
 */
export function requireId(id: string, text: string): void {
  if (!/^[0-9a-f]{64}$/.test(id)) throw new Refusal(400, text);
}
