import { RETRY_FOREVER } from '../back-off.ts';
import type { ConnectionError, ServerError } from '../errors.ts';
import type { MessageCall } from '../message-batches.ts';
import type { Process } from '../messages/processes.ts';
import { pollWithoutWaiting, saysNoWork } from './assignment.ts';
import type { Session } from './registration.ts';
import type { WorkerSettings } from './settings.ts';

/**
 * Tells the server how a process ended.
 *
 * @throws ServerError when it refuses, ConnectionError when it may not have heard, the signal's reason when that fires
 */
export type SendClose = (close: MessageCall<undefined>, signal: AbortSignal) => Promise<void>;

/** How one process is closed, and the next one found. */
export interface Closing {
  readonly send: SendClose;
  /** What the server assigned in the answer to the close, if it did. */
  readonly next: Process | undefined;
}

/** What a daemon has to say about taking the next process with a close. */
export interface NextWork {
  /** Whether it may take one now. */
  readonly isWanted: () => boolean;
  /** Told of an assignment; says whether it is new. */
  readonly hear: (process: Process) => boolean;
  /** Told that there may have been an assignment that nobody heard of. */
  readonly missed: () => void;
}

/**
 * Closes a process and asks for the next in the same request, where the server takes batches: half the requests of a
 * daemon that has work, and no wait for the next. It asks once; if the close has to be sent again, that is all there is.
 */
export function createClosing(settings: WorkerSettings, { client }: Session, work: NextWork): Closing {
  let [hasAsked, takesBatches] = [false, false];
  // Known by now, unless the server did not say: a result does not wait for that.
  void client.takesBatches().then((takes) => (takesBatches = takes));
  let next: Process | undefined;
  const hearOf = (assigned: Process | undefined, error: unknown): void => {
    if (assigned !== undefined && work.hear(assigned)) next = assigned;
    if (error !== undefined && !saysNoWork(error)) work.missed();
  };
  const sendAndAsk: SendClose = async (close, signal) => {
    const calls = [close, pollWithoutWaiting(settings)] as const;
    // Not repeated as it is: a result must not be tied to the moment when the question for work was signed.
    const sent = client.batch(calls, { signal, retry: { forMs: 0 } });
    const [closed, assigned] = await sent.catch((error: unknown) => {
      work.missed();
      throw error;
    });
    hearOf(assigned.reply, assigned.error);
    requireDone(closed);
  };
  return {
    get next() {
      return next;
    },
    async send(close, signal) {
      const asks = !hasAsked && takesBatches && work.isWanted();
      hasAsked = true;
      if (asks) await sendAndAsk(close, signal);
      else requireDone((await client.batch([close], { signal, retry: RETRY_FOREVER }))[0]);
    },
  };
}

function requireDone({ error }: { readonly error?: ServerError | ConnectionError | undefined }): void {
  if (error !== undefined) throw error;
}
