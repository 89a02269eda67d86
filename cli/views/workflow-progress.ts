import type { ProcessState } from '../../colony/messages/processes.ts';
import { type TextStream, widthOf } from '../framework/io.ts';
import { formatDuration, printable, shorten } from '../framework/text.ts';

/** What is known of a node. */
interface NodeState {
  readonly nodeName: string;
  readonly state: ProcessState;
}

/** Shows how far a workflow is. */
export interface Progress {
  /** To be called whenever a node may have changed. */
  readonly show: (nodes: readonly NodeState[]) => void;
  /** Says something in between. */
  readonly say: (message: string) => void;
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
export function createProgress(stream: TextStream, now: () => number = () => performance.now()): Progress {
  const startMs = now();
  const changedAt = new Map<NodeState['nodeName'], string>();
  let shown: readonly NodeState[] = [];
  let linesBack = 0;
  const show: Progress['show'] = (nodes) => {
    const changed = nodes.filter(({ state }, index) => shown[index]?.state !== state);
    if (changed.length === 0) return;
    const elapsed = formatDuration(now() - startMs);
    for (const { nodeName } of changed) changedAt.set(nodeName, elapsed);
    // Lines that have left the screen at its top cannot be rewritten.
    const isRewriting = stream.isTTY === true && nodes.length < (stream.rows || 24);
    const back = isRewriting && linesBack > 0 ? `\u001B[${linesBack}A` : '';
    const lines = (isRewriting ? nodes : changed).map((node) => {
      const line = progressLine(node, changedAt.get(node.nodeName) ?? '');
      return isRewriting ? `\u001B[2K${shorten(line, widthOf(stream))}` : line;
    });
    stream.write(`${back}${lines.join('\n')}\n`);
    shown = nodes;
    linesBack = nodes.length;
  };
  return {
    show,
    say(message) {
      stream.write(`${printable(message)}\n`);
      // The lines above stay as they are: below them the whole progress is shown again.
      linesBack = 0;
    },
  };
}

function progressLine({ nodeName, state }: NodeState, elapsed: string): string {
  return `${MARKS[state]} ${printable(nodeName)}  ${state}  ${elapsed}`;
}
