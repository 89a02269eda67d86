import { Refusal } from '../refusal.ts';

const MAX_NAME_CHARACTERS = 255;

/**
 * A name of a colony, user or executor. A colon would poison the lists of the official server, where names are stored
 * with a prefix that ends in one.
 *
 * @throws Refusal 400 for an empty name, one above 255 characters, and one with a colon
 */
export function requireName(name: string, failure: string): void {
  if (name === '' || name.length > MAX_NAME_CHARACTERS || name.includes(':')) {
    throw new Refusal(400, `${failure}, the name must have 1 to ${MAX_NAME_CHARACTERS} characters and no colon`);
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
