import {
  call as callOne,
  type CallOptions,
  type Connection,
  type Content,
  contentOf,
  exchange,
  readReply,
} from './call.ts';
import { ConnectionError, ServerError } from './errors.ts';
import { unlessAborted } from './limited-signal.ts';
import { batch, BatchRefusal, type BatchReply, MAX_BATCH_LENGTH } from './messages/batch.ts';
import { messages } from './messages/index.ts';
import type { Message } from './messages/message.ts';
import { mayHaveArrived } from './transport.ts';

/** A message and what it is sent with. */
export interface MessageCall<Reply = unknown> {
  readonly message: Message<unknown, Reply>;
  readonly request: unknown;
}

/** Puts a message and its request together, for {@link MessageBatches.batch}. */
export function call<Request, Reply>(message: Message<Request, Reply>, request: Request): MessageCall<Reply> {
  return { message, request };
}

/** What became of one message: its reply, or why there is none. After a ConnectionError it may have been executed. */
export type CallOutcome<Reply> =
  | { readonly reply: Reply; readonly error?: undefined }
  | { readonly error: ServerError | ConnectionError; readonly reply?: undefined };

/** The outcomes of several messages, by position. */
export type CallOutcomes<Calls extends readonly MessageCall[]> = {
  readonly [Index in keyof Calls]: Calls[Index] extends MessageCall<infer Reply> ? CallOutcome<Reply> : never;
};

/** Several messages under one signature. */
export interface MessageBatches {
  /**
   * Sends messages in as few requests as the server takes, each executed by itself and in their order; to a server without
   * batches, and where it takes no such batch, one by one. A refusal of one does not stop the others; a lost connection
   * does: those that were not sent then say `NOT_SENT`.
   *
   * @throws ColonyError `INVALID_REQUEST` before anything is sent; the signal's reason when that fires
   * @example const [closed, next] = await client.batch([call(messages.closeSuccessful, …), call(messages.assignProcess, …)]);
   */
  batch<const Calls extends readonly MessageCall[]>(calls: Calls, options?: CallOptions): Promise<CallOutcomes<Calls>>;
  /** Whether the server takes batches. Asked until it has said; until then it counts as one that does not. */
  takesBatches(signal?: AbortSignal): Promise<boolean>;
}

/** The batches of a client. */
export function createMessageBatches(connection: Connection): MessageBatches {
  const support = createSupport(connection);
  const send = async (calls: readonly MessageCall[], options: CallOptions): Promise<CallOutcome<unknown>[]> => {
    const ready = calls.map(prepare);
    const outcomes: CallOutcome<unknown>[] = [];
    for (let start = 0; start < ready.length; start += MAX_BATCH_LENGTH) {
      const part = ready.slice(start, start + MAX_BATCH_LENGTH);
      const isLost = outcomes.at(-1)?.error instanceof ConnectionError;
      outcomes.push(...(isLost ? part.map(notSent) : await sendPart(connection, support, part, options)));
    }
    return outcomes;
  };
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one outcome per call, each read by its message's codec
    batch: async (calls, options = {}) => (await send(calls, options)) as unknown as CallOutcomes<typeof calls>,
    takesBatches: (signal) => support.ask(signal),
  };
}

/** What is known of whether the server takes batches. */
interface Support {
  ask(signal: AbortSignal | undefined): Promise<boolean>;
  forget(): void;
}

function createSupport(connection: Connection): Support {
  let asked: Promise<boolean> | undefined;
  const ask = async (): Promise<boolean> => {
    try {
      const options = { retry: { forMs: 0 }, timeoutMs: SUPPORT_TIMEOUT_MS };
      const { batches } = await callOne(connection, messages.getServerInfo, {}, options);
      return batches === true;
    } catch (error) {
      const isAnswer = error instanceof ServerError && error.status < 500 && error.status !== TOO_MANY;
      if (!isAnswer) asked = undefined;
      return false;
    }
  };
  return {
    async ask(signal) {
      asked ??= ask();
      return signal === undefined ? asked : unlessAborted(asked, signal);
    },
    forget: () => (asked = undefined),
  };
}

const TOO_MANY = 429;
/** What is to be sent waits for the answer; without one it goes one by one. */
const SUPPORT_TIMEOUT_MS = 5_000;

interface Ready extends MessageCall {
  readonly content: Content;
}

function prepare({ message, request }: MessageCall): Ready {
  return { message, request, content: contentOf(message, request) };
}

