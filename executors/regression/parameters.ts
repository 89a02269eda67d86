import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { MaskingChoice } from '../../crypto/paillier/index.ts';
import { refusal } from './refusal.ts';

/** Names of runs and parties stand in contexts and file names. */
const Name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected 1 to 64 letters, digits, ".", "_", "-"');

const MOST_FEATURE_PARTIES = 32;
const MOST_ROWS = 2 ** 26;
const MOST_ITERATIONS = 100_000;

const FeatureParty = z.strictObject({
  name: Name,
  /** Columns of this party, without an intercept. */
  columns: z.int().min(1).max(4096),
});

/**
 * Everything about a run that all parties must agree on; public. Its digest binds every message.
 *
 * - `model`, `activation`: linear least squares; logistic by its Taylor form (Hardy et al. 2017) or by a bounded cubic
 *   (Kim et al. 2018). `activation` means nothing for a linear model
 * - `mode`: `single-key` (the label party holds the key, predictions are padded), `threshold` (nobody holds the key),
 *   `additive` (residuals stay additively shared, protocol B+)
 * - `intercept`: `centred` (labels are centred, linear only), `column` (the first feature party owns a column of
 *   ones, which ridge leaves alone), `none`
 * - `scaling`: what parties do to their own columns: nothing, z-scores, or z-scores cut to ±3 and divided by √d
 * - `alpha`, `lambda`: θ ← θ − α(g/n + λθ)
 * - `iterations`, `toleranceBits`: the most iterations; a party is satisfied when no coefficient moves by 2^−toleranceBits
 * - `batchRows`: 0 for full batches, else at least this many rows in each of the fixed batches
 * - `scaleBits`: f, fractional bits of every encoded number
 * - `precisionBits`: in mode `additive` mean gradients are right to about 2^−precisionBits; numbers get as many fractional
 *   bits as that asks for, in place of `scaleBits`
 * - `columnBoundBits`, `residualBoundBits`: no |x| reaches 2^columnBoundBits, no |residual| 2^residualBoundBits
 * - `loss`: whether the label party learns the loss of every iteration; by default with full batches, but for the cubic form.
 *   With mini-batches the first pass over them then takes no step: the loss needs every batch's gradient at θ = 0
 * - `retries`: openings that a party may ask for beyond one for each iteration
 * - `guards`: `strict` also refuses an opening budget above 0.1; `standard` reports it; `demonstration` reports all that
 *   is refused otherwise, for published data
 */
export const RunParameters = z
  .strictObject({
    v: z.literal(1).default(1),
    run: Name,
    label: Name,
    features: z.array(FeatureParty).min(1).max(MOST_FEATURE_PARTIES),
    rows: z.int().min(1).max(MOST_ROWS),
    /** SHA-256 of the aligned ids, each followed by a line feed; absent when rows are aligned by position. */
    idsDigest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    model: z.enum(['linear', 'logistic']),
    activation: z.enum(['taylor', 'cubic']).default('taylor'),
    mode: z.enum(['single-key', 'threshold', 'additive']).default('single-key'),
    intercept: z.enum(['centred', 'column', 'none']).default('none'),
    scaling: z.enum(['none', 'standard', 'bounded']).default('standard'),
    alpha: z.number().positive().max(1e6),
    lambda: z.number().min(0).max(1e6).default(0),
    iterations: z.int().min(1).max(MOST_ITERATIONS),
    toleranceBits: z.int().min(1).max(50).optional(),
    batchRows: z.int().min(0).max(MOST_ROWS).default(0),
    scaleBits: z.int().min(8).max(44).default(40),
    precisionBits: z.int().min(8).max(40).default(24),
    columnBoundBits: z.int().min(0).max(20).default(6),
    residualBoundBits: z.int().min(0).max(24).default(12),
    keyBits: z.int().min(512).max(6144).multipleOf(2).default(3072),
    retries: z.int().min(0).max(1000).default(8),
    /**
     * Whether rows are encrypted with exponents of 2κ + 64 bits: three times as fast for 2048-bit keys, and resting on a
     * short-exponent assumption beside the usual ones (crypto/README.md, "Which randomness").
     */
    shortMasks: z.boolean().default(false),
    loss: z.boolean().optional(),
    /** How many rows may be predicted in all: predictions tell about features (Luo et al. 2021). */
    predictionRows: z.int().min(0).max(65_536).default(1000),
    guards: z.enum(['strict', 'standard', 'demonstration']).default('standard'),
  })
  .superRefine((parameters, context) => {
    for (const [path, message] of contradictions(parameters)) {
      context.addIssue({ code: 'custom', path: [path], message });
    }
  })
  .readonly();
