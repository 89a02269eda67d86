import { type Failure, describeFailure } from './answer.ts';
import { toCall } from './execution.ts';
import type { Call, SynchronousHandler, WireRequest } from './handler.ts';
import { JsonText } from './json-text.ts';
import { digestOf, recallAnswer, rememberAnswer } from './repeats.ts';
import type { Services } from './services.ts';
import { isStorageError } from './store/database.ts';
import { undoable } from './transaction.ts';

/** A message that changes something, and how it is answered. */
export interface Change {
  readonly handler: SynchronousHandler;
  readonly inner: WireRequest;
}

/** Messages that change something, and came in one request. */
export interface Changes {
  readonly changes: readonly Change[];
  readonly callerId: string;
  /** What says who the request is and when it was made. */
  readonly inner: WireRequest;
  /** The request as it was signed. */
  readonly signed: string;
}

/** What became of one of them: its reply as JSON text, or why it was refused. */
export type Outcome = { readonly reply: string } | { readonly failure: Failure };

/**
 * Executes messages one after the other in one work of the store; a refused one leaves the others. The same request again
 * gets the same outcomes, unless all were refused. Together they cost less than by themselves: what they are answered with
 * is kept once, and none needs a savepoint of its own as long as what is refused is refused before it has changed anything,
 * as nearly always.
 *
 * @throws errors of the store. Nothing was executed then
 */
export async function executeTogether(services: Services, together: Changes): Promise<Outcome[]> {
  try {
    return await executeWith(services, together, answerUntouched);
  } catch (thrown) {
    if (!(thrown instanceof HalfDoneError)) throw thrown;
    return await executeWith(services, together, answerUndoably);
  }
}

function executeWith(
  services: Services,
  { inner, callerId, signed, changes }: Changes,
  answer: (call: Call, change: Change) => JsonText,
): Promise<Outcome[]> {
  const digest = digestOf(inner, callerId, signed);
  return services.transactor.write((transaction) => {
    const call = toCall(services, transaction, callerId);
    const kept = recallAnswer(call, digest, inner);
    if (kept !== undefined) return recallAll(services, call, changes, kept);
    const results = changes.map((change) => attempt(services, change, () => answer(call, change)));
    // Anybody may be refused: that must store nothing. As for a message by itself, there is nothing then to do twice.
    if (results.some(isReply)) rememberAnswer(call, digest, JSON.stringify(results.map(toKept)));
    return results.map(toOutcome);
  });
}

/** A message failed after it had changed something, which only a savepoint undoes: here that of the whole work. */
class HalfDoneError extends Error {
  override readonly name = 'HalfDoneError';
}

/** @throws HalfDoneError instead of what was thrown when there is something to undo */
function answerUntouched(call: Call, { handler, inner }: Change): JsonText {
  const { database, changes, afterwards } = call;
  const before = [database.changeCount(), changes.length, afterwards.length];
  try {
    return handler.answer(inner, call);
  } catch (thrown) {
    const isUntouched = [database.changeCount(), changes.length, afterwards.length].every(
      (now, at) => now === before[at],
    );
    throw isUntouched || isStorageError(thrown) ? thrown : new HalfDoneError();
  }
}

function answerUndoably(call: Call, { handler, inner }: Change): JsonText {
  return undoable(call, () => handler.answer(inner, call));
}

type Result = JsonText | Failure;

function isReply(result: Result): result is JsonText {
  return result instanceof JsonText;
}

/** What the store itself refuses concerns all of them, and is thrown on. */
function attempt({ log }: Services, { handler }: Change, work: () => JsonText): Result {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof HalfDoneError || isStorageError(thrown)) throw thrown;
    return describeFailure(log, handler.type, thrown);
  }
}

/** What is kept of a result: less than a reply where it can be made again. */
function toKept(result: Result): Kept {
  if (isReply(result)) return { kept: result.kept };
  const { status, message } = result;
  return { failure: { status, message, retryAfterSeconds: undefined } };
}

function toOutcome(result: Result): Outcome {
  return isReply(result) ? { reply: result.text } : { failure: result };
}

type Kept = { readonly kept: string } | { readonly failure: Failure };

function recallAll(services: Services, call: Call, changes: readonly Change[], text: string): Outcome[] {
  const all: readonly Kept[] = JSON.parse(text);
  return all.flatMap((earlier, index) => {
    const change = changes[index];
    if (change === undefined) return [];
    if ('failure' in earlier) return earlier;
    const remake = (): JsonText => change.handler.recall?.(earlier.kept, call) ?? new JsonText(earlier.kept);
    return toOutcome(attempt(services, change, remake));
  });
}
