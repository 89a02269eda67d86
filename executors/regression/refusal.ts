import { TerminalError } from '../../colony/errors.ts';

/** Why a run, a message or a table is refused: stable words for programs, logs and tests. */
export type RefusalCode =
  | 'BAD_PARAMETERS'
  | 'BAD_MESSAGE'
  | 'BAD_SIGNATURE'
  | 'BAD_STORE'
  | 'BAD_LABELS'
  | 'BATCH_TOO_SMALL'
  | 'CONSTANT_COLUMN'
  | 'DAMAGED_OPENING'
  | 'DAMAGED_SHARES'
  | 'DUPLICATE_IDS'
  | 'FEW_ROWS'
  | 'INDICATOR_COLUMN'
  | 'KEY_TOO_SHORT'
  | 'MAGNITUDE_EXCEEDED'
  | 'MISSING_SHARE'
  | 'NOT_FINITE'
  | 'ONE_PARTY'
  | 'OPENING_BUDGET'
  | 'OVERFLOW_POSSIBLE'
  | 'PREDICTION_BUDGET'
  | 'RANK_DEFICIENT'
  | 'ROWS_DIFFER'
  | 'DATA_CHANGED'
  | 'NOT_ACCEPTED'
  | 'REPLAYED'
  | 'STALE_CONTEXT'
  | 'TWO_PLAINTEXTS'
  | 'WRONG_ATTEMPT'
  | 'WRONG_CIPHERTEXT'
  | 'WRONG_COUNT'
  | 'WRONG_KEY'
  | 'WRONG_PACKING'
  | 'WRONG_PARTY'
  | 'WRONG_ROUND'
  | 'WRONG_RUN'
  | 'WRONG_SCALE'
  | 'WRONG_SUMMANDS';

/** A refusal that no retry can mend: closes the process as failed. */
export function refusal(code: RefusalCode, message: string, cause?: unknown): TerminalError {
  return new TerminalError(message, cause === undefined ? { code } : { code, cause });
}
