import type { PrivateKey } from 'paillier-bigint';
import type { Turn } from './contexts.ts';
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

/** What the label party remembers between rounds; plain JSON. */
export interface LabelState {
  /** The iteration that is open. */
  readonly iteration: number;
  /** How many openings each party has had. */
  readonly opened: Readonly<Record<string, number>>;
  /** SHA-256 of what was opened in this iteration, by context. */
  readonly answered: Readonly<Record<string, string>>;
}

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

/** A gradient that waits for its opening. */
export interface PendingGradient {
  readonly context: string;
  /** SHA-256 of the aggregate that it was computed from. */
  readonly source: string;
  /** M_j, hexadecimal; secret. */
  readonly masks: readonly string[];
  /** The masked ciphertexts, base64: a repetition sends the same bytes. */
  readonly data: string;
}

/** What a feature party remembers between rounds; plain JSON, secret. */
export interface FeatureState {
  readonly iteration: number;
  readonly theta: readonly number[];
  /** Norm of the last gradient of batch 0, and how often in a row it grew. */
  readonly growth: { readonly norm: number; readonly times: number };
  /** The gradient at θ = 0, which the loss needs. */
  readonly firstGradient: readonly number[] | null;
  /** The last gradient sums. */
  readonly gradient: readonly number[] | null;
  /** This party's part of the loss before the last step. */
  readonly lossPart: number | null;
  /** The last request for predictions that was answered, and rows predicted in all. */
  readonly predictions: { readonly request: number; readonly fingerprint: string; readonly rows: number };
  readonly pending: PendingGradient | null;
}

/** The state before the first iteration: θ = 0. */
export function initialFeatureState(columns: number): FeatureState {
  const theta = Array.from({ length: columns }, () => 0);
  const growth = { norm: 0, times: 0 };
  const predictions = { request: -1, fingerprint: '', rows: 0 };
  const nothing = { firstGradient: null, gradient: null, lossPart: null, pending: null };
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
