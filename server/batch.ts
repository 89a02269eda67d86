import { batch, MAX_BATCH_LENGTH } from '../colony/messages/batch.ts';
import {
  assignProcess,
  closeFailed,
  closeSuccessful,
  setOutput,
  submitFunctionSpec,
} from '../colony/messages/processes.ts';
import { describeFailure } from './answer.ts';
import { execute, type Task } from './execution.ts';
import { faultTexts, type Handler, type WireRequest } from './handler.ts';
import { handlers } from './handlers/index.ts';
import { Refusal } from './refusal.ts';
import { requireRecent } from './repeats.ts';
import type { Sender, Services } from './services.ts';
import { requireModest } from './submission.ts';
import { type Change, type Changes, executeTogether, type Outcome } from './together.ts';

/**
 * Several messages of one sender under one signature, as JSON-RPC 2.0 has it (section 6): signatures and HTTP are most of
 * what a small request costs. Each message is checked, executed and answered by itself, in the order of the list.
 */
export const BATCH: Pick<Handler, 'type' | 'texts'> = {
  type: batch.type,
  texts: faultTexts('Failed to execute batch'),
};

/**
 * What a batch may hold any number of. All else is held once or sent by itself: what only looks or waits, and what reads a
 * process, which may be large, or touches a workflow. So no request holds the server for long, or grows its answer.
 */
const ANY_NUMBER: ReadonlySet<string> = new Set([submitFunctionSpec.type]);

/** What a batch may hold one of, and what it does: of those that do the same it may hold one as well. */
const ONE_THAT: ReadonlyMap<string, string> = new Map([
  [setOutput.type, 'sets an output'],
  [closeSuccessful.type, 'closes a process'],
  [closeFailed.type, 'closes a process'],
  [assignProcess.type, 'asks for a process'],
]);

/** Who sends a request, and signed it. */
export interface SignedSender extends Sender {
  readonly callerId: string;
}

/** A batch as it came. */
export interface Batch {
  /** The inner JSON of its envelope. */
  readonly inner: WireRequest;
  /** The same as it was signed. */
  readonly payload: string;
  readonly sender: SignedSender;
}

/**
 * Executes the messages of a batch, which are in line for the store together.
 *
 * @returns the JSON text of the reply
 * @throws Refusal 400 when the batch itself is malformed or from another time, 429 when it is too much, 503 or 507 when
 *   nothing can be stored at the moment; nothing is executed then
 */
export async function answerBatch(services: Services, { inner, payload, sender }: Batch): Promise<string> {
  const messages = messagesOf(inner);
  const { callerId, address, disconnected } = sender;
  // Before it is counted: whoever sends a recording must not use up what its signer may ask.
  services.transactor.read(({ nowMs }) => requireRecent(inner, nowMs));
  // The first one is counted with the request.
  if (messages.length > 1) services.rates.furtherBy(callerId, address, messages.length - 1);
  const startedMs = performance.now();
  const signed = { inner, callerId, signed: payload };
  const changes = messages.flatMap(toChange);
  const polls = messages.flatMap((message) => toPoll(message, inner));
  const changing = changeTogether(services, { ...signed, changes });
  // In line behind what is done at once. Of several, one that fails halfway has all of them done once more.
  if (changes.length > 1) await changing;
  const asking = polls.map((poll) => askOnce(services, { ...signed, ...poll, disconnected }));
  const outcomes = await Promise.all([changing, ...asking]);
  // A poll is the last of a batch, so they are in the order of the messages.
  const inOrder = outcomes.flat();
  const replies = inOrder.map((outcome, index) => {
    const { type = '', replyType = '' } = messages[index]?.handler ?? {};
    services.recorder.onRequest(type, 'reply' in outcome ? 200 : outcome.failure.status, performance.now() - startedMs);
    return encodeOutcome(replyType, outcome);
  });
  requireStore(inOrder);
  return `{"replies":[${replies.join(',')}]}`;
}

interface BatchedMessage {
  readonly handler: Handler;
  readonly message: WireRequest;
}

