import type { Logger } from 'pino';
import type { AnsweredPolls } from './answered-polls.ts';
import type { Channels } from './channels.ts';
import type { ClientAddress } from './client-address.ts';
import type { ServerFacts } from './handler.ts';
import type { Recorder } from './metrics/recorder.ts';
import type { Presence } from './presence.ts';
import type { RateLimiter } from './rate-limits.ts';
import type { Scheduler } from './scheduler.ts';
import type { Signers } from './signers.ts';
import type { Transactor } from './transaction.ts';

/** Who sends a request, as far as the connection tells. */
export interface Sender {
  readonly address: string;
  /** Gives a signal that fires when nobody listens for the answer any more. */
  readonly disconnected: () => AbortSignal;
}

/** The parts of a server that calls need. */
export interface Services {
  readonly transactor: Transactor;
  readonly scheduler: Scheduler;
  readonly polls: AnsweredPolls;
  readonly channels: Channels;
  readonly presence: Presence;
  /** The id of the server's owner at the moment. */
  readonly serverId: string;
  readonly facts: ServerFacts;
  readonly recorder: Recorder;
  readonly rates: RateLimiter;
  readonly addressOf: ClientAddress;
  readonly signers: Signers;
  readonly log: Logger;
}
