import * as z from 'zod';
import { STOP_REASONS } from '../outputs.ts';
import { parametersDigest } from '../parameters.ts';
import type { PredictionRequest } from '../prediction/request.ts';
import { refusal } from '../refusal.ts';
import { Training, trainingDigest } from '../training.ts';
import type { OpenRun } from './additive-keys.ts';
import { type Desk, filesOf } from './desk.ts';

/** The file of what predictions need of a training that has ended, in a party's directory of the run. */
export const MODEL_FILE = 'model.json';

/**
 * What a party keeps of a model beside its coefficients.
 *
 * - `training`, `digest`, `parameters`: what was agreed on, and the digests of it
 * - `parties`: Colonies ids by party, as they were when the training began
 * - `stopped`: why it ended before its last iteration, where this party knows
 * - `heldOutRows`: rows that were predicted at its end
 * - `centre`: what the label party adds to predictions
 */
export const Model = z.strictObject({
  v: z.literal(1),
  run: z.string(),
  party: z.string(),
  training: Training,
  digest: z.string(),
  parameters: z.string(),
  parties: z.record(z.string(), z.string()),
  stopped: z.enum(STOP_REASONS).nullable(),
  heldOutRows: z.int().min(0),
  centre: z.number().optional(),
});
/** @see {@link Model} */
export type Model = z.output<typeof Model>;

/** Writes down what predictions need of a training that ends now. */
export function writeModel(
  { desk, training }: OpenRun,
  facts: Pick<Model, 'parties' | 'stopped' | 'heldOutRows'> & { readonly centre?: number },
): void {
  const { parameters } = training;
  const model: Model = {
    v: 1,
    run: parameters.run,
    party: desk.name,
    training,
    digest: trainingDigest(training),
    parameters: parametersDigest(parameters),
    ...facts,
  };
  filesOf(desk, parameters).publish(MODEL_FILE, `${JSON.stringify(z.encode(Model, model), null, 2)}\n`);
}

/**
 * The model of a request, if it is this party's.
 *
 * @throws TerminalError `WRONG_RUN` for a training that this party does not know, that has not ended well, or that is another
 *   than the request says; `WRONG_PARTY` for other parties; `BAD_STORE`
 */
export async function readModel(
  desk: Desk,
  { run, training: digest, label, features }: PredictionRequest,
): Promise<Model> {
  const text = await filesOf(desk, { run }).read(MODEL_FILE);
  if (text === '') {
    throw refusal(
      'WRONG_RUN',
      `run ${run}: expected a training that has ended in success at ${desk.name}, got none; train first, or resume it`,
    );
  }
  const model = parseModel(text, run, desk.name);
  const { parameters } = model.training;
  if (model.digest !== digest) {
    throw refusal('WRONG_RUN', `run ${run}: expected the training that ${desk.name} took part in, got another digest`);
  }
  if (parameters.label !== label || parameters.features.map(({ name }) => name).join('/') !== features.join('/')) {
    throw refusal('WRONG_PARTY', `run ${run}: expected the parties of the training in their order, got others`);
  }
  if (model.stopped !== 'diverged') return model;
  throw refusal('WRONG_RUN', `run ${run}: expected a training that has ended in success, got one that diverged`);
}

function parseModel(text: string, run: string, party: string): Model {
  const result = Model.safeParse(jsonOf(text));
  if (result.success && result.data.party === party && result.data.run === run) return result.data;
  throw refusal('BAD_STORE', `${run}/${MODEL_FILE}: expected the model of ${run} at ${party}, got something else`);
}

/** JSON, or undefined where it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
