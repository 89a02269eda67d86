import { keyId } from '../../../crypto/paillier/index.ts';
import { byteLength } from '../../../crypto/modular/bytes.ts';
import { batchIndexOf, gradientCiphertexts, isMeasuring, rowsOfIteration } from '../batches.ts';
import { contextOf, requireContext } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { readResidues, unmaskGradient } from '../gradients.ts';
import type { OpeningMessage, ProgressMessage } from '../messages.ts';
import { hasLoss } from '../parameters.ts';
import type { RunParameters } from '../parameters.ts';
import { requireTurn } from '../parties.ts';
import type { FeatureParty, FeatureState, PendingGradient } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { predictionFactor } from './forward.ts';

/** A feature party's step, from its opened gradient. */

/** How often in a row a gradient grows until the run counts as diverging. */
const GROWTHS = 5;

/** What a step gives: the state after it, the public bits, and the gradient sums before it. */
export interface StepResult {
  readonly state: FeatureState;
  readonly message: ProgressMessage;
  /** Σ_i r_i·x_ic of every column, before the step. */
  readonly gradientSums: readonly number[];
}

/**
 * A5: θ_j ← θ_j − α(g/n + λθ_j) from the opened gradient.
 *
 * @throws TerminalError `STALE_CONTEXT` when no gradient of this turn waits, `WRONG_PARTY`, `WRONG_KEY`, `WRONG_COUNT` or
 *   `DAMAGED_OPENING`
 */
export function stepRound(party: FeatureParty, state: FeatureState, turn: Turn, opening: OpeningMessage): StepResult {
  const { parameters, publicKey, name } = party;
  const repeated = repeatedStep(party, state, turn);
  if (repeated) return repeated;
  requireContext(parameters, { round: 'opening', ...turn, party: parameters.label }, opening.context);
  if (opening.party !== name) {
    throw refusal('WRONG_PARTY', `opening: expected that of ${name}, got that of ${opening.party}`);
  }
  if (opening.key !== keyId(publicKey)) throw refusal('WRONG_KEY', 'opening: expected the key of the run, got another');
  const count = gradientCiphertexts(parameters, name);
  const residues = readResidues(opening.residues, count, byteLength(publicKey.n), publicKey.n);
  return stepWith(party, state, turn, residues);
}

/** The step from opened residues, however they were opened. @throws TerminalError as {@link stepRound} */
export function stepWith(
  party: FeatureParty,
  state: FeatureState,
  turn: Turn,
  residues: readonly bigint[],
): StepResult {
  requireTurn(state, turn);
  const pending = requirePending(party, state, turn);
  const masks = pending.masks.map((mask) => BigInt(`0x${mask}`));
  const sums = unmaskGradient(party, party.name, residues, masks);
  return stepOf(party, state, turn, sums);
}

/**
 * The step from gradient sums, whichever protocol they came from. A step that leaves the range of numbers is not taken, and
 * counts as diverging.
 */
export function stepOf(party: FeatureParty, state: FeatureState, turn: Turn, sums: Float64Array): StepResult {
  const { parameters, name } = party;
  const isStill = isMeasuring(parameters, turn.iteration);
  const stepped = isStill ? state.theta : descend(party, state, turn, sums);
  const isFinite = stepped.every(Number.isFinite);
  const theta = isFinite ? stepped : state.theta;
  const batch = batchIndexOf(parameters, turn.iteration);
  const growth = batch === 0 ? growthOf(state, sums) : state.growth;
  const message: ProgressMessage = {
    v: 1,
    kind: 'progress',
    context: contextOf(parameters, { round: 'progress', ...turn, party: name }),
    converged: isFinite && !isStill && hasConverged(parameters, state.theta, theta),
    diverged: !isFinite || growth.times >= GROWTHS,
  };
  const gradient = Array.from(sums);
  const about = hasLoss(parameters) ? lossChanges(parameters, state, batch, gradient) : {};
  const changes = { theta, growth, gradient, ...about, progress: message, pending: null };
  return { state: { ...state, ...changes, iteration: turn.iteration + 1 }, message, gradientSums: gradient };
}

/** θ − α(g/n + λθ). */
function descend(
  { parameters, penalised }: FeatureParty,
  { theta }: FeatureState,
  turn: Turn,
  sums: Float64Array,
): number[] {
  const { from, to } = rowsOfIteration(parameters, turn.iteration);
  return theta.map((value, index) => {
    const shrinking = penalised[index] === true ? parameters.lambda * value : 0;
    return value - parameters.alpha * ((sums[index] ?? 0) / (to - from) + shrinking);
  });
}

function hasConverged({ toleranceBits }: RunParameters, before: readonly number[], after: readonly number[]): boolean {
  const moved = Math.max(...after.map((value, index) => Math.abs(value - (before[index] ?? 0))));
  return toleranceBits !== undefined && moved < 2 ** -toleranceBits;
}

/** What the loss needs: the first gradient of each batch, which came in their order, is that at θ = 0. */
function lossChanges(
  parameters: RunParameters,
  { theta, firstGradients }: FeatureState,
  batch: number,
  gradient: readonly number[],
): Pick<FeatureState, 'firstGradients' | 'lossPart'> {
  const known = firstGradients.length > batch ? firstGradients : [...firstGradients, gradient];
  return { firstGradients: known, lossPart: lossPartOf(parameters, theta, gradient, known[batch] ?? []) };
}

/** The result of a step that was taken before: a repetition says the same. */
export function repeatedStep(party: FeatureParty, state: FeatureState, turn: Turn): StepResult | undefined {
  const { progress, gradient } = state;
  const context = contextOf(party.parameters, { round: 'progress', ...turn, party: party.name });
  if (progress?.context !== context || gradient === null) return undefined;
  return { state, message: progress, gradientSums: gradient };
}

/**
 * Q_j = Σ_i v_ij(r_i + e_i) over the rows of the batch before the step, v_j = X_jθ_j the scaled predictions and e = E0: this party knows both sums in
 * plain, because X_jᵀr is its gradient, and X_jᵀe the one at θ = 0.
 */
function lossPartOf(
  parameters: RunParameters,
  theta: readonly number[],
  gradient: readonly number[],
  firstGradient: readonly number[],
): number {
  const factor = predictionFactor(parameters);
  return theta.reduce(
    (sum, value, index) => sum + factor * value * ((gradient[index] ?? 0) + (firstGradient[index] ?? 0)),
    0,
  );
}

function growthOf({ growth, gradient }: FeatureState, sums: Float64Array): FeatureState['growth'] {
  const norm = Math.hypot(...sums);
  return { norm, times: gradient !== null && norm > growth.norm ? growth.times + 1 : 0 };
}

function requirePending(party: FeatureParty, state: FeatureState, turn: Turn): PendingGradient {
  const context = contextOf(party.parameters, { round: 'gradient', ...turn, party: party.name });
  if (state.pending?.context === context) return state.pending;
  throw refusal(
    'STALE_CONTEXT',
    `step: expected a gradient that waits under "${context}", got none; repeat the gradient`,
  );
}
