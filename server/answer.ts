import type { Logger } from 'pino';
import { sealFailure, sealReplyText } from '../colony/envelope.ts';
import { toError } from '../colony/errors.ts';
import { Refusal } from './refusal.ts';
import { storageRefusal } from './store-health.ts';

/** An answer on its way out. */
export interface Answer {
  /** The HTTP status; the envelope of a failure repeats it. */
  readonly status: number;
  /** The envelope, as JSON text. */
  readonly body: string;
  /** When asking again may help. */
  readonly retryAfterSeconds?: number | undefined;
}

/** Why a message was not executed. */
export type Failure = Pick<Refusal, 'status' | 'message' | 'retryAfterSeconds'>;

/** The answer to a message that was executed, from the JSON text of its reply. */
export function toAnswer(replyType: string, reply: string): Answer {
  return { status: 200, body: sealReplyText(replyType, reply) };
}

/** The answer to what went wrong. */
export function toFailure(log: Logger, messageType: string, thrown: unknown): Answer {
  const { status, message, retryAfterSeconds } = describeFailure(log, messageType, thrown);
  return { status, body: JSON.stringify(sealFailure(status, message)), retryAfterSeconds };
}

/** What a client is told of what went wrong; what we did wrong is in the log as well. */
export function describeFailure(log: Logger, messageType: string, thrown: unknown): Failure {
  const refusal = thrown instanceof Refusal ? thrown : storageRefusal(thrown);
  if (refusal !== undefined) {
    log.debug({ messageType, status: refusal.status, reason: refusal.message }, 'refused');
    return refusal;
  }
  log.error({ messageType, err: toError(thrown) }, 'a handler failed');
  return new Refusal(500, 'Internal server error; the server has logged what happened');
}
