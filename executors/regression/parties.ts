import type { PrivateKey } from 'paillier-bigint';
import * as z from 'zod';
import type { Turn } from './contexts.ts';
import { ProgressMessage } from './messages.ts';
import { Pads } from './pads.ts';
import type { PadSeeds } from './pads.ts';
import { refusal } from './refusal.ts';
import type { RunKey } from './streams.ts';

/** What the parties of a run hold, and what they remember between rounds. */

/** The label party's view of a run: its prepared labels, and the key where one party holds it. */
export interface LabelParty extends RunKey {
  /** E0 in plain: −(y − mean) for a linear model, 1/2 − y for a logistic one; one for each aligned row. */
  readonly base: Float64Array;
  /** What was subtracted from the labels; added to predictions. */
  readonly mean: number;
  /** In single-key mode only. */
  readonly privateKey?: PrivateKey;
}

/**
 * What the label party, or a share holder, remembers between rounds; plain JSON.
 *
 * - `iteration`: the one that is open
 * - `opened`: how many openings each party has had
 * - `answered`: SHA-256 of what was opened in this iteration, by context
 */
export const LabelState = z
  .strictObject({
    iteration: z.int().min(0),
    opened: z.record(z.string(), z.int().min(0)).readonly(),
    answered: z.record(z.string(), z.string()).readonly(),
  })
  .readonly();
/** @see {@link LabelState} */
export type LabelState = z.output<typeof LabelState>;

/** The state before the first iteration. */
export const INITIAL_LABEL_STATE: LabelState = { iteration: 0, opened: {}, answered: {} };

/** A feature party's view of a run; its columns and seeds are secret. */
export interface FeatureParty extends RunKey {
  readonly name: string;
  /** Prepared columns, one number for each aligned row. */
  readonly columns: readonly Float64Array[];
  /** Whether ridge shrinks a column's coefficient: not that of an intercept. */
  readonly penalised: readonly boolean[];
  /** In single-key mode: what pads come from. */
  readonly seeds?: PadSeeds;
}

/**
 * A gradient that waits for its opening: the context it left under, SHA-256 of what it was computed from, its masks M_j
 * (hexadecimal, secret), and the masked ciphertexts (base64), so that a repetition sends the same bytes.
 */
const PendingGradient = z
  .strictObject({ context: z.string(), source: z.string(), masks: z.array(z.string()).readonly(), data: z.string() })
  .readonly();
/** @see {@link PendingGradient} */
export type PendingGradient = z.output<typeof PendingGradient>;

const Numbers = z.array(z.number()).readonly();

/**
 * What a feature party remembers between rounds; plain JSON, secret.
 *
 * - `theta`: coefficients, in the order of the columns
 * - `growth`: norm of the last gradient of batch 0, and how often in a row it grew
 * - `gradient`: the last gradient sums; `firstGradients`: where there is a loss, those at θ = 0 of every batch, which it needs
 * - `lossPart`: this party's part of the loss before the last step
 * - `progress`: what the last step said
 * - `predictions`: the last request that was answered, and rows predicted in all
 */
export const FeatureState = z
  .strictObject({
    iteration: z.int().min(0),
    theta: Numbers,
    growth: z.strictObject({ norm: z.number(), times: z.int().min(0) }).readonly(),
    firstGradients: z.array(Numbers).readonly(),
    gradient: Numbers.nullable(),
    lossPart: z.number().nullable(),
    progress: ProgressMessage.readonly().nullable(),
    predictions: z.strictObject({ request: z.int(), fingerprint: z.string(), rows: z.int().min(0) }).readonly(),
    pending: PendingGradient.nullable(),
  })
  .readonly();
/** @see {@link FeatureState} */
export type FeatureState = z.output<typeof FeatureState>;

/** The state before the first iteration: θ = 0. */
export function initialFeatureState(columns: number): FeatureState {
  const theta = Array.from({ length: columns }, () => 0);
  const growth = { norm: 0, times: 0 };
  const predictions = { request: -1, fingerprint: '', rows: 0 };
  const nothing = { firstGradients: [], gradient: null, lossPart: null, progress: null, pending: null };
  return { iteration: 0, theta, growth, predictions, ...nothing };
}

/** @throws TerminalError `STALE_CONTEXT` when the state is not at this iteration */
export function requireTurn(state: FeatureState, turn: Turn): void {
  if (state.iteration === turn.iteration) return;
  throw refusal(
    'STALE_CONTEXT',
    `iteration: expected ${state.iteration}, which this party is at, got ${turn.iteration}; resume there`,
  );
}

/** This party's pads of a context, or undefined where predictions are not padded. */
export function padsOf(party: FeatureParty, context: string): Pads | undefined {
  if (party.parameters.mode !== 'single-key') return undefined;
  if (!party.seeds) throw refusal('WRONG_KEY', 'pads: expected the seeds of this run, got none; run the set-up first');
  return new Pads(party.seeds, context, party.publicKey.n);
}

/** The private key of a single-key run. @throws TerminalError `WRONG_KEY` where there is none */
export function requirePrivateKey({ privateKey, parameters }: LabelParty): PrivateKey {
  if (privateKey) return privateKey;
  throw refusal(
    'WRONG_KEY',
    `open: expected the private key of a single-key run, got none in mode "${parameters.mode}"`,
  );
}
