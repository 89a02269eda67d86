import type { ColoniesClient } from '../../colony/client.ts';
import { isFinal, type Process, type ProcessState } from '../../colony/messages/processes.ts';
import { mapInBatches } from '../framework/batches.ts';
import { type TextStream, widthOf } from '../framework/io.ts';
import { pollUntil } from '../framework/polling.ts';
import { formatDuration, printable, shorten } from '../framework/text.ts';

/** What is known of a node. */
export interface NodeState {
  readonly nodeName: string;
  readonly state: ProcessState;
}

/** Shows how far a workflow is; called whenever a node may have changed. */
export type ShowProgress = (nodes: readonly NodeState[]) => void;

/** What to wait for, and for how long. */
export interface WaitOptions {
  readonly workflowId: string;
  readonly signal: AbortSignal;
  readonly timeoutSeconds?: number | undefined;
  readonly onProgress: ShowProgress;
}

/** A workflow that has come to its end. */
export interface FinishedWorkflow {
  readonly state: ProcessState;
  readonly nodes: readonly Process[];
}

/**
 * Waits until nothing more will happen to a workflow.
 *
 * @param processIds its processes, in the order in which progress is shown
 * @throws UserError when the time is over
 */
export async function waitForWorkflow(
  client: ColoniesClient,
  processIds: readonly string[],
  { workflowId, signal, timeoutSeconds, onProgress }: WaitOptions,
): Promise<FinishedWorkflow> {
  const finished = new Map<string, Process>();
  const look = async (processId: string): Promise<Process> =>
    finished.get(processId) ?? client.getProcess({ processId }, { signal });
  return pollUntil(
    async () => {
      const { state } = await client.getWorkflow({ workflowId }, { signal });
      // Asked after the workflow, so that its end is never seen before theirs. A failed workflow may rewrite nodes.
      if (isFinal(state)) finished.clear();
      const nodes = await mapInBatches(processIds, look);
      for (const node of nodes) if (isFinal(node.state)) finished.set(node.processId, node);
      onProgress(nodes.map((node) => ({ nodeName: node.spec.nodeName, state: node.state })));
      return isFinal(state) ? { state, nodes } : undefined;
    },
    {
      signal,
      timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
      timeoutMessage: `workflow ${workflowId}: still not finished after ${timeoutSeconds} s; it goes on, look at it with "colonies workflow get ${workflowId}"`,
    },
  );
}

const MARKS: Readonly<Record<ProcessState, string>> = {
  waiting: '·',
  running: '>',
  success: '+',
  failed: 'x',
  cancelled: '-',
};

/**
 * Live progress: on a terminal that is high enough one line per node, rewritten in place; elsewhere one line per change.
 *
 * @param now milliseconds on a clock that only goes forward
 */
export function createProgress(stream: TextStream, now: () => number = () => performance.now()): ShowProgress {
  const startMs = now();
  const changedAt = new Map<NodeState['nodeName'], string>();
  let shown: readonly NodeState[] = [];
  return (nodes) => {
    const changed = nodes.filter(({ state }, index) => shown[index]?.state !== state);
    if (changed.length === 0) return;
    const elapsed = formatDuration(now() - startMs);
    for (const { nodeName } of changed) changedAt.set(nodeName, elapsed);
    // Lines that have left the screen at its top cannot be rewritten.
    const isRewriting = stream.isTTY === true && nodes.length < (stream.rows || 24);
    const back = isRewriting && shown.length > 0 ? `\u001B[${shown.length}A` : '';
    const lines = (isRewriting ? nodes : changed).map((node) => {
      const line = progressLine(node, changedAt.get(node.nodeName) ?? '');
      return isRewriting ? `\u001B[2K${shorten(line, widthOf(stream))}` : line;
    });
    stream.write(`${back}${lines.join('\n')}\n`);
    shown = nodes;
  };
}

function progressLine({ nodeName, state }: NodeState, elapsed: string): string {
  return `${MARKS[state]} ${printable(nodeName)}  ${state}  ${elapsed}`;
}
