import type { Process, ProcessState } from '../../colony/messages/processes.ts';
import { UserError } from '../../colony/errors.ts';
import { readPredictionRequest } from '../../executors/regression/prediction/request.ts';
import { readStop, type Stopped } from '../../executors/regression/outputs.ts';
import { readTraining, type Training } from '../../executors/regression/training.ts';
import { labelOfRun } from '../../workflows/vertical-regression/builder.ts';
import type { Connection } from '../framework/context.ts';
import { type OpenCall, openCalls, type Stage, stageOf } from './regression-open.ts';
import { stateNumber } from './states.ts';

/** How far a run is, as the processes at the server tell. */
export interface RunStatus {
  readonly run: string;
  readonly state: 'running' | 'finished' | 'failed' | 'cancelled';
  /** Iterations that were done. */
  readonly iterations: number;
  /** Why it ended before its last iteration, if it did. */
  readonly stopped: Stopped['reason'] | undefined;
  /** Of a prediction for new rows: the training whose model it uses. */
  readonly predictsWith: string | undefined;
  /** Undefined until the parties have agreed. */
  readonly training: Training | undefined;
  /** `node: error` of processes that have failed since the run was last resumed, the newest first. */
  readonly failures: readonly string[];
  /** Workflows in which something waits or runs. */
  readonly openWorkflows: readonly string[];
  /** Which part of a training is open; undefined where none is. */
  readonly stage: Stage | undefined;
  /** The processes whose turn it is. */
  readonly waitsFor: readonly OpenCall[];
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
  const isNew = sinceResumed(all);
  const open = [...waiting, ...running];
  const predictsWith = newest.map(predictedWith).find((trained) => trained !== undefined);
  return {
    run,
    state: stateOf(open.length, done, newest.filter(isNew)),
    ...progressOf(done),
    predictsWith,
    training: text === undefined ? undefined : readTraining(text),
    failures: ownFailures(failed.filter(isNew)),
    openWorkflows: [...new Set(open.map(({ workflowId }) => workflowId))],
    stage: predictsWith === undefined ? stageOf(open, all) : undefined,
    waitsFor: openCalls(all),
    attempt: Math.max(0, ...all.map(({ spec }) => Number(spec.kwargs['attempt'] ?? 0))),
  };
}

/** The training of a prediction that a process belongs to; anybody may have submitted it. */
function predictedWith({ spec }: Process): string | undefined {
  if (spec.functionName !== 'regression_offer_rows') return undefined;
  try {
    return readPredictionRequest(String(spec.kwargs['request'])).run;
  } catch {
    return undefined;
  }
}

/** Tells what was submitted when the run was last resumed, or later. */
function sinceResumed(all: readonly Process[]): (process: Process) => boolean {
  const restarts = all.filter(({ spec }) => spec.nodeName === 'restart').map(submissionOf);
  const last = Math.max(0, ...restarts);
  return (process) => submissionOf(process) >= last;
}

function submissionOf({ submissionTime }: Process): number {
  return submissionTime?.getTime() ?? 0;
}

/** How many iterations were done, and why there were no more. */
function progressOf(done: readonly Process[]): Pick<RunStatus, 'iterations' | 'stopped'> {
  const stopped = readStop(done.filter(isOpening).flatMap(textsOf));
  const opened = done.filter((process) => isOpening(process) && readStop(textsOf(process)) === undefined);
  const resumed = done.filter(({ spec }) => spec.nodeName.startsWith('resume-'));
  const counts = [...opened.map((process) => 1 + iterationOf(process)), ...resumed.map(iterationOf)];
  return { iterations: stopped?.iteration ?? Math.max(0, ...counts), stopped: stopped?.reason };
}

function textsOf({ output }: Process): string[] {
  return output.filter((element) => typeof element === 'string');
}

function iterationOf({ spec }: Process): number {
  return Number(spec.kwargs['iteration'] ?? 0);
}

/** The processes of a run in one state. */
function listRun({ client, colonyName }: Connection, run: string, state: ProcessState): Promise<readonly Process[]> {
  const filter = { executorType: '', initiator: '', label: labelOfRun(run), count: MOST_LISTED };
  return client.getProcesses({ colonyName, ...filter, state: stateNumber(state) });
}

function timeOf({ endTime, startTime, submissionTime }: Process): number {
  return (endTime ?? startTime ?? submissionTime)?.getTime() ?? 0;
}

function isOpening({ spec }: Process): boolean {
  return spec.nodeName.startsWith('open-') && spec.functionName !== 'regression_open_predictions';
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
    errors
      .filter((error) => !error.startsWith('Not run:'))
      .map((error) => (error.startsWith(`${spec.nodeName}: `) ? error : `${spec.nodeName}: ${error}`)),
  );
}
