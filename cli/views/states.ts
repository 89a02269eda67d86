import { PROCESS_STATES, type ProcessState } from '../../colony/messages/processes.ts';
import type { ExecutorState } from '../../colony/messages/executors.ts';

/** The official command line's words for the states of processes and workflows. */
export const STATE_TITLES: Readonly<Record<ProcessState, string>> = {
  waiting: 'Waiting',
  running: 'Running',
  success: 'Successful',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

/** The same for executors. */
export const EXECUTOR_STATE_TITLES: Readonly<Record<ExecutorState, string>> = {
  pending: 'Pending',
  approved: 'Approved',
  rejected: 'Rejected',
  unregistered: 'Unregistered',
};

/** The number of a state on the wire, which list requests ask with. */
export function stateNumber(state: ProcessState): number {
  return PROCESS_STATES.indexOf(state);
}
