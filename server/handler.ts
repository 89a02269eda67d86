import type { Logger } from 'pino';
import * as z from 'zod';
import type { Message } from '../colony/messages/message.ts';
import type { Channels } from './channels.ts';
import { JsonText } from './json-text.ts';
import type { Ownership } from './ownership.ts';
import { Refusal } from './refusal.ts';
import type { Step } from './removal.ts';
import type { RoleContext } from './roles.ts';
import type { Scheduler } from './scheduler.ts';
import type { ExecutorRow } from './store/members.ts';
import type { Transaction } from './transaction.ts';

/** What the server says of itself. */
export interface ServerFacts {
  readonly version: string;
  readonly startedAt: Date;
  readonly host: string;
  /** Known once the server listens. */
  readonly port: () => number;
  readonly tls: boolean;
  /** How often crons and generators are looked at, at the least. */
  readonly checkerPeriodMs: number;
  /** Who may cancel and remove what. */
  readonly ownership: Ownership;
  /** Whether the name of an executor may be given to another one. */
  readonly allowsExecutorReregistration: boolean;
}

/** One call: a unit of work, who asks for it, and the parts of the server it may use. */
export interface Call extends Transaction, RoleContext {
  readonly scheduler: Scheduler;
  readonly channels: Channels;
  readonly facts: ServerFacts;
  readonly log: Logger;
  /** When an executor was last heard from, in milliseconds since 1970; null if never. */
  readonly lastHeardMs: (executor: ExecutorRow) => number | null;
}

/** The inner JSON of a request. */
export type WireRequest = Readonly<Record<string, unknown>>;

/** What the handlers of all kinds of messages have in common. */
interface HandlerFacts {
  /** The message's type, such as `getprocessmsg`. */
  readonly type: string;
  /** The type in the reply's envelope. */
  readonly replyType: string;
  readonly texts: FaultTexts;
}

/**
 * How one kind of message is answered at once: `read` changes nothing; `write` runs in one transaction; `unsigned` is a
 * read that needs no signature.
 */
export interface SynchronousHandler extends HandlerFacts {
  readonly kind: 'read' | 'write' | 'unsigned';
  /**
   * Decodes the request, checks the caller's role, does what is asked, encodes the reply.
   *
   * @param wire the inner JSON of the envelope
   * @throws Refusal when the request is malformed, not allowed, or impossible
   */
  answer(wire: WireRequest, call: Call): JsonText;
  /** Makes an earlier reply again, where less than its text was kept. */
  readonly recall?: ((kept: string, call: Call) => JsonText) | undefined;
}

/** How a message is answered that waits for something, and opens transactions of its own. */
export interface PollHandler extends HandlerFacts {
  readonly kind: 'poll';
  /** Whether the same signed bytes are answered once only, because the answer takes something away. */
  readonly isTaking: boolean;
  /** As that of the others; the JSON text of the reply. `disconnected` fires when nobody listens for the answer any more. */
  answer(wire: WireRequest, call: Call, disconnected: AbortSignal): Promise<string>;
}

/** How a message is answered that changes too much for one transaction. */
export interface StepsHandler extends HandlerFacts {
  readonly kind: 'steps';
  /** As `answer` of the others, in the transaction of the first step; the reply is `{}` when the last one is done. */
  begin(wire: WireRequest, call: Call): Step;
}

/** How one kind of message is answered. */
export type Handler = SynchronousHandler | StepsHandler | PollHandler;

/** The words in which a message's faults are described, where they are not about its content. */
export interface FaultTexts {
  readonly invalidJson: string;
  readonly typeMismatch: string;
  /** Wire names of objects without which the message means nothing, and what their absence is answered with. */
  readonly absent: Readonly<Record<string, string>>;
}

/**
 * The texts of a message, which mostly repeat what failed: `Failed to get process, invalid JSON`.
 *
 * @param failure what could not be done
 * @param mismatch the same, where the text for a wrong message type words it differently
 */
export function faultTexts(
  failure: string,
  mismatch: string = failure,
  absent: Readonly<Record<string, string>> = {},
): FaultTexts {
  return {
    invalidJson: `${failure}, invalid JSON`,
    typeMismatch: `${mismatch}, msg.MsgType does not match payloadType`,
    absent,
  };
}

