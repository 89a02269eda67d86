import { type Training, trainingDigest } from '../training.ts';

/** Runs beyond these are opened again when their turn comes: each holds its table. */
const MOST_OPEN = 2;

/** A party's part in a run, ready to be worked on. */
interface OpenRun {
  readonly training: Training;
}

/** The runs that a daemon has opened last: their tables are read once, as long as few runs take turns. */
export class OpenRuns<Run extends OpenRun> {
  readonly #runs = new Map<string, Run>();

  /** The run of a training, opened by `open` where it is not open yet. */
  async get(training: Training, open: () => Promise<Run>): Promise<Run> {
    const key = trainingDigest(training);
    const run = this.#runs.get(key) ?? (await open());
    this.#runs.delete(key);
    this.#runs.set(key, run);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > MOST_OPEN && oldest !== undefined) this.#runs.delete(oldest);
    return run;
  }
}
