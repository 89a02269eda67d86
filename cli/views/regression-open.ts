import type { Executor } from '../../colony/messages/executors.ts';
import type { Process } from '../../colony/messages/processes.ts';
import type { Connection } from '../framework/context.ts';
import { formatDuration, formatMoment } from '../framework/text.ts';

/** What a run waits for: the processes that could run or do run, and whether anybody is there to run them. */

/** Which part of a run is open. */
export interface Stage {
  readonly name: 'survey' | 'set-up' | 'block' | 'resumption' | 'end';
  /** Of a block: its first iteration, and the one after its last. */
  readonly from?: number;
  readonly to?: number;
}

/** A process whose turn it is. */
export interface OpenCall {
  readonly node: string;
  readonly functionName: string;
  readonly party: string;
  readonly state: 'waiting' | 'running';
  /** When it could begin, or did. */
  readonly since: Date | undefined;
}

/** A process whose turn it is, and who is there for it. */
export interface AttendedCall extends OpenCall {
  /** Whether a daemon of that party, which has not said good-bye, was heard from lately. */
  readonly isOnline: boolean;
  /** When one was heard from last; undefined when none ever was. */
  readonly lastHeard: Date | undefined;
}

/** Daemons give a sign of life every minute, also while they compute. */
const LATELY_MS = 150_000;
/** A daemon that has nothing to do asks for work every few seconds. */
const NOTED_SILENCE_MS = 20_000;

/** The last nodes of a run's workflows: one of them waits while its workflow is open. */
const STAGES: ReadonlyMap<string, Stage['name']> = new Map([
  ['start', 'survey'],
  ['begin', 'set-up'],
  ['continue', 'block'],
  ['restart', 'resumption'],
  ['report', 'end'],
]);

/**
 * Which part of a run is open.
 *
 * @param open what waits or runs
 * @param all every process of the run that is known
 */
export function stageOf(open: readonly Process[], all: readonly Process[]): Stage | undefined {
  if (open.length === 0) return undefined;
  const last = open.find(({ spec }) => STAGES.has(spec.nodeName));
  // Nothing but forgetting comes after the report.
  const name = STAGES.get(last?.spec.nodeName ?? 'report') ?? 'end';
  if (last === undefined || name !== 'block') return { name };
  const block = all.filter(({ workflowId }) => workflowId === last.workflowId).map(iterationOf);
  return { name, from: Math.min(...block), to: iterationOf(last) };
}

function iterationOf({ spec }: Process): number {
  return Number(spec.kwargs['iteration'] ?? 0);
}

/**
 * The processes whose turn it is, in the order in which they became so.
 *
 * @param all every process of the run that is known: a turn comes when the last parent has ended
 */
export function openCalls(all: readonly Process[]): OpenCall[] {
  const ends = new Map(all.map(({ processId, endTime }) => [processId, endTime]));
  return all
    .flatMap((process): OpenCall[] => {
      const { spec, state, waitForParents } = process;
      const isTheirTurn = state === 'running' || (state === 'waiting' && !waitForParents);
      if (!isTheirTurn) return [];
      const since = state === 'running' ? process.startTime : readySince(process, ends);
      const party = spec.conditions.executorType;
      return [{ node: spec.nodeName, functionName: spec.functionName, party, state, since }];
    })
    .toSorted((left, right) => timeOf(left.since) - timeOf(right.since));
}

function readySince({ parents, submissionTime }: Process, ends: ReadonlyMap<string, Date | undefined>) {
  const times = [submissionTime, ...parents.map((parent) => ends.get(parent))].filter((time) => time !== undefined);
  return times.toSorted((left, right) => timeOf(left) - timeOf(right)).at(-1);
}

function timeOf(time: Date | undefined): number {
  return time?.getTime() ?? 0;
}

/** Asks the server who is there for what a run waits for. */
export async function attendedCalls(
  { client, colonyName }: Pick<Connection, 'client' | 'colonyName'>,
  calls: readonly OpenCall[],
  nowMs = Date.now(),
): Promise<AttendedCall[]> {
  if (calls.length === 0) return [];
  const executors = await client.getExecutors({ colonyName });
  return calls.map((call) => {
    const own = executors.filter(({ executorType }) => executorType === call.party);
    const approved = lastHeardOf(own.filter(({ state }) => state === 'approved'));
    return { ...call, lastHeard: lastHeardOf(own), isOnline: nowMs - timeOf(approved) < LATELY_MS };
  });
}

function lastHeardOf(executors: readonly Executor[]): Date | undefined {
  return executors
    .flatMap(({ lastHeardFromTime }) => lastHeardFromTime ?? [])
    .toSorted((left, right) => timeOf(left) - timeOf(right))
    .at(-1);
}

/** Whom a run waits for, in words. */
export function describeCall(call: AttendedCall, nowMs = Date.now()): string {
  const { node, party, state, since, isOnline } = call;
  const howLong = since === undefined ? '' : ` for ${formatDuration(Math.max(0, nowMs - since.getTime()))}`;
  const turn = `${party}: ${node}, ${state}${howLong}`;
  if (!isOnline) return `${turn}; ${absenceOf(call)}`;
  const silenceMs = nowMs - timeOf(call.lastHeard);
  return silenceMs < NOTED_SILENCE_MS
    ? turn
    : `${turn}; its daemon was last heard from ${formatDuration(silenceMs)} ago`;
}

function absenceOf({ party, lastHeard }: AttendedCall): string {
  const last = lastHeard === undefined ? '' : ` (last heard from ${formatMoment(lastHeard)})`;
  return `no daemon of type ${party} is online${last}: ask its operator to start it`;
}

/** A part of a run in words; iterations are counted from 0, as in the names of processes and in the loss curve. */
export function describeStage({ name, from = 0, to = 0 }: Stage): string {
  if (name !== 'block') return STAGE_TITLES[name];
  return to - from === 1 ? `block of iteration ${from}` : `block of iterations ${from} to ${to - 1}`;
}

const STAGE_TITLES = {
  survey: 'survey of rows and columns',
  'set-up': 'set-up: keys and encrypted tables',
  resumption: 'resumption: asking where everybody stands',
  end: 'end: results, then keys are forgotten',
} as const;
