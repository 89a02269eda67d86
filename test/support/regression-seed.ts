import type { ProcessState } from '../../colony/messages/processes.ts';
import type { Worker } from '../../colony/worker.ts';
import { readTraining, graphOf, type Training } from '../../executors/regression/training.ts';
import { restartWorkflow } from '../../workflows/vertical-regression/builder.ts';
import { until } from './processes.ts';
import { columnOf, distance, readTable } from './regression.ts';
import { SEED_ORACLE } from './regression-oracles.ts';
import type { PartyOptions, RegressionStage } from './regression-daemons.ts';

/** The seed's scenario, y = 31·x1 − 5.5·x2 in 100 rows, as a quick training for tests of what goes wrong. */

const table = readTable('synthetic_grid_100.csv');

/** A request whose trajectory is known. */
export const SEED_REQUEST = {
  label: 'y',
  features: ['x1', 'x2'],
  model: 'linear',
  scaling: 'none',
  alpha: 0.1,
  iterations: 4,
  blockIterations: 2,
  residualBoundBits: 10,
  keyBits: 512,
  guards: 'demonstration',
} as const;

/** Starts one of the parties x1, x2 and y. @param column replaces its numbers */
export async function startSeedParty(
  stage: RegressionStage,
  party: 'x1' | 'x2' | 'y',
  options: PartyOptions = {},
  column: ArrayLike<number> = columnOf(table, party),
): Promise<Worker> {
  const source = await stage.writeTable(`${party}.csv`, new Map([[party, column]]));
  return party === 'y' ? stage.startLabel(party, { source }, options) : stage.startFeature(party, { source }, options);
}

/** Starts all parties and the aggregator. @param labels replace the label party's numbers */
export async function startSeed(
  stage: RegressionStage,
  labels?: ArrayLike<number>,
): Promise<Record<'x1' | 'x2' | 'y' | 'aggregator', Worker>> {
  const [x1, x2, y, aggregator] = await Promise.all([
    startSeedParty(stage, 'x1'),
    startSeedParty(stage, 'x2'),
    startSeedParty(stage, 'y', {}, labels),
    stage.startAggregator(),
  ]);
  return { x1, x2, y, aggregator };
}

/** How far both parties are, at most, from the published trajectory; infinitely far when they took other steps. */
export async function seedDistance(stage: RegressionStage, run: string, iterations: number): Promise<number> {
  const [left, right] = [await stage.thetasOf('x1', run), await stage.thetasOf('x2', run)];
  if (left.length !== iterations || right.length !== iterations) return Number.POSITIVE_INFINITY;
  const steps = left.map((theta, step) =>
    distance([...theta, ...(right[step] ?? [])], SEED_ORACLE.n100.iterations[String(step + 1)]?.theta ?? []),
  );
  return Math.max(...steps);
}

/** Waits until a process of a run has come to a state. */
export async function reached(stage: RegressionStage, run: string, node: string, state: ProcessState): Promise<void> {
  await until(
    async () => (await stage.processes(run, state)).some(({ spec }) => spec.nodeName === node),
    () => `${node} never was in state ${state}`,
  );
}

/** Cancels whatever of a run is open, until nothing is. */
export async function cancelRun(stage: RegressionStage, run: string): Promise<void> {
  await until(async () => {
    const open = [...(await stage.processes(run, 'waiting')), ...(await stage.processes(run, 'running'))];
    for (const workflowId of new Set(open.map((process) => process.workflowId))) {
      await stage.client.cancelWorkflow({ workflowId });
    }
    return open.length === 0;
  });
}

/** What the parties of a run have agreed on. */
export async function trainingOf(stage: RegressionStage, run: string): Promise<Training> {
  const process = (await stage.processes(run, 'success')).find(({ spec }) => 'training' in spec.kwargs);
  return readTraining(String(process?.spec.kwargs['training']));
}

/** Asks the label party to go on, as `colonies regression resume` does. */
export async function resumeRun(stage: RegressionStage, run: string, attempt: number): Promise<void> {
  const { colonyName } = stage.colony;
  const functionSpecs = restartWorkflow(graphOf(await trainingOf(stage, run)), attempt);
  await stage.client.submitWorkflowSpec({ spec: { colonyName, functionSpecs } });
}

/** Waits for the report of a run that has failed or was cancelled before. */
export async function reported(stage: RegressionStage, run: string): Promise<void> {
  await until(
    async () => {
      const open = [...(await stage.processes(run, 'waiting')), ...(await stage.processes(run, 'running'))];
      const done = await stage.processes(run, 'success');
      return open.length === 0 && done.some(({ spec }) => spec.nodeName === 'report');
    },
    () => `run ${run} was never reported`,
  );
}