/** @throws Refusal 400 */
function messagesOf({ requests }: WireRequest): BatchedMessage[] {
  if (!Array.isArray(requests) || requests.length === 0 || requests.length > MAX_BATCH_LENGTH) {
    throw malformed(`1 to ${MAX_BATCH_LENGTH} requests in a list, got ${describeList(requests)}`);
  }
  const done = new Set<string>();
  const messages = requests.map((request: unknown, index) => messageAt(index, request, done));
  const pollAt = messages.findIndex(({ handler }) => handler.kind === 'poll');
  if (pollAt !== -1 && pollAt < messages.length - 1) throw malformed(`a poll at the end, got one at ${pollAt}`);
  // Together they may be as much as the nodes of a workflow: it takes as long.
  const submissions = messages.filter(({ handler }) => handler.type === submitFunctionSpec.type);
  requireModest(submissions.map(({ message }) => message['spec']));
  return messages;
}

/** @param done what those before it do that only one may do */
function messageAt(index: number, request: unknown, done: Set<string>): BatchedMessage {
  const message = toWire(request);
  const type = typeof message['msgtype'] === 'string' ? message['msgtype'] : '';
  const [handler, what] = [handlers.get(type), ONE_THAT.get(type)];
  if (handler === undefined || (what === undefined && !ANY_NUMBER.has(type))) {
    const types = [...ANY_NUMBER, ...ONE_THAT.keys()].join(', ');
    throw malformed(`messages of the types ${types}, got another one at ${index}`);
  }
  if (what !== undefined) {
    if (done.has(what)) throw malformed(`one message that ${what}, got another one at ${index}`);
    done.add(what);
  }
  if (handler.kind === 'poll') requireImpatient(message, index);
  return { handler, message };
}

/** Others would wait for their answers as long as a poll waits. */
function requireImpatient({ timeout }: WireRequest, index: number): void {
  if (typeof timeout === 'number' && timeout < 0) return;
  throw malformed(`a negative timeout in a poll, which does not wait, got another one at ${index}`);
}

function toWire(request: unknown): WireRequest {
  return typeof request === 'object' && request !== null && !Array.isArray(request) ? { ...request } : {};
}

function describeList(requests: unknown): string {
  return Array.isArray(requests) ? `${requests.length}` : 'none';
}

function malformed(expectation: string): Refusal {
  return new Refusal(400, `Failed to execute batch, expected ${expectation}; nothing was executed`);
}

function toChange({ handler, message }: BatchedMessage): Change[] {
  return handler.kind === 'write' ? [{ handler, inner: message }] : [];
}

/** A poll is marked as its batch is, by which a repetition is known. */
function toPoll(
  { handler, message }: BatchedMessage,
  { nonce, issuedat }: WireRequest,
): Pick<Task, 'handler' | 'inner'>[] {
  return handler.kind === 'poll' ? [{ handler, inner: { ...message, nonce, issuedat } }] : [];
}

/** Never throws. */
async function changeTogether(services: Services, together: Changes): Promise<Outcome[]> {
  if (together.changes.length === 0) return [];
  try {
    return await executeTogether(services, together);
  } catch (thrown) {
    const failure = describeFailure(services.log, BATCH.type, thrown);
    return together.changes.map(() => ({ failure }));
  }
}

/** Never throws. */
async function askOnce(services: Services, poll: Task): Promise<Outcome[]> {
  try {
    return [{ reply: await execute(services, poll) }];
  } catch (thrown) {
    return [{ failure: describeFailure(services.log, poll.handler.type, thrown) }];
  }
}

/**
 * What should come again because nothing of it could be done is told so as a whole, as its messages would be by themselves.
 *
 * @throws Refusal 503 or 507
 */
function requireStore(outcomes: readonly Outcome[]): void {
  const failures = outcomes.map((outcome) => ('failure' in outcome ? outcome.failure : undefined));
  const [first] = failures;
  if (first === undefined || failures.some((failure) => failure?.retryAfterSeconds === undefined)) return;
  throw new Refusal(first.status, first.message, first.retryAfterSeconds);
}

/** The JSON text of one reply. */
function encodeOutcome(replyType: string, outcome: Outcome): string {
  if ('reply' in outcome)
    return `{"payloadtype":${JSON.stringify(replyType)},"error":false,"payload":${outcome.reply}}`;
  const { status, message } = outcome.failure;
  return JSON.stringify({ payloadtype: 'error', error: true, payload: { status, message } });
}
