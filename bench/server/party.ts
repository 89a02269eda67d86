import { instantiateSecp256k1 } from '@bitauth/libauth';
import * as z from 'zod';
import { sealRequest } from '../../colony/envelope.ts';
import { type Identity, sha3 } from '../../colony/identity.ts';
import { batch } from '../../colony/messages/batch.ts';
import type { Message } from '../../colony/messages/message.ts';
import { Connection } from './connection.ts';

const secp256k1 = await instantiateSecp256k1();

/** Somebody who signs requests and sends them over a connection of their own. */
export interface Party {
  /** The bytes of a signed request. With `marks` as our own client makes it: nonce and time, so no two are equal. */
  seal<Request>(message: Message<Request>, request: Request, marks?: 'marked' | 'unmarked'): string;
  /** Sends such bytes; what the answer holds, not decoded. */
  send(message: Message, body: string): Promise<WireReply>;
  /** Sends such bytes to a server that is no Colonies server. */
  echo(body: string): Promise<string>;
  /** Seals and sends. */
  call<Request>(message: Message<Request>, request: Request): Promise<WireReply>;
  /** Seals and sends several messages as one; what each answer holds, undefined where the message was refused. */
  batch(calls: readonly (readonly [Message, unknown])[]): Promise<(WireReply | undefined)[]>;
  close(): void;
}

/** The inner JSON of an answer. */
export type WireReply = Readonly<Record<string, unknown>>;

let nonceCount = 0;

/** Connects somebody to a server. */
export async function connectParty(port: number, identity: Identity): Promise<Party> {
  const connection = await Connection.open(port);
  const seal: Party['seal'] = (message, request, marks = 'marked') => {
    nonceCount += 1;
    const extra = marks === 'marked' ? { nonce: `bench ${nonceCount}`, issuedat: Date.now() } : {};
    const { payloadtype, payload } = sealRequest(message.type, { ...wireOf(message, request), ...extra });
    return JSON.stringify({ payloadtype, payload, signature: signFast(payload, identity) });
  };
  const send: Party['send'] = async (message, body) => open(message, await connection.post(body));
  return {
    seal,
    send,
    echo: (body) => connection.post(body),
    call: (message, request) => send(message, seal(message, request)),
    async batch(calls) {
      const requests = calls.map(([message, request]) => ({ ...wireOf(message, request), msgtype: message.type }));
      const { replies } = await send(batch, seal(batch, { requests }));
      return toList(replies).map(({ error, payload }) => (error === false ? toWireReply(payload) : undefined));
    },
    close: () => connection.close(),
  };
}

/** A text of an answer. */
export function textOf(reply: WireReply, key: string): string {
  const value = reply[key];
  if (typeof value !== 'string') throw new Error(`bench: expected a text ${key} in the answer, got ${typeof value}`);
  return value;
}

/** What has been encoded already: the same requests are sent again and again, with other nonces. */
const encoded = new WeakMap<object, WireReply>();

function wireOf<Request>(message: Message<Request>, request: Request): WireReply {
  const key = Object(request);
  const wire = encoded.get(key) ?? toWireReply(z.encode(message.request, request));
  encoded.set(key, wire);
  return wire;
}

/** What an answer holds. Only as much is checked as tells whether the server has refused. */
function open({ type }: Message, body: string): WireReply {
  const { payload, error } = toWireReply(JSON.parse(body));
  const inner = toWireReply(JSON.parse(Buffer.from(String(payload), 'base64').toString()));
  if (error !== false) throw new Error(`bench: ${type}: the server answered ${JSON.stringify(inner)}`);
  return inner;
}

function toList(value: unknown): WireReply[] {
  return Array.isArray(value) ? value.map(toWireReply) : [];
}

function toWireReply(value: unknown): WireReply {
  return Object(value);
}

/** The same signature as `sign` of colony/identity.ts makes, in less than half the time: the client is not what we ask about. */
function signFast(payload: string, { privateKey }: Identity): string {
  const made = secp256k1.signMessageHashRecoverableCompact(Buffer.from(privateKey, 'hex'), sha3(payload));
  if (typeof made === 'string') throw new Error(`bench: ${made}`);
  return `${Buffer.from(made.signature).toString('hex')}0${made.recoveryId}`;
}