/** How a message is answered: whom it is for, and what is done for them. */
interface Definition<Request, Reply, Subject> {
  readonly message: Message<Request, Reply>;
  readonly texts: FaultTexts;
  /** Refuses requests that would take too long to decode. */
  readonly screen?: (wire: WireRequest) => void;
  /** Admits or refuses the caller; what it finds on the way is handed on. */
  readonly role: (request: Request, call: Call) => Subject;
  /** The reply; or its JSON text, where that is at hand. */
  readonly handle: (request: Request, subject: Subject, call: Call) => Reply | JsonText;
  /** Another type than the request's for the reply, which then carries it as `msgtype` too. */
  readonly replyType?: string;
  /** Makes a reply again of which less than its text was kept. */
  readonly recall?: (kept: string, call: Call) => JsonText;
}

/** Declares how a message is answered without changing anything. */
export function reads<Request, Reply, Subject>(definition: Definition<Request, Reply, Subject>): Handler {
  return synchronous('read', definition);
}

/** Declares how a message is answered without signature. */
export function readsUnsigned<Request, Reply>(
  definition: Omit<Definition<Request, Reply, undefined>, 'role'>,
): Handler {
  return synchronous('unsigned', { ...definition, role: () => undefined });
}

/** Declares how a message changes what is stored. */
export function writes<Request, Reply, Subject>(definition: Definition<Request, Reply, Subject>): Handler {
  return synchronous('write', definition);
}

/** Declares how a message removes what may be much: `handle` tells in which steps. */
export function writesInSteps<Request, Subject>(
  definition: Omit<Definition<Request, undefined, Subject>, 'handle' | 'replyType'> & {
    readonly handle: (request: Request, subject: Subject, call: Call) => Step;
  },
): Handler {
  const { message, texts, role, handle } = definition;
  return {
    type: message.type,
    replyType: message.type,
    texts,
    kind: 'steps',
    begin(wire, call) {
      const request = decodeRequest(definition, wire);
      return handle(request, role(request, call), call);
    },
  };
}

/** Declares how a message waits for something. */
export function polls<Request, Reply, Subject>(
  definition: Omit<Definition<Request, Reply, Subject>, 'handle'> & {
    readonly isTaking: boolean;
    readonly handle: (
      request: Request,
      subject: Subject,
      call: Call,
      disconnected: AbortSignal,
    ) => Promise<Reply | JsonText>;
  },
): Handler {
  const { message, role, handle, texts, replyType, isTaking } = definition;
  return {
    type: message.type,
    replyType: replyType ?? message.type,
    texts,
    kind: 'poll',
    isTaking,
    async answer(wire, call, disconnected) {
      const request = decodeRequest(definition, wire);
      return encodeReply(definition, await handle(request, role(request, call), call, disconnected)).text;
    },
  };
}

function synchronous<Request, Reply, Subject>(
  kind: SynchronousHandler['kind'],
  definition: Definition<Request, Reply, Subject>,
): Handler {
  const { message, texts, role, handle, replyType, recall } = definition;
  return {
    type: message.type,
    replyType: replyType ?? message.type,
    texts,
    kind,
    recall,
    answer(wire, call) {
      const request = decodeRequest(definition, wire);
      return encodeReply(definition, handle(request, role(request, call), call));
    },
  };
}

function encodeReply<Request, Reply>(
  { message, replyType }: { readonly message: Message<Request, Reply>; readonly replyType?: string | undefined },
  reply: Reply | JsonText,
): JsonText {
  if (reply instanceof JsonText) return reply;
  const wire = z.encode(message.reply, reply);
  return new JsonText(JSON.stringify(replyType === undefined ? wire : Object.assign({ msgtype: replyType }, wire)));
}

function decodeRequest<Request>(
  { message, texts, screen }: Pick<Definition<Request, unknown, unknown>, 'message' | 'texts' | 'screen'>,
  wire: WireRequest,
): Request {
  for (const [key, text] of Object.entries(texts.absent)) {
    if (wire[key] === undefined || wire[key] === null) throw new Refusal(400, text);
  }
  screen?.(wire);
  const request = z.safeDecode(message.request, wire);
  if (!request.success) throw new Refusal(400, texts.invalidJson);
  return request.data;
}
