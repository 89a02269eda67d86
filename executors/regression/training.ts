import { createHash } from 'node:crypto';
import * as z from 'zod';
import { parseJson } from '../../colony/json-text.ts';
import { formatIssues } from '../../colony/schema-errors.ts';
import {
  hasLoss,
  isCubic,
  lossContradictions,
  parametersDigest,
  partiesOf,
  readParameters,
  RunParameters,
} from './parameters.ts';
import { refusal } from './refusal.ts';

/** What a training is beyond its parameters: how it is asked for, and how it is cut into workflows. */

const DEFAULT_AGGREGATOR = 'regression-aggregator';
const DEFAULT_BLOCK_ITERATIONS = 10;
/** Who writes a request mends all of it at once; no message may make an error of any length. */
const MOST_ISSUES = 10;

const {
  rows: _rows,
  idsDigest: _idsDigest,
  features: _features,
  v: _version,
  ...chosen
} = RunParameters.unwrap().shape;

const howItRuns = {
  /** The executor type of the daemon that adds what it cannot read. */
  aggregator: chosen.run.default(DEFAULT_AGGREGATOR),
  /** Iterations in one workflow, at most: with many parties fewer fit into one. */
  blockIterations: z.int().min(1).max(40).default(DEFAULT_BLOCK_ITERATIONS),
  /** Every so-manieth aligned row, from the first, is kept apart to judge the model by; 0 for none. */
  holdoutEvery: z.union([z.literal(0), z.int().min(2).max(1000)]).default(0),
};

/**
 * What somebody asks for: the parameters, without what only the parties know (rows, columns, ids). Parties are the
 * executor types of their daemons.
 */
export const TrainingRequest = z
  .strictObject({
    ...chosen,
    features: z.array(chosen.label).min(1).max(32),
    ...howItRuns,
  })
  .superRefine((request, context) => {
    for (const [path, message] of requestContradictions(request)) {
      context.addIssue({ code: 'custom', path: [path], message });
    }
  });
/** @see {@link TrainingRequest} */
export type TrainingRequest = z.output<typeof TrainingRequest>;

function* requestContradictions(request: {
  readonly label: string;
  readonly features: readonly string[];
  readonly aggregator: string;
  readonly holdoutEvery: number;
  readonly guards: string;
  readonly model: string;
  readonly activation: string;
  readonly loss?: boolean | undefined;
}): Generator<[path: string, message: string]> {
  const parties = [request.label, ...request.features];
  if (new Set(parties).size !== parties.length) yield ['features', 'expected every party once, the label party apart'];
  yield* lossContradictions(request);
  if (parties.includes(request.aggregator)) yield ['aggregator', 'expected none of the parties'];
  if (request.holdoutEvery > 0 && request.features.length < 2 && request.guards !== 'demonstration') {
    yield ['holdoutEvery', 'expected 0 with one feature party, whose part would be the prediction'];
  }
}

/** What all parties agree on when a training begins; public. */
export const Training = z.strictObject({
  v: z.literal(1).default(1),
  parameters: RunParameters,
  ...howItRuns,
  /** Rows of every party, those held out included. */
  totalRows: z.int().min(1),
});
/** @see {@link Training} */
export type Training = z.output<typeof Training>;

/** What a party says of its table before a run. */
export const Survey = z.strictObject({
  v: z.literal(1),
  kind: z.literal('survey'),
  party: z.string().max(64),
  rows: z.int().min(0),
  /** SHA-256 of the aligned ids; null where rows meet by position. */
  idsDigest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  /** Columns that it would train with; 0 for the label party. */
  columns: z.int().min(0).max(4096),
});
/** @see {@link Survey} */
export type Survey = z.output<typeof Survey>;

/** Reads the text of a request. @throws TerminalError `BAD_PARAMETERS` naming the fields that are wrong */
export function readTrainingRequest(text: string): TrainingRequest {
  return readAs(TrainingRequest, text, 'request');
}

/** Reads the text of a training. @throws TerminalError `BAD_PARAMETERS` naming the fields that are wrong */
export function readTraining(text: string): Training {
  return readAs(Training, text, 'training');
}

/** Reads a document by its codec. @throws TerminalError `BAD_PARAMETERS` naming the fields that are wrong */
export function readAs<Codec extends z.ZodType>(codec: Codec, text: string, where: string): z.output<Codec> {
  const document = jsonOf(text, where);
  const result = codec.safeParse(document);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, MOST_ISSUES);
  throw refusal('BAD_PARAMETERS', `${where}: ${formatIssues({ issues }, document)}`);
}

