import type { Process, ProcessState } from '../../colony/messages/processes.ts';
import { UserError } from '../../colony/errors.ts';
import { readTraining, type Training } from '../../executors/regression/training.ts';
import { labelOfRun } from '../../workflows/vertical-regression/builder.ts';
import type { Connection } from '../framework/context.ts';
import { stateNumber } from './states.ts';

/** How far a run is, as the processes at the server tell. */
export interface RunStatus {
  readonly run: string;
  readonly state: 'running' | 'finished' | 'failed' | 'cancelled';
  /** Iterations that were opened. */
  readonly iterations: number;
  /** Undefined until the parties have agreed. */
  readonly training: Training | undefined;
  /** `node: error` of processes that have failed, the newest first. */
  readonly failures: readonly string[];
  /** Workflows in which something waits or runs. */
  readonly openWorkflows: readonly string[];
  /** The largest number of an attempt so far. */
  readonly attempt: number;
}

const MOST_LISTED = 100;

/** Asks the server how far a run is. @throws UserError when the colony has no process of that run */
export async function requireStatus(connection: Connection, run: string): Promise<RunStatus> {
  const status = await findStatus(connection, run);
  if (status !== undefined) return status;
  throw new UserError(
    `run ${run}: expected processes of that run in colony ${connection.colonyName}, got none; check the name`,
  );
}

/** Asks the server how far a run is; undefined when the colony has no process of it. */
export async function findStatus(connection: Connection, run: string): Promise<RunStatus | undefined> {
  const inState = (state: ProcessState) => listRun(connection, run, state);
  const [waiting, running] = [await inState('waiting'), await inState('running')];
  const [done, failed, cancelled] = [await inState('success'), await inState('failed'), await inState('cancelled')];
  const all = [...waiting, ...running, ...done, ...failed, ...cancelled];
  if (all.length === 0) return undefined;
  const newest = all.toSorted((left, right) => timeOf(right) - timeOf(left));
  const text = newest.map(({ spec }) => spec.kwargs['training']).find((value) => typeof value === 'string');
  return {
    run,
    state: stateOf(waiting.length + running.length, done, newest),
    iterations: 1 + Math.max(-1, ...done.filter(isOpening).map(({ spec }) => Number(spec.kwargs['iteration']))),
    training: text === undefined ? undefined : readTraining(text),
    failures: ownFailures(failed),
    openWorkflows: [...new Set([...waiting, ...running].map(({ workflowId }) => workflowId))],
    attempt: Math.max(0, ...all.map(({ spec }) => Number(spec.kwargs['attempt'] ?? 0))),
  };
}

/** The processes of a run in one state. */
export function listRun(
  { client, colonyName }: Connection,
  run: string,
  state: ProcessState,
): Promise<readonly Process[]> {
  const filter = { executorType: '', initiator: '', label: labelOfRun(run), count: MOST_LISTED };
  return client.getProcesses({ colonyName, ...filter, state: stateNumber(state) });
}

function timeOf({ endTime, startTime, submissionTime }: Process): number {
  return (endTime ?? startTime ?? submissionTime)?.getTime() ?? 0;
}

function isOpening({ spec }: Process): boolean {
  return spec.functionName === 'regression_open';
}

function stateOf(open: number, done: readonly Process[], newest: readonly Process[]): RunStatus['state'] {
  if (open > 0) return 'running';
  if (done.some(({ spec }) => spec.nodeName === 'report')) return 'finished';
  return newest.some(({ state }) => state === 'cancelled') && !newest.some(({ state }) => state === 'failed')
    ? 'cancelled'
    : 'failed';
}

/** What failed by itself; what depends on it says so in its own errors. */
function ownFailures(failed: readonly Process[]): string[] {
  return failed.flatMap(({ spec, errors }) =>
    errors.filter((error) => !error.startsWith('Not run:')).map((error) => `${spec.nodeName}: ${error}`),
  );
}
