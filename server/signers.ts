import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { InvalidSignatureError, recoverId } from '../colony/signature-recovery.ts';

/** A text and its signature. */
export interface Signed {
  readonly payload: string;
  readonly signature: string;
}

/** Whose a signature is, or why it is nobody's. */
export type Recovered = { readonly id: string } | { readonly fault: string };

/** Finds out who signed. That takes longer than all else in a small request, so under load other threads do it. */
export interface Signers {
  /**
   * The id of whoever signed.
   *
   * @throws InvalidSignatureError when nobody can have
   */
  recover(signed: Signed): Promise<string>;
  /** Whether somebody has asked and has not been answered. */
  isBusy(): boolean;
  /** Ends the threads. */
  stop(): Promise<void>;
}

/** So many signatures that came together are a load that is worth a thread; it takes some hundred milliseconds to start. */
const LOAD = 64;
/** More threads than this are never busy: the one that answers cannot keep up with them. */
const MAX_THREADS = 3;
/** When so many have ended by themselves, no others are started: starting them costs more than they are worth. */
const MAX_FAILURES = 10;

interface Waiting {
  readonly signed: Signed;
  readonly settle: (recovered: Recovered) => void;
}

/** One thread, and what it has been asked and has not answered. */
interface Seat {
  readonly worker: Worker;
  readonly asked: Waiting[];
  isReady: boolean;
}

/**
 * Creates signers. What comes alone is done at once, on the calling thread, which is quickest for whoever waits; what
 * comes together in one turn of the event loop, or while another thread is at work, goes there, as soon as one has started. Without a second
 * processor there are none.
 *
 * @param onFailure hears of a thread that has ended by itself; its work is done on the calling thread then
 * @param threads how many at most
 * @param startThread starts one of them
 */
export function createSigners(
  onFailure: (error: Error) => void,
  threads: number = Math.min(MAX_THREADS, availableParallelism() - 1),
  startThread: () => Worker = startSignerThread,
): Signers {
  let [loadSeen, failureCount, isStopped] = [0, 0, false];
  const seats = new Set<Seat>();
  let batch: Waiting[] = [];

  const open = (): void => {
    const seat: Seat = { worker: startThread(), asked: [], isReady: false };
    seats.add(seat);
    seat.worker.unref();
    seat.worker.on('message', (message: readonly Recovered[] | 'ready') => {
      if (message === 'ready') seat.isReady = true;
      else for (const recovered of message) seat.asked.shift()?.settle(recovered);
    });
    const leave = (error: Error): void => {
      if (!seats.delete(seat) || isStopped) return;
      failureCount += 1;
      onFailure(error);
      for (const { signed, settle } of seat.asked.splice(0)) settle(recoverHere(signed));
    };
    seat.worker.on('error', leave);
    seat.worker.on('exit', (code) => leave(new Error(`a signer thread ended with code ${code}`)));
  };
  const flush = (): void => {
    const waiting = batch;
    batch = [];
    // A thread that is awake may as well have one more; waking one for a single signature takes about as long as that.
    const ready = [...seats].filter(({ isReady, asked }) => isReady && (waiting.length > 1 || asked.length > 0));
    if (waiting.length > 1 && seats.size === 0 && threads > 0 && failureCount < MAX_FAILURES) {
      loadSeen += waiting.length;
      if (loadSeen > LOAD) while (seats.size < threads) open();
    }
    share(waiting, ready);
  };
  return {
    recover: (signed) =>
      new Promise((resolve, reject) => {
        if (batch.length === 0) setImmediate(flush);
        batch.push({
          signed,
          settle: (recovered) =>
            'id' in recovered ? resolve(recovered.id) : reject(new InvalidSignatureError(recovered.fault)),
        });
      }),
    isBusy: () => batch.length > 0 || [...seats].some(({ asked }) => asked.length > 0),
    async stop() {
      isStopped = true;
      await Promise.all([...seats].map(({ worker }) => worker.terminate()));
    },
  };
}

/** Spreads work over threads; without any it is done here. */
function share(waiting: readonly Waiting[], seats: readonly Seat[]): void {
  if (seats.length === 0) {
    for (const { signed, settle } of waiting) settle(recoverHere(signed));
    return;
  }
  const perSeat = Math.ceil(waiting.length / seats.length);
  const byLoad = seats.toSorted((left, right) => left.asked.length - right.asked.length);
  for (const [index, { worker, asked }] of byLoad.entries()) {
    const part = waiting.slice(index * perSeat, (index + 1) * perSeat);
    if (part.length === 0) return;
    asked.push(...part);
    worker.postMessage(part.map(({ signed }) => signed));
  }
}

function recoverHere({ payload, signature }: Signed): Recovered {
  try {
    return { id: recoverId(payload, signature) };
  } catch (thrown) {
    if (thrown instanceof InvalidSignatureError) return { fault: thrown.message };
    throw thrown;
  }
}

/** Starts a thread. Compiled code starts as it is; TypeScript sources need the loader that tests and development have. */
export function startSignerThread(): Worker {
  const entry = new URL('./signer-worker', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL(`${entry.href}.js`));
  const loader = new URL('../crypto/modular/typescript-worker.mjs', import.meta.url);
  return new Worker(loader, { argv: [`${entry.href}.ts`], execArgv: [] });
}