function jsonOf(text: string, where: string): unknown {
  try {
    return parseJson(text, where);
  } catch (error) {
    throw refusal('BAD_PARAMETERS', `${where}: expected JSON text, got ${text.length} other characters`, error);
  }
}

/**
 * Puts request and surveys together.
 *
 * @param surveys of the label party, then of the feature parties in their order
 * @throws TerminalError `ROWS_DIFFER` when the parties' rows are not the same, `WRONG_PARTY`, `BAD_PARAMETERS`
 */
export function agreeOn(request: TrainingRequest, surveys: readonly Survey[]): Training {
  const { features, aggregator, blockIterations, holdoutEvery, ...parameters } = request;
  const [labels, ...others] = surveys;
  const names = [request.label, ...features];
  if (
    labels === undefined ||
    surveys.some(({ party }, index) => party !== names[index]) ||
    surveys.length !== names.length
  ) {
    throw refusal(
      'WRONG_PARTY',
      `start: expected surveys of ${names.join(', ')}, got those of ${surveys.map(({ party }) => party).join(', ')}`,
    );
  }
  requireSameRows(surveys);
  const totalRows = labels.rows;
  const heldOut = heldOutRows(totalRows, holdoutEvery);
  if (heldOut > parameters.predictionRows) {
    throw refusal(
      'PREDICTION_BUDGET',
      `holdoutEvery: expected at most ${parameters.predictionRows} rows held out ("predictionRows"), got ${heldOut}; hold fewer out`,
    );
  }
  const agreed = readParameters({
    ...parameters,
    features: others.map(({ party, columns }) => ({ name: party, columns })),
    rows: totalRows - heldOut,
    ...(labels.idsDigest === null ? {} : { idsDigest: labels.idsDigest }),
  });
  return { v: 1, parameters: agreed, aggregator, blockIterations, holdoutEvery, totalRows };
}

function requireSameRows(surveys: readonly Survey[]): void {
  const [first] = surveys;
  for (const { party, rows, idsDigest } of surveys) {
    if (rows !== first?.rows) {
      throw refusal(
        'ROWS_DIFFER',
        `start: expected ${first?.rows} rows as ${first?.party} has, got ${rows} of ${party}; give every daemon the same list of common ids`,
      );
    }
    if (idsDigest !== first.idsDigest) {
      throw refusal(
        'ROWS_DIFFER',
        `start: expected the ids of ${first.party}, got others of ${party}; give every daemon the same list of common ids`,
      );
    }
  }
}

/**
 * SHA-256 over all that a training says, lower-case hexadecimal. Contexts name the parameters only; a party that has begun a
 * run goes on with this very training, since other rows held out would put other predictions under the same pads.
 */
export function trainingDigest({ parameters, aggregator, blockIterations, holdoutEvery, totalRows }: Training): string {
  const parts = [parametersDigest(parameters), aggregator, blockIterations, holdoutEvery, totalRows];
  return createHash('sha256').update(parts.join('/')).digest('hex');
}

/** SHA-256 over a request, lower-case hexadecimal: what surveys belong to. */
export function requestDigest(request: TrainingRequest): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('hex');
}

/** How many of the aligned rows are kept apart. */
export function heldOutRows(totalRows: number, holdoutEvery: number): number {
  return holdoutEvery === 0 ? 0 : Math.ceil(totalRows / holdoutEvery);
}

/** Divides a column into the rows to train with and those held out. */
export function divideRows(column: Float64Array, holdoutEvery: number): { train: Float64Array; heldOut: Float64Array } {
  const heldOut = new Float64Array(heldOutRows(column.length, holdoutEvery));
  if (holdoutEvery === 0) return { train: column, heldOut };
  const train = new Float64Array(column.length - heldOut.length);
  let [kept, held] = [0, 0];
  for (const [row, value] of column.entries()) {
    if (row % holdoutEvery === 0) heldOut[held++] = value;
    else train[kept++] = value;
  }
  return { train, heldOut };
}

/** What the workflows of a training are built from. */
export function graphOf(training: Training) {
  const { parameters, aggregator } = training;
  const { run, label, mode } = parameters;
  return {
    run,
    label,
    features: parameters.features.map(({ name }) => name),
    aggregator,
    training: JSON.stringify(z.encode(Training, training)),
    openers: mode === 'threshold' ? partiesOf(parameters) : [label],
    hasPowers: isCubic(parameters),
    hasDealer: mode === 'threshold',
    opensLoss: mode === 'threshold' && hasLoss(parameters),
    isAdditive: mode === 'additive',
  };
}
