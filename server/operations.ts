import type { Logger } from 'pino';
import { createBackupRoute } from './backup.ts';
import type { BodyReader } from './body.ts';
import type { Services } from './services.ts';
import { respond, type Route } from './http.ts';
import { expose } from './metrics/exposition.ts';
import { createRecorder, type Recorder } from './metrics/recorder.ts';
import { createMetricsRoute } from './metrics/route.ts';
import { createStateReader, type Standing } from './metrics/state.ts';
import type { Database } from './store/database.ts';
import { createStoreHealth } from './store-health.ts';
import { createSnapshots } from './store/snapshot.ts';

/** What whoever runs a server looks after. */
export interface Operations {
  readonly recorder: Recorder;
  readonly routes: readonly Route[];
  /** Hears of every commit. */
  readonly onCommit: (durationMs: number, workCount: number, failure: Error | undefined) => void;
  /** To be called after the database was closed. */
  stop(): Promise<void>;
}

/** What operations need of the other parts, which need them in turn. */
export interface OperationsOptions {
  readonly services: () => Services;
  readonly database: Database;
  readonly databasePath: string;
  readonly bodies: BodyReader;
  /** Keeps the files of blobs from being removed until the result is called, and some time longer. */
  readonly holdBlobs: () => () => void;
  /** Without one, `/metrics` is for this machine only. */
  readonly metricsToken: string | undefined;
  /** What clients have open. */
  readonly clients: () => Promise<Pick<Standing, 'connections' | 'sockets' | 'subscriptions'>>;
  readonly log: Logger;
}

/** Creates `GET /health`, `GET /metrics` and `POST /backup`, and what they rest on. */
export function createOperations(options: OperationsOptions): Operations {
  const { services, database, databasePath, log } = options;
  const recorder = createRecorder();
  const health = createStoreHealth(() => services().transactor, databasePath, log);
  const snapshots = databasePath === ':memory:' ? undefined : createSnapshots(database, databasePath);
  const state = createStateReader();
  const readMetrics = async (): Promise<string> => {
    const [trouble, clients] = await Promise.all([health.check(), options.clients()]);
    const { version } = services().facts;
    const waitingPolls = recorder.waitingPolls();
    const standing = { ...clients, version, database, databasePath, trouble, waitingPolls };
    return expose([...recorder.families(), ...state.families(standing)]);
  };
  return {
    recorder,
    routes: [
      createHealthRoute(() => health.check()),
      createMetricsRoute(options.metricsToken, readMetrics),
      createBackupRoute({
        services,
        bodies: options.bodies,
        snapshots,
        holdBlobs: options.holdBlobs,
        blobDirectory: `${databasePath}.blobs`,
      }),
    ],
    onCommit(durationMs, workCount, failure) {
      recorder.onCommit(durationMs, workCount, failure);
      if (failure !== undefined) health.onFailure(failure);
    },
    async stop() {
      state.stop();
      await snapshots?.close();
    },
  };
}

/** Whether the server can do its work, at `GET /health`: 200 and nothing, or 503 and why not. */
function createHealthRoute(check: () => Promise<string | undefined>): Route {
  return {
    method: 'GET',
    matches: (path) => path === '/health',
    async handle(_request, response) {
      const trouble = await check();
      if (trouble === undefined) respond(response, 200, '');
      else respond(response, 503, `The server cannot store anything: ${trouble}\n`, { 'retry-after': '5' });
    },
  };
}
