import { statSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Statistics } from '../../colony/messages/colonies.ts';
import type { Database } from '../store/database.ts';
import { countServer } from '../store/statistics.ts';
import type { Family, Sample } from './exposition.ts';

/** What a server has at the moment. */
export interface Standing {
  readonly version: string;
  readonly database: Database;
  /** The file of the database, or `:memory:`. */
  readonly databasePath: string;
  /** Why nothing can be stored, if so. */
  readonly trouble: string | undefined;
  readonly connections: number;
  readonly waitingPolls: number;
  readonly sockets: number;
  readonly subscriptions: number;
}

/** Looks at what is there when somebody asks. */
export interface StateReader {
  families(standing: Standing): Family[];
  stop(): void;
}

/** Counting a large database takes a while, so it is done at most this often. */
const COUNTED_FOR_MS = 10_000;
const NANOSECONDS = 1e-9;

/** Creates a reader; it watches the event loop until it is stopped. */
export function createStateReader(): StateReader {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  let counted: { readonly statistics: Statistics; readonly atMs: number } | undefined;
  const count = (database: Database): Statistics => {
    if (counted === undefined || performance.now() - counted.atMs > COUNTED_FOR_MS) {
      counted = { statistics: countServer(database), atMs: performance.now() };
    }
    return counted.statistics;
  };
  return {
    families(standing) {
      const families = [...workFamilies(count(standing.database)), ...clientFamilies(standing)];
      const delay = gauge(
        'colonies_event_loop_delay_seconds',
        'How late the event loop was since this was last read.',
        [0.5, 0.99, 1].map((quantile) => ({
          labels: { quantile: String(quantile) },
          value: delays.percentile(quantile * 100) * NANOSECONDS,
        })),
      );
      delays.reset();
      return [...families, ...storeFamilies(standing), delay, ...processFamilies()];
    },
    stop: () => delays.disable(),
  };
}

function gauge(name: string, help: string, samples: readonly Sample[] | number): Family {
  return { name, help, type: 'gauge', samples: typeof samples === 'number' ? [{ value: samples }] : samples };
}

function states(of: readonly (readonly [state: string, value: number])[]): Sample[] {
  return of.map(([state, value]) => ({ labels: { state }, value }));
}

function workFamilies(counts: Statistics): Family[] {
  return [
    gauge('colonies_colonies', 'Colonies.', counts.colonies),
    gauge(
      'colonies_executors',
      'Executors, by state.',
      states([
        ['approved', counts.activeExecutors],
        ['unregistered', counts.unregisteredExecutors],
      ]),
    ),
    gauge(
      'colonies_processes',
      'Processes that are stored, by state; counted every ten seconds at most.',
      states([
        ['waiting', counts.waitingProcesses],
        ['running', counts.runningProcesses],
        ['success', counts.successfulProcesses],
        ['failed', counts.failedProcesses],
        ['cancelled', counts.cancelledProcesses],
      ]),
    ),
    gauge(
      'colonies_workflows',
      'Workflows that are stored, by state.',
      states([
        ['waiting', counts.waitingWorkflows],
        ['running', counts.runningWorkflows],
        ['success', counts.successfulWorkflows],
        ['failed', counts.failedWorkflows],
        ['cancelled', counts.cancelledWorkflows],
      ]),
    ),
  ];
}

function clientFamilies({ version, connections, waitingPolls, sockets, subscriptions }: Standing): Family[] {
  return [
    gauge('colonies_server_info', 'The version of the server.', [{ labels: { version }, value: 1 }]),
    gauge('colonies_connections', 'Open connections.', connections),
    gauge('colonies_waiting_polls', 'Executors that wait for work.', waitingPolls),
    gauge('colonies_websockets', 'Open WebSockets.', sockets),
    gauge('colonies_subscriptions', 'Subscriptions on WebSockets.', subscriptions),
  ];
}

function storeFamilies({ database, databasePath, trouble }: Standing): Family[] {
  const blobs = database.get<{ total: number }>('SELECT coalesce(sum(bytes), 0) AS total FROM blobs')?.total ?? 0;
  return [
    gauge('colonies_store_healthy', 'Whether changes can be stored.', trouble === undefined ? 1 : 0),
    gauge('colonies_database_bytes', 'Size of the files of the database.', [
      { labels: { file: 'database' }, value: sizeOf(databasePath) },
      { labels: { file: 'log' }, value: sizeOf(`${databasePath}-wal`) },
    ]),
    gauge('colonies_blob_bytes', 'Size of all blobs.', blobs),
  ];
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function processFamilies(): Family[] {
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const startedSeconds = (Date.now() - process.uptime() * 1000) / 1000;
  return [
    gauge('process_resident_memory_bytes', 'Memory of the process.', rss),
    gauge('colonies_heap_used_bytes', 'Memory of JavaScript objects.', heapUsed),
    gauge('colonies_external_memory_bytes', 'Memory of buffers.', external),
    gauge('process_start_time_seconds', 'When the process started, in seconds since 1970.', startedSeconds),
    {
      name: 'process_cpu_seconds_total',
      help: 'Time of processors used.',
      type: 'counter',
      samples: [{ value: (user + system) / 1e6 }],
    },
  ];
}
