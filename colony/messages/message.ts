import * as z from 'zod';
import { type DomainOf, type Field, wireObject } from './wire.ts';

/** One kind of RPC: its name, the codec of its request and the codec of its reply. */
export interface Message<Request = unknown, Reply = unknown> {
  /** The Colonies name, such as `getprocessmsg`. */
  readonly type: string;
  readonly request: z.ZodType<Request>;
  readonly reply: z.ZodType<Reply>;
}

/** What the caller of a message provides. */
export type RequestOf<M> = M extends Message<infer Request> ? Request : never;
/** What a message is answered with. */
export type ReplyOf<M> = M extends Message<unknown, infer Reply> ? Reply : never;

/** Defines a message by its name, the fields of its request and the codec of its reply. */
export function defineMessage<F extends Readonly<Record<string, Field>>, Reply>(
  type: string,
  fields: F,
  reply: z.ZodType<Reply>,
): Message<DomainOf<F>, Reply> {
  return { type, request: wireObject(fields), reply };
}

/** The reply of messages that only do something: `{}`. */
export const Nothing = z.codec(z.looseObject({}), z.undefined(), { decode: () => undefined, encode: () => ({}) });
