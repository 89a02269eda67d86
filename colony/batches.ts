/** Requests under way at a time: enough to hide the latency, few enough for any server. */
const BATCH_SIZE = 32;

/** Asks for every item, a batch at a time; the answers are in the order of the items. */
export async function mapInBatches<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  for (let start = 0; start < items.length; start += BATCH_SIZE) {
    answers.push(...(await Promise.all(items.slice(start, start + BATCH_SIZE).map(ask))));
  }
  return answers;
}
