import type { Call, Handler, PollHandler, StepsHandler, SynchronousHandler, WireRequest } from './handler.ts';
import { JsonText } from './json-text.ts';
import { Refusal } from './refusal.ts';
import type { Step } from './removal.ts';
import { digestOf, recallAnswer, rememberAnswer, requireRecent } from './repeats.ts';
import type { Sender, Services } from './services.ts';
import type { Transaction } from './transaction.ts';

/** One message, of somebody who is known, to be executed. */
export interface Task {
  readonly handler: Handler;
  /** The inner JSON of the message. */
  readonly inner: WireRequest;
  readonly callerId: string;
  /** What makes it the same message when it comes again: what was signed, or what follows from that. */
  readonly signed: string;
  readonly disconnected: Sender['disconnected'];
}

/**
 * Executes one message; what it changes is in line for the store when this returns, and durable when it resolves.
 *
 * @returns the JSON text of the reply
 * @throws Refusal when it is malformed, not allowed or impossible
 */
export async function execute(services: Services, task: Task): Promise<string> {
  const { handler, inner, callerId } = task;
  if (handler.kind === 'poll') return poll(services, task, handler);
  if (handler.kind === 'steps') return executeInSteps(services, task, handler);
  if (handler.kind === 'write') return write(services, task, handler);
  return services.transactor.read((transaction) => handler.answer(inner, toCall(services, transaction, callerId)).text);
}

async function poll(services: Services, task: Task, handler: PollHandler): Promise<string> {
  const { inner, callerId, signed, disconnected } = task;
  const { transactor, recorder, polls } = services;
  const ended = recorder.onPoll();
  const ask = async (transaction: Transaction): Promise<string> => {
    const { nowMs } = transaction;
    requireRecent(inner, nowMs);
    const signal = disconnected();
    const answer = (): Promise<string> => handler.answer(inner, toCall(services, transaction, callerId), signal);
    if (!handler.isTaking) return answer();
    return polls.answerOnce({ inner, callerId, payload: signed, nowMs }, signal, answer);
  };
  return await transactor.read(ask).finally(ended);
}

async function write(services: Services, task: Task, handler: SynchronousHandler): Promise<string> {
  const digest = digestOf(task.inner, task.callerId, task.signed);
  return await services.transactor.write((transaction) => {
    const call = toCall(services, transaction, task.callerId);
    const earlier = recall(call, task, digest);
    return earlier ?? remembered(call, digest, handler.answer(task.inner, call));
  });
}

/** The reply to a message that is answered in steps, when all are done. */
const NOTHING = new JsonText('{}');

async function executeInSteps(services: Services, task: Task, handler: StepsHandler): Promise<string> {
  const digest = digestOf(task.inner, task.callerId, task.signed);
  let step: Step | undefined;
  for (;;) {
    const reply = await services.transactor.write((transaction) => {
      const call = toCall(services, transaction, task.callerId);
      const earlier = recall(call, task, digest);
      if (earlier !== undefined) return earlier;
      step ??= handler.begin(task.inner, call);
      return step(transaction) === 'done' ? remembered(call, digest, NOTHING) : undefined;
    });
    if (reply !== undefined) return reply;
    if (task.disconnected().aborted) {
      throw new Refusal(408, 'Not finished: nobody waits any more; send it again to go on');
    }
  }
}

/** What the same message was answered with before, if it was. */
function recall(call: Call, { handler, inner }: Task, digest: string | undefined): string | undefined {
  if (digest !== undefined) requireRecent(inner, call.nowMs);
  const kept = recallAnswer(call, digest, inner);
  if (kept === undefined) return undefined;
  return 'recall' in handler && handler.recall !== undefined ? handler.recall(kept, call).text : kept;
}

/** The JSON text of a reply, which is recalled when the same message comes again. */
function remembered(call: Call, digest: string | undefined, reply: JsonText): string {
  rememberAnswer(call, digest, reply.kept);
  return reply.text;
}

/** One call by somebody, in a transaction. */
export function toCall(services: Services, transaction: Transaction, callerId: string): Call {
  const { presence, scheduler, channels, facts, log } = services;
  // Spelt out, because spreading takes longer than all the rest of this.
  return {
    database: transaction.database,
    nowMs: transaction.nowMs,
    changes: transaction.changes,
    afterwards: transaction.afterwards,
    callerId,
    scheduler,
    channels,
    facts,
    log,
    heardFrom: presence.heardFrom,
    lastHeardMs: presence.lastHeardMs,
  };
}