async function sendPart(
  connection: Connection,
  support: Support,
  part: readonly Ready[],
  options: CallOptions,
): Promise<CallOutcome<unknown>[]> {
  if (part.length === 1 || !(await support.ask(options.signal))) return sendOneByOne(connection, part, options);
  const content = together(part);
  let mayHaveRun = false;
  try {
    const inner = await exchange(
      connection,
      content,
      options,
      ({ code = '' }) => (mayHaveRun ||= mayHaveArrived(code)),
    );
    return readOutcomes(part, inner);
  } catch (thrown) {
    const error = toOutcomeError(thrown);
    if (error instanceof ConnectionError) return part.map(() => ({ error }));
    if (isUnknownType(error)) support.forget();
    else if (!isUnfit(error)) return part.map(({ message }) => ({ error: asRefusalOf(message, error) }));
    // Another signature would have done twice what an attempt without an answer may have done.
    if (mayHaveRun && content.isDoubling) return part.map(({ message }) => ({ error: asRefusalOf(message, error) }));
    return sendOneByOne(connection, part, options);
  }
}

/**
 * The messages as one. An assign call in it, whose answer says once only what was assigned, must not be signed anew
 * without its sender knowing.
 */
function together(part: readonly Ready[]): Content {
  const contents = part.map(({ content }) => content);
  return {
    ...contentOf(batch, { requests: contents.map(({ type, inner }) => ({ ...inner, msgtype: type })) }),
    isReading: contents.every(({ isReading }) => isReading),
    isDoubling: contents.some(({ isDoubling, isSignedPerAttempt }) => isDoubling || isSignedPerAttempt),
  };
}

/** The server knows no batches, although an earlier one at its address did. */
function isUnknownType({ status, serverMessage }: ServerError): boolean {
  return status === 403 && serverMessage.includes('PayloadType');
}

/** The server takes no batch of this kind or size, and has executed nothing of it; its messages by themselves it may take. */
function isUnfit({ status }: ServerError): boolean {
  return status === 400 || status === 413;
}

function readOutcomes(part: readonly Ready[], inner: unknown): CallOutcome<unknown>[] {
  const { replies } = readReply(batch, undefined, inner);
  if (replies.length !== part.length) {
    throw new ConnectionError(`${batch.type}: expected ${part.length} replies, got ${replies.length}`, {
      code: 'UNREADABLE_REPLY',
    });
  }
  return part.map((ready, index) => readOutcome(ready, replies[index]));
}

function readOutcome({ message, request }: Ready, reply: BatchReply | undefined): CallOutcome<unknown> {
  try {
    if (reply?.isError !== true) return { reply: readReply(message, request, reply?.payload) };
    const refusal = readReply({ ...batch, reply: BatchRefusal }, undefined, reply.payload);
    return { error: new ServerError(message.type, refusal.status, refusal.message) };
  } catch (thrown) {
    return { error: toOutcomeError(thrown) };
  }
}

async function sendOneByOne(
  connection: Connection,
  part: readonly Ready[],
  options: CallOptions,
): Promise<CallOutcome<unknown>[]> {
  const outcomes: CallOutcome<unknown>[] = [];
  for (const ready of part) {
    const isLost = outcomes.at(-1)?.error instanceof ConnectionError;
    outcomes.push(isLost ? notSent(ready) : await sendOne(connection, ready, options));
  }
  return outcomes;
}

async function sendOne(
  connection: Connection,
  { message, request, content }: Ready,
  options: CallOptions,
): Promise<CallOutcome<unknown>> {
  try {
    return { reply: readReply(message, request, await exchange(connection, content, options)) };
  } catch (thrown) {
    return { error: toOutcomeError(thrown) };
  }
}

/** What the server or the wire has done is an outcome; anything else, such as the signal's reason, ends everything. */
function toOutcomeError(thrown: unknown): ServerError | ConnectionError {
  if (thrown instanceof ServerError || thrown instanceof ConnectionError) return thrown;
  throw thrown;
}

function asRefusalOf({ type }: Message, { status, serverMessage }: ServerError): ServerError {
  return new ServerError(type, status, serverMessage);
}

function notSent({ message }: Ready): CallOutcome<never> {
  return {
    error: new ConnectionError(`${message.type}: not sent, since the connection was lost before its turn`, {
      code: 'NOT_SENT',
    }),
  };
}
