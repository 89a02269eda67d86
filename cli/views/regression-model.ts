import { UserError } from '../../colony/errors.ts';
import { PredictionRequest, readPredictionRequest } from '../../executors/regression/prediction/request.ts';
import { type Training, trainingDigest } from '../../executors/regression/training.ts';
import type { Connection } from '../framework/context.ts';
import { findModel } from './regression-results.ts';
import { findStatus } from './regression-run.ts';

/**
 * What was trained under a name, as the server tells, or where that has forgotten it, a party of this machine.
 *
 * @throws UserError when neither knows, or the training has not ended
 */
export async function findTraining(
  connection: Connection,
  run: string,
  directory: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Training> {
  const status = await findStatus(connection, run);
  if (status?.predictsWith !== undefined) {
    throw new UserError(`--run: expected a training, got the prediction ${run}; name the training it used`);
  }
  if (status !== undefined && status.state !== 'finished') {
    throw new UserError(`--run: expected a training that has ended, got ${run}, which is ${status.state}`);
  }
  const training = status?.training ?? (await findModel(run, directory, env));
  if (training !== undefined) return training;
  throw new UserError(
    `--run: expected a training that the colony or a party of this machine knows, got "${run}"; check the name, or give --directory`,
  );
}

/** Makes the request for a prediction. @throws UserError for a name that is none */
export function requestPrediction(training: Training, prediction: string): PredictionRequest {
  const { run, label, features } = training.parameters;
  const names = features.map(({ name }) => name);
  const request = { prediction, run, training: trainingDigest(training), label, features: names };
  const { error } = PredictionRequest.shape.prediction.safeParse(prediction);
  if (error !== undefined) {
    const wanted = error.issues.map(({ message }) => message).join('; ');
    throw new UserError(`--name: ${wanted}, got "${prediction.slice(0, 80)}"`, { cause: error });
  }
  return readPredictionRequest(JSON.stringify(request));
}

const LONGEST_STEM = 44;

/** A name for a prediction that nobody has used: the training's, and the time. */
export function nameOfPrediction(run: string, now: Date): string {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+Z$/gu, '');
  return `${run.slice(0, LONGEST_STEM)}.${time}`;
}
