import { type Family, Histogram } from './exposition.ts';

/** Counts what happens. Every call costs less than a microsecond. */
export interface Recorder {
  /**
   * A request was answered.
   *
   * @param messageType a type this server knows, else `other`: labels must not grow with what clients send
   */
  onRequest(messageType: string, status: number, durationMs: number): void;
  /** Changes were made durable together, or not. */
  onCommit(durationMs: number, workCount: number, failure: Error | undefined): void;
  /** An executor begins to wait for work. @returns what to call when it has ended */
  onPoll(): () => void;
  readonly waitingPolls: () => number;
  /** A body could not be read. */
  onRefusedBody(fault: string): void;
  families(): Family[];
}

const REQUEST_BOUNDS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10, 60];
const COMMIT_BOUNDS_SECONDS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2];

interface RequestCounts {
  readonly byStatus: Map<number, number>;
  readonly durations: Histogram;
}

/** Creates a recorder that has seen nothing. */
export function createRecorder(): Recorder {
  const requests = new Map<string, RequestCounts>();
  const bodies = new Map<string, number>();
  const commits = new Histogram(COMMIT_BOUNDS_SECONDS);
  let [works, failures, polls] = [0, 0, 0];
  return {
    onRequest(messageType, status, durationMs) {
      let counts = requests.get(messageType);
      if (counts === undefined) {
        counts = { byStatus: new Map(), durations: new Histogram(REQUEST_BOUNDS_SECONDS) };
        requests.set(messageType, counts);
      }
      increment(counts.byStatus, status);
      counts.durations.observe(durationMs / 1000);
    },
    onCommit(durationMs, workCount, failure) {
      if (failure !== undefined) failures += 1;
      else works += workCount;
      commits.observe(durationMs / 1000);
    },
    onPoll() {
      polls += 1;
      return () => (polls -= 1);
    },
    waitingPolls: () => polls,
    onRefusedBody: (fault) => increment(bodies, fault),
    families: () => [
      requestFamily(requests),
      durationFamily(requests),
      counter('colonies_refused_bodies_total', 'Bodies that could not be read, by the reason.', labelled(bodies)),
      {
        name: 'colonies_commit_duration_seconds',
        help: 'Time of transactions of the database, from their begin to the end of the commit.',
        type: 'histogram',
        samples: commits.samples(),
      },
      counter('colonies_commit_failures_total', 'Transactions that could not be stored.', [{ value: failures }]),
      counter('colonies_committed_works_total', 'Works that were stored; several share a transaction.', [
        { value: works },
      ]),
    ],
  };
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function labelled(counts: ReadonlyMap<string, number>): Family['samples'] {
  return [...counts].map(([reason, value]) => ({ labels: { reason }, value }));
}

function counter(name: string, help: string, samples: Family['samples']): Family {
  return { name, help, type: 'counter', samples };
}

function requestFamily(requests: ReadonlyMap<string, RequestCounts>): Family {
  const samples = [...requests].flatMap(([type, { byStatus }]) =>
    [...byStatus].map(([status, value]) => ({ labels: { type, status: String(status) }, value })),
  );
  return counter('colonies_requests_total', 'Requests answered, by message type and HTTP status.', samples);
}

function durationFamily(requests: ReadonlyMap<string, RequestCounts>): Family {
  return {
    name: 'colonies_request_duration_seconds',
    help: 'Time from a whole request to its answer, by message type; assignprocessmsg waits for work.',
    type: 'histogram',
    samples: [...requests].flatMap(([type, { durations }]) => durations.samples({ type })),
  };
}
