import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createColoniesClient, type ColoniesClient } from '../../colony/client.ts';
import type { Environment } from '../../colony/environment.ts';
import type { Worker } from '../../colony/worker.ts';
import {
  type PartyDataOptions,
  startAggregator,
  startFeatureParty,
  startLabelParty,
} from '../../executors/regression/daemon.ts';
import { surveyWorkflow } from '../../workflows/vertical-regression/builder.ts';
import { TrainingRequest } from '../../executors/regression/training.ts';
import { startTestColony, type TestColony } from './test-colony.ts';
import { until } from './processes.ts';

/** Real daemons of a regression at a real server, in this process. */
export interface RegressionStage extends AsyncDisposable {
  readonly colony: TestColony;
  readonly client: ColoniesClient;
  readonly directory: string;
  /** Writes a CSV file of columns by name. */
  writeTable(name: string, columns: ReadonlyMap<string, ArrayLike<number>>): Promise<string>;
  startFeature(party: string, data: PartyDataOptions): Promise<Worker>;
  startLabel(party: string, data: PartyDataOptions): Promise<Worker>;
  startAggregator(party?: string): Promise<Worker>;
  /** Submits a training, and waits until its report has been written, or one of its processes has failed. */
  train(request: unknown): Promise<void>;
  submit(request: unknown): Promise<TrainingRequest>;
  /** Waits for the report of a run. @throws the errors of the first process that failed */
  finished(run: string): Promise<void>;
  /** A file that a party keeps of a run. */
  fileOf(party: string, run: string, name: string): Promise<string>;
}

/** Sets a stage. */
export async function openRegressionStage(): Promise<RegressionStage> {
  const colony = await startTestColony();
  const directory = await mkdtemp(join(tmpdir(), 'regression-'));
  const environment: Environment = {
    server: colony.address,
    colonyName: colony.colonyName,
    colonyIdentity: colony.colonyOwner,
    source: 'environment',
  };
  const client = createColoniesClient({ server: colony.address, identity: colony.user });
  const workers: Worker[] = [];
  const log = pino({ level: process.env['REGRESSION_LOG'] ?? 'silent' });
  const optionsOf = (party: string) => ({
    executorType: party,
    environment,
    log,
    directory: join(directory, party),
    acceptsDemonstrations: true,
  });
  const keep = async (worker: Promise<Worker>): Promise<Worker> => {
    const started = await worker;
    workers.push(started);
    await started.ready;
    return started;
  };
  const { colonyName } = colony;
  const stage: RegressionStage = {
    colony,
    client,
    directory,
    async writeTable(name, columns) {
      const path = join(directory, name);
      const names = [...columns.keys()];
      const rows = Array.from({ length: columns.get(names[0] ?? '')?.length ?? 0 }, (_, row) =>
        names.map((column) => columns.get(column)?.[row]).join(','),
      );
      await writeFile(path, `${[names.join(','), ...rows].join('\n')}\n`);
      return path;
    },
    startFeature: (party, data) => keep(startFeatureParty(optionsOf(party), data)),
    startLabel: (party, data) => keep(startLabelParty(optionsOf(party), data)),
    startAggregator: (party = 'regression-aggregator') => keep(startAggregator(optionsOf(party))),
    async submit(request) {
      const wanted = TrainingRequest.parse(request);
      const functionSpecs = surveyWorkflow(wanted, JSON.stringify(wanted));
      await client.submitWorkflowSpec({ spec: { colonyName, functionSpecs } });
      return wanted;
    },
    async train(request) {
      const { run } = await stage.submit(request);
      await stage.finished(run);
    },
    async finished(run) {
      const listed = (state: number) =>
        client.getProcesses({
          colonyName,
          executorType: '',
          initiator: '',
          label: `regression/${run}`,
          state,
          count: 100,
        });
      await until(async () => {
        const [failed] = await listed(3);
        if (failed !== undefined) throw new Error(`${failed.spec.nodeName}: ${failed.errors.join('; ')}`);
        return (await listed(2)).some(({ spec }) => spec.nodeName === 'report');
      });
    },
    fileOf: (party, run, name) => readFile(join(directory, party, run, name), 'utf8'),
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 }).catch(() => undefined)));
      await colony.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return stage;
}
