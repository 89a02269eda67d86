import type { Turn } from '../contexts.ts';
import { decodeMessage } from '../messages.ts';
import { OpenOutput } from '../outputs.ts';
import { refusal } from '../refusal.ts';

/**
 * What a party that opens remembers of it: texts of the last opening, and of that of the iteration before. A crash may
 * leave some share holders one opening behind the others; then the run goes on from the one before.
 */
export interface Openings {
  readonly lastOpened: string | null;
  readonly openedBefore: string | null;
}

/** Remembers an opening; another attempt at the same iteration takes the place of the first. */
export function withOpening({ lastOpened, openedBefore }: Openings, turn: Turn, text: string): Openings {
  const isNext = read(lastOpened)?.iteration !== turn.iteration;
  return { lastOpened: text, openedBefore: isNext ? lastOpened : openedBefore };
}

/** Whether the last opening was that of this turn. */
export function hasOpened({ lastOpened }: Openings, turn: Turn): boolean {
  const opened = read(lastOpened);
  return opened?.iteration === turn.iteration && opened.attempt === turn.attempt;
}

/** Where a run stands: the first iteration that has not been opened. */
export function standOf({ lastOpened }: Openings): number {
  return 1 + (read(lastOpened)?.iteration ?? -1);
}

/**
 * What was opened before an iteration; null before the first.
 *
 * @throws TerminalError `STALE_CONTEXT` when that is not remembered
 */
export function openingBefore({ lastOpened, openedBefore }: Openings, iteration: number): OpenOutput | null {
  if (iteration === 0) return null;
  const known = [read(lastOpened), read(openedBefore)];
  const opened = known.find((candidate) => candidate?.iteration === iteration - 1);
  if (opened) return opened;
  throw refusal(
    'STALE_CONTEXT',
    `resume: expected the opening of iteration ${iteration - 1} to be the last, got that of ${known[0]?.iteration ?? 'none'}; resume the run where it stands`,
  );
}

function read(text: string | null): OpenOutput | null {
  return text === null ? null : decodeMessage(OpenOutput, text);
}
