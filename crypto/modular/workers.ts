import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

/** A message to a worker; the worker answers each with {@link WorkerReply} in order. */
interface Job<Message> {
  readonly message: Message;
  readonly signal: AbortSignal | undefined;
  readonly settle: (error?: unknown) => void;
}

/** What a worker sends back: whether the message was handled. */
export type WorkerReply = { readonly ok: true } | { readonly ok: false; readonly error: unknown };

/** A worker and the one job it has, if any. */
interface Seat<Message> {
  readonly worker: Worker;
  job: Job<Message> | undefined;
}

/** When a job runs: background jobs wait until nothing else does. */
export type Priority = 'normal' | 'background';

/**
 * Worker threads that handle messages: one message at a time each, started when there is something to do, and no reason
 * for the process to stay alive while they are idle. Data travels in SharedArrayBuffers that messages refer to.
 */
export class WorkerPool<Message> {
  readonly #entry: URL;
  readonly #workerData: unknown;
  readonly #size: number;
  readonly #seats = new Set<Seat<Message>>();
  readonly #queues: Record<Priority, Job<Message>[]> = { normal: [], background: [] };

  /**
   * @param entry the worker's module, without its extension: `.ts` from sources, `.js` when compiled
   * @param size number of threads. @default the number of processors that the process may use
   */
  constructor(entry: URL, workerData: unknown, size = availableParallelism()) {
    this.#entry = entry;
    this.#workerData = workerData;
    this.#size = size;
  }

  /** Number of threads that jobs are spread over. */
  get size(): number {
    return this.#size;
  }

  /**
   * Hands a message to the next free worker.
   *
   * @returns resolves when the worker has handled it
   * @throws what the worker threw, or the signal's reason when it aborts before a worker took the message
   */
  run(message: Message, options: { signal?: AbortSignal | undefined; priority?: Priority } = {}): Promise<void> {
    const { signal, priority = 'normal' } = options;
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      this.#queues[priority].push({ message, signal, settle });
      this.#dispatch();
    });
  }

  /** Sends a message to every worker that runs, beside its jobs; nobody waits for it. */
  broadcast(message: Message): void {
    for (const { worker } of this.#seats) worker.postMessage({ message, silent: true });
  }

  /** Ends all workers at once. Jobs that are not done reject. */
  async close(): Promise<void> {
    const seats = [...this.#seats];
    this.#seats.clear();
    const closed = new Error('crypto: the worker threads were closed before the computation ended');
    const waiting = [...this.#queues.normal.splice(0), ...this.#queues.background.splice(0)];
    for (const job of [...waiting, ...seats.flatMap((seat) => seat.job ?? [])]) job.settle(closed);
    await Promise.all(seats.map((seat) => seat.worker.terminate()));
  }

  #dispatch(): void {
    for (;;) {
      const seat = this.#freeSeat();
      const job = seat && this.#nextJob();
      if (!seat || !job) return;
      seat.job = job;
      seat.worker.ref();
      seat.worker.postMessage({ message: job.message, silent: false });
    }
  }

  #nextJob(): Job<Message> | undefined {
    for (;;) {
      const job = this.#queues.normal.shift() ?? this.#queues.background.shift();
      if (!job?.signal?.aborted) return job;
      job.settle(job.signal.reason);
    }
  }

  #freeSeat(): Seat<Message> | undefined {
    if (this.#queues.normal.length + this.#queues.background.length === 0) return undefined;
    const free = [...this.#seats].find((seat) => seat.job === undefined);
    return free ?? (this.#seats.size < this.#size ? this.#startWorker() : undefined);
  }

  #startWorker(): Seat<Message> {
    const worker = new Worker(...workerArguments(this.#entry, this.#workerData));
    const seat: Seat<Message> = { worker, job: undefined };
    this.#seats.add(seat);
    const release = (error?: unknown): void => {
      const { job } = seat;
      seat.job = undefined;
      worker.unref();
      job?.settle(error);
      this.#dispatch();
    };
    worker.on('message', (reply: WorkerReply) => release(reply.ok ? undefined : reply.error));
    const leave = (error: unknown): void => {
      if (this.#seats.delete(seat)) release(error);
    };
    worker.on('error', leave);
    worker.on('exit', (code) => leave(new Error(`crypto: a worker thread ended with code ${code}`)));
    return seat;
  }
}

/** Compiled code starts as it is; TypeScript sources need the loader that tests and development have. */
function workerArguments(entry: URL, workerData: unknown): ConstructorParameters<typeof Worker> {
  if (!import.meta.url.endsWith('.ts')) return [new URL(`${entry.href}.js`), { workerData }];
  const loader = new URL('./typescript-worker.mjs', import.meta.url);
  return [loader, { workerData, argv: [`${entry.href}.ts`], execArgv: [] }];
}
