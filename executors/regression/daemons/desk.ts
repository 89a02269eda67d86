import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import type { BlobStore } from '../../../colony/blobs.ts';
import type { ColoniesClient } from '../../../colony/client.ts';
import type { Identity } from '../../../colony/identity.ts';
import type { RunParameters } from '../parameters.ts';
import { partiesOf } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import { openRunFiles, type RunFiles } from '../run-files.ts';
import type { Training } from '../training.ts';
import type { KnownKeys } from './known-keys.ts';
import type { Peers } from './peers.ts';

/** What every daemon of a regression works with. */
export interface Desk {
  /** The executor type of this daemon, which is its party's name. */
  readonly name: string;
  readonly identity: Identity;
  readonly colonyName: string;
  readonly client: ColoniesClient;
  readonly peers: Peers;
  readonly keys: KnownKeys;
  /** The party's own directory: one below it for each run. */
  readonly root: string;
  /** Whether the operator lets runs overrule the guards: for published data only. */
  readonly acceptsDemonstrations: boolean;
  /** Whether the operator lets only runs in whose guards are strict. @default false */
  readonly isStrict?: boolean;
}

/** What one call brings. */
export interface CallTools {
  readonly blobs: BlobStore;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Where the party keeps what belongs to a run. */
export function filesOf(desk: Desk, parameters: Pick<RunParameters, 'run'>): RunFiles {
  return openRunFiles(desk.root, parameters.run);
}

/** Who made the run's key: the label party, or in threshold mode the aggregator as the dealer. */
export function keyMakerOf({ parameters, aggregator }: Training): string {
  return parameters.mode === 'threshold' ? aggregator : parameters.label;
}

/** The parties that exchange halves: the feature parties in single-key mode, else all. */
export function sharersOf({ parameters }: Training): readonly string[] {
  return parameters.mode === 'single-key' ? parameters.features.map(({ name }) => name) : partiesOf(parameters);
}

/** @throws TerminalError `WRONG_PARTY` when this daemon is not what the training says */
export function requireRole(desk: Desk, training: Training, role: 'label' | 'feature' | 'aggregator'): void {
  const { parameters, aggregator } = training;
  if (role !== 'aggregator') {
    requireAcceptable(desk, parameters);
    desk.peers.requireListed([...partiesOf(parameters), aggregator].filter((name) => name !== desk.name));
  }
  const isRight =
    role === 'feature'
      ? parameters.features.some(({ name }) => name === desk.name)
      : desk.name === (role === 'label' ? parameters.label : aggregator);
  if (isRight) return;
  throw refusal('WRONG_PARTY', `training: expected ${desk.name} as ${role} party of the run, got other names`);
}

/**
 * Whoever asks for a training chooses its guards, but not whether this party's rows may do without.
 *
 * @throws TerminalError `NOT_ACCEPTED`
 */
export function requireAcceptable(
  { name, acceptsDemonstrations, isStrict = false }: Desk,
  { guards }: Pick<RunParameters, 'guards'>,
): void {
  if (isStrict && guards !== 'strict') {
    throw refusal(
      'NOT_ACCEPTED',
      `guards: expected "strict" for the rows of ${name}, got "${guards}"; its operator asks for that`,
    );
  }
  if (guards !== 'demonstration' || acceptsDemonstrations) return;
  throw refusal(
    'NOT_ACCEPTED',
    `guards: expected "standard" or "strict" for the rows of ${name}, got "demonstration"; its operator may accept that for published data with --demonstration`,
  );
}

/** What a party's secrets of a run are kept in: while one of these is there, its pads may be drawn again. */
const SECRET_FILES = ['state.json', 'keys.json'];

/** @throws TerminalError `WRONG_RUN` for a name that this party knows already: pads never meet two trainings */
export function requireFreshName(desk: Desk, { run }: Pick<RunParameters, 'run'>): void {
  const files = openRunFiles(desk.root, run);
  if (!SECRET_FILES.some((name) => existsSync(files.pathOf(name)))) return;
  throw refusal(
    'WRONG_RUN',
    `run ${run}: expected a name that ${desk.name} has not seen, got one of an earlier run; choose another`,
  );
}

/** One call after another for each run: a party's state has one owner at a time. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` when everything before it has ended. */
  async take<T>(run: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(run) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#last.set(run, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(run) === mine) this.#last.delete(run);
    }
  }
}
