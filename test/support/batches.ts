import * as z from 'zod';
import { openReply } from '../../colony/envelope.ts';
import type { Identity } from '../../colony/identity.ts';
import { rpcRaw, type Address } from './rpc.ts';

/** One message of a batch, as it stands on the wire. */
export type Batched = Readonly<Record<string, unknown>>;

const Replies = z.strictObject({
  replies: z.array(z.strictObject({ payloadtype: z.string(), error: z.boolean(), payload: z.unknown() })),
});
/** One reply of a batch, as it stands on the wire. */
export type BatchedReply = z.output<typeof Replies>['replies'][number];

/** The wire forms of what a batch may hold. */
export const batched = {
  submit: (executortype: string, spec: object = {}, colonyname = 'test'): Batched => ({
    msgtype: 'submitfuncspecmsg',
    spec: { funcname: 'f', maxwaittime: -1, maxexectime: -1, ...spec, conditions: { colonyname, executortype } },
  }),
  output: (processid: string, out: readonly unknown[]): Batched => ({ msgtype: 'setoutputmsg', processid, out }),
  succeed: (processid: string, out: readonly unknown[] = []): Batched => ({
    msgtype: 'closesuccessfulmsg',
    processid,
    out,
  }),
  fail: (processid: string, errors: readonly string[] = []): Batched => ({
    msgtype: 'closefailedmsg',
    processid,
    errors,
  }),
  assign: (timeout = -1): Batched => ({ msgtype: 'assignprocessmsg', colonyname: 'test', timeout }),
} as const;

/** What makes a batch one of a kind, as of now. */
export const marked = (nonce: string): { readonly nonce: string; readonly issuedat: number } => ({
  nonce,
  issuedat: Date.now(),
});

/**
 * Sends a batch and gives back its replies.
 *
 * @param marks further keys of its inner JSON, such as a nonce
 * @throws ServerError when it was refused as a whole
 */
export async function sendBatch(
  address: Address,
  identity: Identity,
  requests: unknown,
  marks: object = {},
): Promise<readonly BatchedReply[]> {
  return Replies.parse(await rpcRaw(address, identity, 'batchmsg', { requests, ...marks })).replies;
}

/** The replies in an answer. Throws ServerError when the batch was refused as a whole. */
export function repliesIn(body: string): readonly BatchedReply[] {
  return Replies.parse(openReply('batchmsg', body)).replies;
}

/** A reply in few words: its type, or status and text of its refusal. */
export function inWords({ payloadtype, error, payload }: BatchedReply): string {
  if (!error) return payloadtype;
  const { status, message } = z.strictObject({ status: z.number(), message: z.string() }).parse(payload);
  return `${status} ${message}`;
}

/** The id of the process that a reply is about. */
export function processIdIn(reply: BatchedReply | undefined): string {
  return z.object({ processid: z.string() }).parse(reply?.payload).processid;
}
