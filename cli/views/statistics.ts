import type { Statistics } from '../../colony/messages/colonies.ts';

/** How much work there is, for a table: the rows of the official command line, and those of cancelled work. */
export function workRows(statistics: Statistics): [string, string][] {
  const rows: readonly [string, number][] = [
    ['Waiting processes', statistics.waitingProcesses],
    ['Running processes', statistics.runningProcesses],
    ['Successful processes', statistics.successfulProcesses],
    ['Failed processes', statistics.failedProcesses],
    ['Cancelled processes', statistics.cancelledProcesses],
    ['Waiting workflows', statistics.waitingWorkflows],
    ['Running workflows', statistics.runningWorkflows],
    ['Successful workflows', statistics.successfulWorkflows],
    ['Failed workflows', statistics.failedWorkflows],
    ['Cancelled workflows', statistics.cancelledWorkflows],
  ];
  return rows.map(([name, count]) => [name, String(count)]);
}
