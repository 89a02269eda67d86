import { sleep } from '../../colony/back-off.ts';
import type { ColoniesClient } from '../../colony/client.ts';
import type { LogEntry } from '../../colony/messages/logs.ts';
import { isFinal } from '../../colony/messages/processes.ts';

/** Whose log is read: a process's, or an executor's when a name is given. */
export interface LogSource {
  readonly processId: string;
  readonly executorName: string;
}

/** Lines per request, at most what servers allow. */
const BATCH = 500;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** Times exceed 2^53, so the last digits are rounded; asking from a little earlier loses no line. */
const ROUNDING_NS = 4096;

/**
 * Hands on the lines of a log as they come, until the process has finished; an executor's log has no end.
 *
 * @param sinceNs only lines after this time, nanoseconds since 1970
 * @throws the signal's reason when that fires
 */
export async function followLogs(
  client: ColoniesClient,
  colonyName: string,
  source: LogSource,
  signal: AbortSignal,
  onLine: (entry: LogEntry) => void,
  sinceNs = 1,
): Promise<void> {
  const reader = readerOf(client, colonyName, source, sinceNs);
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.3, LONGEST_PAUSE_MS)) {
    const hasEnded =
      source.processId !== '' && isFinal((await client.getProcess({ processId: source.processId }, { signal })).state);
    // Asked after the state, so that lines written just before the end are not missed.
    for (let entries = await reader(signal); entries.length > 0; entries = await reader(signal))
      entries.forEach(onLine);
    if (hasEnded) return;
    await sleep(pauseMs, signal);
  }
}

/** Reads on from where the last call ended. */
function readerOf(
  client: ColoniesClient,
  colonyName: string,
  source: LogSource,
  sinceNs: number,
): (signal: AbortSignal) => Promise<LogEntry[]> {
  let lastNs = sinceNs;
  /** Lines already handed on that the next, overlapping answer may hold again, and how often. */
  let seen = new Map<string, number>();
  return async (signal) => {
    const entries = await client.getLogs(
      { colonyName, ...source, count: BATCH, sinceNs: Math.max(1, lastNs - ROUNDING_NS), latest: false },
      { signal },
    );
    const before = new Map(seen);
    const fresh = entries.filter((entry) => {
      const times = before.get(keyOf(entry)) ?? 0;
      before.set(keyOf(entry), times - 1);
      return times <= 0;
    });
    lastNs = entries.reduce((latest, { timestampNs }) => Math.max(latest, timestampNs), lastNs);
    seen = countKeys(entries.filter(({ timestampNs }) => timestampNs >= lastNs - 2 * ROUNDING_NS));
    return fresh;
  };
}

function keyOf({ timestampNs, executorName, message }: LogEntry): string {
  return JSON.stringify([timestampNs, executorName, message]);
}

function countKeys(entries: readonly LogEntry[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of entries) counts.set(keyOf(entry), (counts.get(keyOf(entry)) ?? 0) + 1);
  return counts;
}