/** @see {@link RunParameters} */
export type RunParameters = z.output<typeof RunParameters>;

function* contradictions(parameters: {
  label: string;
  features: readonly { name: string }[];
  model: string;
  activation: string;
  mode: string;
  intercept: string;
  scaleBits: number;
  columnBoundBits: number;
  rows: number;
  batchRows: number;
  iterations: number;
  loss?: boolean | undefined;
}): Generator<[path: string, message: string]> {
  const names = [parameters.label, ...parameters.features.map(({ name }) => name)];
  if (new Set(names).size !== names.length) yield ['features', 'expected every party once, the label party apart'];
  if (parameters.model === 'logistic' && parameters.intercept === 'centred') {
    yield ['intercept', 'expected "column" or "none" for a logistic model, whose labels cannot be centred'];
  }
  if (isCubic(parameters) && parameters.mode !== 'single-key') {
    yield ['activation', 'expected mode "single-key" for the cubic form, which the label party opens under a pad'];
  }
  if (parameters.scaleBits + parameters.columnBoundBits > 51) {
    yield ['columnBoundBits', 'expected scaleBits + columnBoundBits up to 51, so that doubles hold every mantissa'];
  }
  yield* lossContradictions(parameters);
  if (parameters.batchRows > parameters.rows) yield ['batchRows', 'expected at most as many as rows'];
}

/** What contradicts `"loss": true`. */
export function* lossContradictions(parameters: {
  readonly model: string;
  readonly activation: string;
  readonly loss?: boolean | undefined;
}): Generator<[path: string, message: string]> {
  if (parameters.loss !== true || !isCubic(parameters)) return;
  yield [
    'loss',
    'expected false or nothing for the cubic form, whose loss has fourth powers of predictions that no party could add up ' +
      'without another pass over all ciphertexts; judge the model by rows held out',
  ];
}

/** How the rows of a run are masked: undefined for what suits the key. */
export function maskingOf({ shortMasks }: RunParameters): { readonly masking?: MaskingChoice } {
  return shortMasks ? { masking: 'short' } : {};
}

/** Whether the run evaluates the cubic form, which needs a padded opening of the predictions. */
export function isCubic({ model, activation }: { readonly model: string; readonly activation: string }): boolean {
  return model === 'logistic' && activation === 'cubic';
}

/**
 * Whether the label party learns the loss of every iteration: what was asked for, and by default where it costs nothing.
 */
export function hasLoss({ loss, batchRows, ...form }: RunParameters): boolean {
  return !isCubic(form) && (loss ?? batchRows === 0);
}

/**
 * Reads parameters as they travel.
 *
 * @throws TerminalError `BAD_PARAMETERS` naming the first that is wrong
 */
export function readParameters(wire: unknown): RunParameters {
  const result = RunParameters.safeParse(wire);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw refusal('BAD_PARAMETERS', `parameters: ${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'wrong'}`);
}

/**
 * SHA-256 over the parameters' canonical JSON (keys sorted, defaults filled in), lower-case hexadecimal: two parties
 * whose digests agree run the same computation.
 */
export function parametersDigest(parameters: RunParameters): string {
  const known = digests.get(parameters);
  if (known !== undefined) return known;
  const digest = createHash('sha256').update(canonicalJson(parameters)).digest('hex');
  digests.set(parameters, digest);
  return digest;
}

const digests = new WeakMap<RunParameters, string>();

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const sorted = fields.toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `{${sorted.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(',')}}`;
}

/** All parties in the order of their key shares: the label party, then the feature parties as listed. */
export function partiesOf({ label, features }: RunParameters): readonly string[] {
  return [label, ...features.map(({ name }) => name)];
}

/**
 * How many columns a party's block has, the intercept's column of ones included.
 *
 * @throws TerminalError `WRONG_PARTY` for a name that is no feature party
 */
export function columnsOf(parameters: RunParameters, party: string): number {
  const place = parameters.features.findIndex(({ name }) => name === party);
  const feature = parameters.features[place];
  if (!feature) throw refusal('WRONG_PARTY', `party: expected a feature party of the run, got "${party}"`);
  return feature.columns + (place === 0 && parameters.intercept === 'column' ? 1 : 0);
}

/** Columns of all parties, without an intercept. */
export function totalColumns({ features }: RunParameters): number {
  return features.reduce((total, { columns }) => total + columns, 0);
}
