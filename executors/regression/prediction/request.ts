import * as z from 'zod';
import { RunParameters } from '../parameters.ts';
import { readAs, type Training } from '../training.ts';

/** Joint predictions for new rows by a model that was trained before: what is asked for, and what binds its messages. */

const { run: Name } = RunParameters.unwrap().shape;

/**
 * What somebody asks for; public.
 *
 * - `prediction`: a name that no party has seen, neither of a training nor of a prediction
 * - `run`, `training`: the training's name and digest (`trainingDigest`)
 * - `label`, `features`: the parties of that training; the label party gets the predictions
 */
export const PredictionRequest = z.strictObject({
  v: z.literal(1).default(1),
  prediction: Name,
  run: Name,
  training: z.string().regex(/^[0-9a-f]{64}$/, 'expected a digest of 64 hexadecimal digits'),
  label: Name,
  features: z.array(Name).min(1).max(32),
});
/** @see {@link PredictionRequest} */
export type PredictionRequest = z.output<typeof PredictionRequest>;

/** Reads the text of a request. @throws TerminalError `BAD_PARAMETERS` naming the fields that are wrong */
export function readPredictionRequest(text: string): PredictionRequest {
  return readAs(PredictionRequest, text, 'prediction');
}

/** The parameters of a training under the name of a prediction: their digest binds every message to both. */
export interface PredictionParameters extends RunParameters {
  /** The training's name. */
  readonly trainedAs: string;
  /** The training's digest. */
  readonly training: string;
}

/** What binds the messages of a prediction. */
export function predictionParameters(
  { parameters }: Pick<Training, 'parameters'>,
  { prediction, run, training }: PredictionRequest,
): PredictionParameters {
  return { ...parameters, run: prediction, trainedAs: run, training };
}
