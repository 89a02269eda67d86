import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { PredictionRequest } from '../../executors/regression/prediction/request.ts';
import { trainingDigest } from '../../executors/regression/training.ts';
import { predictionWorkflow } from '../../workflows/vertical-regression/prediction-builder.ts';
import type { RegressionStage } from './regression-daemons.ts';
import { trainingOf } from './regression-seed.ts';

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
