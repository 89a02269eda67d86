import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { PredictionRequest } from '../../executors/regression/prediction/request.ts';
import { trainingDigest } from '../../executors/regression/training.ts';
import { predictionWorkflow } from '../../workflows/vertical-regression/prediction-builder.ts';
import type { Worker } from '../../colony/worker.ts';
import { columnOf, readTable } from './regression.ts';
import type { PartyOptions, RegressionStage } from './regression-daemons.ts';
import { startSeedParty, trainingOf } from './regression-seed.ts';

const table = readTable('synthetic_grid_100.csv');

/** The request that `colonies regression predict` makes for a training that the server still knows. */
export async function predictionRequest(
  stage: RegressionStage,
  run: string,
  prediction: string,
  changes: Partial<PredictionRequest> = {},
): Promise<PredictionRequest> {
  const training = await trainingOf(stage, run);
  const { label, features } = training.parameters;
  const names = features.map(({ name }) => name);
  const digest = trainingDigest(training);
  return PredictionRequest.parse({ prediction, run, training: digest, label, features: names, ...changes });
}

/** Submits the processes of a request, or those of them that are wanted. */
export async function submitPrediction(
  stage: RegressionStage,
  request: PredictionRequest,
  change: (specs: FunctionSpec[]) => FunctionSpec[] = (specs) => specs,
): Promise<void> {
  const functionSpecs = change(predictionWorkflow(request, JSON.stringify(request)));
  await stage.client.submitWorkflowSpec({ spec: { colonyName: stage.colony.colonyName, functionSpecs } });
}

/** Submits a prediction and waits for its end. @throws the errors of the first process that failed */
export async function predict(stage: RegressionStage, run: string, prediction: string): Promise<void> {
  await submitPrediction(stage, await predictionRequest(stage, run, prediction));
  await stage.finished(prediction);
}

/** Submits a prediction that must fail; what has failed by itself, as `node: error` lines. */
export async function refusedPrediction(
  stage: RegressionStage,
  run: string,
  prediction: string,
  changes: Partial<PredictionRequest> = {},
): Promise<string> {
  await submitPrediction(stage, await predictionRequest(stage, run, prediction, changes));
  return (await stage.failuresOf(prediction)).join('\n');
}

/** The cells of the label party's file of predictions: its title line, then its rows. */
export async function predictionsOf(stage: RegressionStage, party: string, prediction: string): Promise<string[][]> {
  const text = await stage.fileOf(party, prediction, 'predictions.csv');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
}

/** What the parties x1 and x2 predict; y has the labels. */
export type NewColumns = Record<'x1' | 'x2', ArrayLike<number>>;

/** Starts the parties of the seed's scenario and the aggregator, x1 and x2 with new rows. */
export async function startPredicting(
  stage: RegressionStage,
  newColumns: NewColumns,
): Promise<Record<'x1' | 'x2' | 'y' | 'aggregator', Worker>> {
  const [x1, x2, y, aggregator] = await Promise.all([
    startPredictor(stage, 'x1', newColumns.x1),
    startPredictor(stage, 'x2', newColumns.x2),
    startSeedParty(stage, 'y'),
    stage.startAggregator(),
  ]);
  return { x1, x2, y, aggregator };
}

/** Starts one of the feature parties with new rows; the file is `<party>-new.csv`. */
export async function startPredictor(
  stage: RegressionStage,
  party: 'x1' | 'x2',
  values: ArrayLike<number>,
  options: PartyOptions = {},
): Promise<Worker> {
  const source = await stage.writeTable(`${party}.csv`, new Map([[party, columnOf(table, party)]]));
  return stage.startFeature(party, { source, newRows: await writeNewRows(stage, party, values) }, options);
}

/** Replaces a party's new rows. */
export function writeNewRows(stage: RegressionStage, party: string, values: ArrayLike<number>): Promise<string> {
  return stage.writeTable(`${party}-new.csv`, new Map([[party, values]]));
}

/** What the seed's parties together predict for new rows, from their own coefficients of a run. */
export async function predictedBySeed(stage: RegressionStage, run: string, { x1, x2 }: NewColumns): Promise<number[]> {
  const [left = 0] = (await stage.thetasOf('x1', run)).at(-1) ?? [];
  const [right = 0] = (await stage.thetasOf('x2', run)).at(-1) ?? [];
  return Array.from(x1, (value, row) => left * value + right * (x2[row] ?? 0));
}
