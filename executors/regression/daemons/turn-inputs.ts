import { decodeMessage } from '../messages.ts';
import { OpenOutput, ResumeOutput } from '../outputs.ts';
import { graphOf } from '../training.ts';
import type { OpenRun } from './additive-keys.ts';
import { aboutOf, openStatement } from './statements.ts';

/** What an iteration begins with. */
export interface TurnInputs {
  /** What was opened in the iteration before, by each party that opens; null before the first. */
  readonly opened: readonly (OpenOutput | null)[];
  /** What the label party resumed with, where a block begins. */
  readonly resumed?: ResumeOutput;
}

/**
 * Reads what those who open have said last, each by itself: in the iteration before, or again where a block begins.
 *
 * @param inputs one from each party that opens, the label party's first
 * @throws TerminalError as `openStatement`
 */
export async function openTurn(
  run: OpenRun,
  iteration: number,
  inputs: readonly string[],
  signal: AbortSignal,
): Promise<TurnInputs> {
  const { openers } = graphOf(run.training);
  const opened: (OpenOutput | null)[] = [];
  let resumed: ResumeOutput | undefined;
  for (const [index, party] of openers.entries()) {
    const input = inputs[index] ?? '';
    if (aboutOf(input) === 'opening') {
      const { text } = await openStatement(run, input, { about: 'opening', party, iteration: iteration - 1 }, signal);
      opened.push(decodeMessage(OpenOutput, text));
      continue;
    }
    const { text } = await openStatement(run, input, { about: 'resumed', party, iteration }, signal);
    const said = decodeMessage(ResumeOutput, text);
    opened.push(said.opened);
    // What everybody else is held to is for the label party alone to say.
    if (party === run.training.parameters.label) resumed = said;
  }
  return resumed === undefined ? { opened } : { opened, resumed };
}
