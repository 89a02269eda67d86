import { rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { readPrivateFile, writePrivateFile } from '../../colony/private-files.ts';
import { parametersDigest } from './parameters.ts';
import type { RunParameters } from './parameters.ts';
import { refusal } from './refusal.ts';

/**
 * What a party remembers of a run across crashes. The state is stored before a message leaves, together with a fingerprint of
 * the message's plaintext, so that a restart repeats the same message or none: pads never meet two plaintexts.
 */

/** A message that is about to leave. */
export interface Emission {
  readonly context: string;
  /** The iteration it belongs to: older ones are forgotten, because parties refuse to go back to them. */
  readonly iteration: number;
  /** SHA-256 of everything that the plaintext follows from. */
  readonly fingerprint: string;
}

/** Remembers one party's state of one run. */
interface RunStore<State> {
  /** The last state that was committed, or undefined before the first. */
  load(): Promise<State | undefined>;
  /**
   * Stores the state, and what is about to leave; on the disk when it resolves.
   *
   * @throws TerminalError `TWO_PLAINTEXTS` when another plaintext has left under one of the contexts
   */
  commit(state: State, emissions?: readonly Emission[]): Promise<void>;
  /** Forgets the run: its secrets and its state. */
  forget(): Promise<void>;
}

const Emissions = z.record(
  z.string().max(512),
  z.strictObject({ iteration: z.int().min(0), fingerprint: z.string().regex(/^[0-9a-f]{64}$/) }),
);

const Stored = z.strictObject({
  v: z.literal(1),
  digest: z.string(),
  party: z.string(),
  emissions: Emissions,
  state: z.unknown(),
});
type Stored = z.output<typeof Stored>;

/** Iterations whose emissions are kept beside the current one's. */
const ITERATIONS_KEPT = 2;

/** A run's state in one file that only its owner can read, replaced as a whole at every commit. */
export class FileRunStore<State> implements RunStore<State> {
  readonly #path: string;
  readonly #digest: string;
  readonly #party: string;
  readonly #schema: z.ZodType<State>;
  #stored: Stored | undefined;

  /**
   * @param path of the file; its directory is made where missing
   * @param schema of the state, which must be plain JSON
   */
  constructor(path: string, parameters: RunParameters, party: string, schema: z.ZodType<State>) {
    this.#path = path;
    this.#digest = parametersDigest(parameters);
    this.#party = party;
    this.#schema = schema;
  }

  /** @throws TerminalError `BAD_STORE` when the file is of another run or party, or damaged */
  async load(): Promise<State | undefined> {
    const stored = this.#read();
    if (!stored) return undefined;
    const state = this.#schema.safeParse(stored.state);
    if (!state.success) throw this.#damaged('a state of this version');
    return state.data;
  }

  async commit(state: State, emissions: readonly Emission[] = []): Promise<void> {
    const { emissions: known = {} } = this.#read() ?? {};
    for (const { context, fingerprint } of emissions) {
      const left = known[context];
      if (left && left.fingerprint !== fingerprint) {
        throw refusal(
          'TWO_PLAINTEXTS',
          `${nameOf(this.#path)}: expected the plaintext that has left under "${context}", got another; begin a new attempt`,
        );
      }
    }
    const stored: Stored = {
      v: 1,
      digest: this.#digest,
      party: this.#party,
      emissions: keep(known, emissions),
      state,
    };
    writePrivateFile(this.#path, JSON.stringify(stored));
    this.#stored = stored;
  }

  async forget(): Promise<void> {
    rmSync(this.#path, { force: true });
    this.#stored = undefined;
  }

  #read(): Stored | undefined {
    if (this.#stored) return this.#stored;
    const text = readPrivateFile(this.#path);
    if (text === undefined) return undefined;
    const result = Stored.safeParse(jsonOf(text));
    if (!result.success) throw this.#damaged('a stored run');
    if (result.data.digest !== this.#digest || result.data.party !== this.#party)
      throw this.#damaged('this run and party');
    this.#stored = result.data;
    return this.#stored;
  }

  #damaged(expected: string): Error {
    return refusal(
      'BAD_STORE',
      `${nameOf(this.#path)}: expected ${expected}, got something else; begin a new run under another name`,
    );
  }
}

function keep(known: Stored['emissions'], emissions: readonly Emission[]): Stored['emissions'] {
  const latest = emissions.reduce((last, { iteration }) => Math.max(last, iteration), 0);
  const kept = Object.entries(known).filter(([, { iteration }]) => iteration > latest - ITERATIONS_KEPT);
  const added = emissions.map(({ context, iteration, fingerprint }) => [context, { iteration, fingerprint }] as const);
  return Object.fromEntries([...kept, ...added]);
}

/** A file's name in the party's directory: where that lies is nobody else's business. */
function nameOf(path: string): string {
  return join(basename(dirname(path)), basename(path));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
