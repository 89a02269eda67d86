import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createColoniesClient, type ColoniesClient } from '../../colony/client.ts';
import { PROCESS_STATES, type Process, type ProcessState } from '../../colony/messages/processes.ts';
import type { Environment } from '../../colony/environment.ts';
import type { Worker } from '../../colony/worker.ts';
import {
  type PartyDataOptions,
  type RegressionOptions,
  startAggregator,
  startFeatureParty,
  startLabelParty,
} from '../../executors/regression/daemon.ts';
import { decodeMessage, StatementMessage } from '../../executors/regression/messages.ts';
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
  startFeature(party: string, data: PartyDataOptions, options?: PartyOptions): Promise<Worker>;
  startLabel(party: string, data: PartyDataOptions, options?: PartyOptions): Promise<Worker>;
  startAggregator(party?: string, options?: PartyOptions): Promise<Worker>;
  /** Submits a training, and waits until its report has been written, or one of its processes has failed. */
  train(request: unknown): Promise<void>;
  submit(request: unknown): Promise<TrainingRequest>;
  /** Waits for the report of a run. @throws the errors of the first process that failed */
  finished(run: string): Promise<void>;
  /** Waits until a run has failed and nothing of it waits or runs; what has failed by itself, as `node: error`. */
  failuresOf(run: string): Promise<string[]>;
  /** The processes of a run in one state. */
  processes(run: string, state: ProcessState): Promise<readonly Process[]>;
  /** A file that a party keeps of a run. */
  fileOf(party: string, run: string, name: string): Promise<string>;
  /** A party's coefficients after each iteration, as its thetas.log tells. */
  thetasOf(party: string, run: string): Promise<number[][]>;
  /** The label party's losses. */
  lossesOf(party: string, run: string): Promise<number[]>;
}

/** What differs between the daemons of a test. */
export type PartyOptions = Pick<
  Partial<RegressionOptions>,
  'peers' | 'acceptsDemonstrations' | 'isStrict' | 'environment' | 'log'
>;

/** Numbers of a thetas.log, `<name> <theta>[<sum>]` lines, for each iteration. */
export function parseThetas(text: string): { name: string; theta: number; sum: number }[] {
  return text
    .trimEnd()
    .split('\r\n')
    .map((line) => {
      const [, name = '', theta, sum] = /^(\S+) (\S+)\[(\S+)\]$/.exec(line) ?? [];
      return { name, theta: Number(theta), sum: Number(sum) };
    });
}

/** What a process has said, without its signature. */
export function saidBy({ output }: Pick<Process, 'output'>): string {
  return decodeMessage(StatementMessage, String(output[0])).text;
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
  const optionsOf = (party: string, options: PartyOptions = {}) => ({
    executorType: party,
    environment,
    log,
    directory: join(directory, party),
    acceptsDemonstrations: true,
    ...options,
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
    startFeature: (party, data, options) => keep(startFeatureParty(optionsOf(party, options), data)),
    startLabel: (party, data, options) => keep(startLabelParty(optionsOf(party, options), data)),
    startAggregator: (party = 'regression-aggregator', options = {}) =>
      keep(startAggregator(optionsOf(party, options))),
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
      await until(async () => {
        const [failed] = await stage.processes(run, 'failed');
        if (failed !== undefined) throw new Error(`${failed.spec.nodeName}: ${failed.errors.join('; ')}`);
        const done = await stage.processes(run, 'success');
        return done.some(({ spec }) => spec.nodeName === 'report') && (await isQuiet(stage, run));
      });
    },
    async failuresOf(run) {
      await until(async () => (await stage.processes(run, 'failed')).length > 0 && isQuiet(stage, run));
      const failed = await stage.processes(run, 'failed');
      return failed.flatMap(({ spec, errors }) =>
        errors.filter((error) => !error.startsWith('Not run:')).map((error) => `${spec.nodeName}: ${error}`),
      );
    },
    processes: (run, state) =>
      client.getProcesses({
        colonyName,
        executorType: '',
        initiator: '',
        label: `regression/${run}`,
        state: PROCESS_STATES.indexOf(state),
        count: 100,
      }),
    fileOf: (party, run, name) => readFile(join(directory, party, run, name), 'utf8'),
    async thetasOf(party, run) {
      const steps = parseThetas(await stage.fileOf(party, run, 'thetas.log'));
      const columns = new Set(steps.map(({ name }) => name)).size;
      const thetas = steps.map(({ theta }) => theta);
      return Array.from({ length: steps.length / columns }, (_, step) =>
        thetas.slice(step * columns, (step + 1) * columns),
      );
    },
    async lossesOf(party, run) {
      const [, ...lines] = (await stage.fileOf(party, run, 'loss.csv')).trimEnd().split('\n');
      return lines.map((line) => Number(line.split(',')[1]));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 }).catch(() => undefined)));
      await colony.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return stage;
}

async function isQuiet(stage: RegressionStage, run: string): Promise<boolean> {
  const open = [...(await stage.processes(run, 'waiting')), ...(await stage.processes(run, 'running'))];
  return open.length === 0;
}
