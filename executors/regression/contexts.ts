import { refusal } from './refusal.ts';
import { parametersDigest } from './parameters.ts';
import type { RunParameters } from './parameters.ts';

/** What a message is: one name for each kind. */
const ROUNDS = [
  'key',
  'half',
  'confirmation',
  'seed',
  'share',
  'rows',
  'labels',
  'forward',
  'aggregate',
  'power-1',
  'power-2',
  'power-3',
  'product',
  'gradient',
  'opening',
  'partial',
  'progress',
  'loss',
  'loss-sum',
  'loss-partial',
  'predict',
  'prediction',
  'prediction-partial',
] as const;
/** The name of a kind of message. */
export type Round = (typeof ROUNDS)[number];

/** Where a message stands in a run. */
export interface Place {
  readonly round: Round;
  /** The iteration, from 0; the batch for labels, the request for predictions, 0 in the set-up. */
  readonly iteration: number;
  /** Counts repetitions of an iteration after a failure; each has pads of its own. */
  readonly attempt: number;
  /** Who made the message; `sum` for aggregates, which anybody can make. */
  readonly party: string;
}

/** The party of messages that are not one party's. */
export const NOBODY = 'sum';

/** An iteration and its repetition. */
export type Turn = Pick<Place, 'iteration' | 'attempt'>;

/** Half of the digest's characters: 128 bits bind a message to its parameters. */
const DIGEST_CHARACTERS = 32;

/** What every message of a run carries: `run/digest/iteration/attempt/round/party`. Not secret. */
export function contextOf(parameters: RunParameters, { iteration, attempt, round, party }: Place): string {
  const digest = parametersDigest(parameters).slice(0, DIGEST_CHARACTERS);
  return [parameters.run, digest, iteration, attempt, round, party].join('/');
}

/**
 * Refuses a message that stands elsewhere than where it was expected.
 *
 * @throws TerminalError `WRONG_RUN`, `WRONG_ROUND`, `WRONG_PARTY`, `STALE_CONTEXT` (another iteration) or `WRONG_ATTEMPT`
 */
export function requireContext(parameters: RunParameters, expected: Place, context: string): void {
  const wanted = contextOf(parameters, expected);
  if (context === wanted) return;
  const [run, digest, iteration, attempt, round, party] = wanted.split('/');
  const got = context.split('/');
  const differs = (place: number, value: string | undefined): boolean => got[place] !== value;
  const message = `${expected.round} of ${expected.party}: expected context "${wanted}", got "${context.slice(0, 300)}"`;
  if (got.length !== 6 || differs(0, run) || differs(1, digest)) {
    throw refusal('WRONG_RUN', `${message}; it belongs to another run or other parameters`);
  }
  if (differs(4, round)) throw refusal('WRONG_ROUND', `${message}; give the outputs in the order of the dependencies`);
  if (differs(2, iteration)) throw refusal('STALE_CONTEXT', `${message}; it was sent before or out of order`);
  if (differs(3, attempt)) throw refusal('WRONG_ATTEMPT', `${message}; all parties must repeat an iteration together`);
  if (differs(5, party)) throw refusal('WRONG_PARTY', `${message}; every party answers for itself`);
  throw refusal('WRONG_RUN', message);
}
