/**
 * The errors of the project, divided by who must act: the user ({@link UserError}), the workflow ({@link ColonyError}
 * and what extends it), or we (anything else is a bug).
 */

/** Facts of an error that programs and log lines use; never a key, a plaintext or a row. */
export interface ErrorFacts {
  /** A stable word in capitals, such as `KEY_TOO_SMALL`. */
  readonly code?: string;
  readonly processId?: string;
  readonly cause?: unknown;
}

/** An error with a stable code that may travel to the server as a process's error. */
export class ColonyError extends Error {
  override readonly name: string = 'ColonyError';
  readonly code: string | undefined;
  readonly processId: string | undefined;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.processId = facts.processId;
  }
}

/** The process cannot succeed however often it is tried; closes it as failed at once. */
export class TerminalError extends ColonyError {
  override readonly name = 'TerminalError';
}

/** Worth another attempt on the same data: the process is left to its deadline, which hands it on. */
export class RetryableError extends ColonyError {
  override readonly name = 'RetryableError';
  /** A hint: how long the worker waits before it tries the same process again. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: ErrorFacts & { readonly retryAfterMs?: number } = {}) {
    super(message, facts);
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** The server answered with an error: its HTTP status and its own words, on one line. */
export class ServerError extends ColonyError {
  override readonly name = 'ServerError';
  readonly status: number;
  readonly serverMessage: string;
  readonly messageType: string;

  constructor(messageType: string, status: number, serverMessage: string) {
    const words = onOneLine(serverMessage);
    super(`${messageType}: the server answered ${status}: ${words}`, { code: 'SERVER_ERROR' });
    this.status = status;
    this.serverMessage = words;
    this.messageType = messageType;
  }
}

/** More of a server's words is not kept: logs repeat them. */
const MAX_WORDS_CHARACTERS = 10_000;

/** Another line in a terminal or a log would look like words of ours. Looks at each character once, whatever there is. */
function onOneLine(serverMessage: string): string {
  const isCut = serverMessage.length > MAX_WORDS_CHARACTERS;
  const lines = serverMessage.slice(0, MAX_WORDS_CHARACTERS).split(/[\r\n\u2028\u2029]/u);
  const words = lines
    .map((line) => line.trim())
    .filter(Boolean)
    .join(' ');
  return isCut ? `${words} … (${serverMessage.length} characters)` : words;
}

/** The server could not be reached, or what answered does not speak the Colonies protocol. */
export class ConnectionError extends ColonyError {
  override readonly name = 'ConnectionError';
}

/** The user can mend this: the command line prints the message without a stack and exits with 1. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** Makes an Error of whatever was thrown. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
