import { createHash } from 'node:crypto';
import { batch, MAX_BATCH_LENGTH } from '../colony/messages/batch.ts';
import { addLog } from '../colony/messages/logs.ts';
import {
  addAttribute,
  assignProcess,
  closeFailed,
  closeSuccessful,
  setOutput,
  submitFunctionSpec,
} from '../colony/messages/processes.ts';
import { describeFailure } from './answer.ts';
import { execute } from './execution.ts';
import { faultTexts, type Handler, type WireRequest } from './handler.ts';
import { handlers } from './handlers/index.ts';
import { Refusal } from './refusal.ts';
import type { Sender, Services } from './services.ts';

/**
 * Several messages of one sender under one signature, as JSON-RPC 2.0 has it (section 6): signatures and HTTP are most of
 * what a small request costs. Each message is checked, executed and answered by itself, in the order of the list.
 */
export const BATCH: Pick<Handler, 'type' | 'texts'> = {
  type: batch.type,
  texts: faultTexts('Failed to execute batch'),
};

/**
 * What a batch may hold, and how many of each. What only looks, what waits, and what may touch a whole workflow more than
 * once is sent by itself, so that one request neither holds the server for long nor grows an answer without bounds.
 */
const MOST_OF_A_TYPE: ReadonlyMap<string, number> = new Map([
  [submitFunctionSpec.type, MAX_BATCH_LENGTH],
  [addAttribute.type, MAX_BATCH_LENGTH],
  [addLog.type, MAX_BATCH_LENGTH],
  [setOutput.type, 1],
  [closeSuccessful.type, 1],
  [closeFailed.type, 1],
  [assignProcess.type, 1],
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
 * @throws Refusal 400 when the batch itself is malformed, 429 when it is too much; nothing is executed then
 */
export async function answerBatch(services: Services, { inner, payload, sender }: Batch): Promise<string> {
  const messages = messagesOf(inner);
  // The first one is counted with the request.
  for (let count = 1; count < messages.length; count += 1) services.rates.signedBy(sender.callerId, sender.address);
  const digest = createHash('sha256').update(payload).digest('hex');
  const { nonce, issuedat } = inner;
  const replies = messages.map(({ handler, message }, index) =>
    answerOne(services, sender, { handler, inner: { ...message, nonce, issuedat }, signed: `${digest}.${index}` }),
  );
  return `{"replies":[${(await Promise.all(replies)).join(',')}]}`;
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
  const counts = new Map<string, number>();
  return requests.map((request: unknown, index) => {
    const message = toWire(request);
    const type = typeof message['msgtype'] === 'string' ? message['msgtype'] : '';
    const [handler, most] = [handlers.get(type), MOST_OF_A_TYPE.get(type)];
    if (handler === undefined || most === undefined) {
      throw malformed(`messages of the types ${[...MOST_OF_A_TYPE.keys()].join(', ')}, got another one at ${index}`);
    }
    const count = (counts.get(type) ?? 0) + 1;
    counts.set(type, count);
    if (count > most) throw malformed(`one ${type} at most, got another one at ${index}`);
    if (handler.kind === 'poll') requireImpatient(message, index);
    return { handler, message };
  });
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

/** The JSON text of one reply. Never throws. */
async function answerOne(
  services: Services,
  { callerId, disconnected }: SignedSender,
  task: { readonly handler: Handler; readonly inner: WireRequest; readonly signed: string },
): Promise<string> {
  const { type, replyType } = task.handler;
  const startedMs = performance.now();
  const count = (status: number): void => services.recorder.onRequest(type, status, performance.now() - startedMs);
  try {
    const reply = await execute(services, { ...task, callerId, disconnected });
    count(200);
    return `{"payloadtype":${JSON.stringify(replyType)},"error":false,"payload":${reply}}`;
  } catch (thrown) {
    const { status, message } = describeFailure(services.log, type, thrown);
    count(status);
    return JSON.stringify({ payloadtype: 'error', error: true, payload: { status, message } });
  }
}
