import { ColonyError, ServerError, UserError } from '../../colony/errors.ts';

/** The server's words for what it does not have: those of the official one, and so of the embedded one. */
const UNKNOWN = /not found|\bis nil$|does not exist/iu;

/**
 * Handles a refusal: says in plain words that the server does not have what was asked for.
 *
 * @param what such as `process 80a9…`; user input, in quotes where it may be any text
 * @returns for `catch`; it throws a UserError, or again what is something else
 */
export function unknownToServer(what: string): (thrown: unknown) => never {
  return (thrown) => {
    if (!(thrown instanceof ServerError)) throw thrown;
    if (thrown.status !== 404 && !UNKNOWN.test(thrown.serverMessage)) throw thrown;
    throw new UserError(`${what}: unknown to the server`, { cause: thrown });
  };
}

/** An error in plain words: the name of the protocol's message, which it may begin with, means nothing to users. */
export function describeError(error: Error): string {
  if (error instanceof ServerError) return `the server refused (${error.status}): ${error.serverMessage}`;
  return error instanceof ColonyError ? error.message.replace(/^[a-z]+msg: /u, '') : error.message;
}
