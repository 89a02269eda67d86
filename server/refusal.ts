/** What a client did is refused: the HTTP status and the words of the answer. Undoes the transaction it is thrown in. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  /** When asking again may help: after so many seconds. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, message: string, retryAfterSeconds?: number) {
    super(message);
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The value, or a refusal where there is none. */
export function required<T>(value: T | undefined, status: number, message: string): T {
  if (value === undefined) throw new Refusal(status, message);
  return value;
}
