/** Computes a batch: one result for each item, in order. */
export type BatchFunction = (items: readonly (readonly bigint[])[]) => Promise<readonly bigint[]>;

/** Calls collected in the running tick. */
interface Batch {
  readonly items: (readonly bigint[])[];
  readonly results: Promise<readonly bigint[]>;
}

/**
 * Gathers single calls made in one tick into one batch: engines work on many numbers side by side, and a caller who
 * maps over an array with `Promise.all` gets that speed without knowing.
 */
export class CallGatherer {
  readonly #batches = new Map<string, Batch>();

  /**
   * Adds `item` to the batch called `name` and gives its own result. All calls with one name must mean the same
   * function: the first one's `run` gets all items when the tick ends.
   */
  async add(name: string, item: readonly bigint[], run: BatchFunction): Promise<bigint> {
    const batch = this.#batches.get(name) ?? this.#start(name, run);
    const index = batch.items.push(item) - 1;
    const result = (await batch.results)[index];
    if (result === undefined) throw new Error(`${name}: the batch gave no result for item ${index}`);
    return result;
  }

  #start(name: string, run: BatchFunction): Batch {
    const items: (readonly bigint[])[] = [];
    const flush = async (): Promise<readonly bigint[]> => {
      // Runs when no microtask is left: callers that awaited something of this tick first are in the batch, too.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      this.#batches.delete(name);
      return run(items);
    };
    const batch = { items, results: flush() };
    this.#batches.set(name, batch);
    return batch;
  }
}
