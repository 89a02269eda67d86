import type { ColoniesClient } from '../../colony/client.ts';
import type { LogEntry } from '../../colony/messages/logs.ts';

/** A stretch of the log of a process, or of an executor, both ends included; nanoseconds since 1970. */
interface LogWindow {
  readonly processId: string;
  readonly executorName: string;
  readonly fromNs: number;
  toNs: number;
}

/** As many lines as servers hand out at a time; a window that holds more ends early. */
const MAX_LINES = 500;
/** Times exceed 2^53 and servers keep microseconds, so the borders are looked at with room for rounding. */
const ROUNDING_NS = 4096;

/** Lines that one process, or one executor about itself, wrote one after the other. */
export interface LogPassage {
  /** Empty for what an executor wrote about itself. */
  readonly processId: string;
  readonly executorName: string;
  readonly entries: readonly LogEntry[];
}

/** What was written around lines that were found. Where windows of one log overlap, they are read as one. */
export async function passagesAround(
  client: ColoniesClient,
  colonyName: string,
  found: readonly LogEntry[],
  seconds: number,
): Promise<LogPassage[]> {
  const passages: LogPassage[] = [];
  for (const { processId, executorName, fromNs, toNs } of windowsAround(found, seconds * 1e9)) {
    const sinceNs = Math.max(1, fromNs - ROUNDING_NS);
    const source = { processId, executorName: processId === '' ? executorName : '' };
    const lines = await client.getLogs({ colonyName, ...source, count: MAX_LINES, sinceNs, latest: false });
    // The log of an executor holds the lines of its processes, too.
    const own = lines.filter((line) => line.processId === processId);
    const entries = own.filter(({ timestampNs }) => timestampNs <= toNs + ROUNDING_NS);
    passages.push({ processId, executorName, entries });
  }
  return passages;
}

function windowsAround(found: readonly LogEntry[], marginNs: number): LogWindow[] {
  const windows: LogWindow[] = [];
  // Servers may answer in any order.
  const inOrder = found.toSorted((one, other) => one.timestampNs - other.timestampNs);
  for (const { processId, executorName, timestampNs } of inOrder) {
    const last = windows.findLast(
      (window) => window.processId === processId && (processId !== '' || window.executorName === executorName),
    );
    if (last !== undefined && timestampNs - marginNs <= last.toNs + ROUNDING_NS) last.toNs = timestampNs + marginNs;
    else windows.push({ processId, executorName, fromNs: timestampNs - marginNs, toNs: timestampNs + marginNs });
  }
  return windows;
}
