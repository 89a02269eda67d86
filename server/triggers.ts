import type { Logger } from 'pino';
import { runDueCrons, type TriggerReport } from './crons.ts';
import { runDueGenerators } from './generators.ts';
import { TRIGGERED_NODES_PER_TURN } from './limits.ts';
import { nextDueMs } from './store/crons.ts';
import type { Transaction, Transactor } from './transaction.ts';

/**
 * Runs crons and generators from now on: at the latest so many milliseconds after their time has come, and a cron that
 * was known before on time.
 *
 * @returns what ends it
 */
export function startTriggers(transactor: Transactor, log: Logger, intervalMs: number): () => void {
  const orphans = new Set<string>();
  const stopped = new AbortController();
  let timer = setTimeout(() => void turn(), 0);

  async function turn(): Promise<void> {
    let pauseMs = intervalMs;
    try {
      while (!stopped.signal.aborted && (await transactor.write((transaction) => runSome(transaction, log, orphans))));
      if (stopped.signal.aborted) return;
      pauseMs = Math.min(intervalMs, untilNextCronMs(transactor));
    } catch (thrown) {
      log.error({ err: thrown }, 'crons and generators could not run; the next turn tries again');
    }
    if (!stopped.signal.aborted) timer = setTimeout(() => void turn(), pauseMs);
  }

  return () => {
    stopped.abort();
    clearTimeout(timer);
  };
}

/** Whether there may be more to do. */
function runSome(transaction: Transaction, log: Logger, orphans: Set<string>): boolean {
  const report: TriggerReport = { log, orphans, nodesLeft: TRIGGERED_NODES_PER_TURN };
  const moreCrons = runDueCrons(transaction, report);
  return runDueGenerators(transaction, report) || moreCrons;
}

function untilNextCronMs(transactor: Transactor): number {
  return transactor.read(({ database, nowMs }) => (nextDueMs(database, nowMs) ?? Number.POSITIVE_INFINITY) - nowMs);
}
