import { PublicKey } from 'paillier-bigint';
import * as z from 'zod';
import { CiphertextVector, isBlumKey, publicKeyFromModulus } from '../../crypto/paillier/index.ts';
import type { VectorHeader } from '../../crypto/paillier/index.ts';
import { refusal } from './refusal.ts';

/**
 * What parties send each other. Ciphertexts travel as a vector header and raw bytes, inline as the JSON text of a
 * ciphertext vector or apart as a blob; everything else is JSON text. Every message names its context.
 */

/** Bytes that stream, cut anywhere. */
export type ByteChunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Ciphertexts on their way: what they are, and their bytes, which can be read once unless they are an array. */
export interface CiphertextMessage {
  readonly header: VectorHeader;
  readonly chunks: ByteChunks;
}

/** Base64url of bytes, canonical. */
const Bytes = z.codec(
  z.base64url().max(2 ** 28),
  z.custom<Uint8Array>((value) => value instanceof Uint8Array),
  {
    decode: (text) => new Uint8Array(Buffer.from(text, 'base64url')),
    encode: (bytes) => Buffer.from(bytes).toString('base64url'),
  },
);

const Context = z.string().max(512);
const KeyId = z.string().regex(/^[0-9a-f]{64}$/);
const Decimal = z
  .string()
  .regex(/^[1-9][0-9]*$/)
  .max(2000);

/** A public key as it travels here: short keys are for the parameters' guards to refuse, not for the codec. */
const Modulus = z.codec(z.strictObject({ n: Decimal, blum: z.boolean().optional() }), z.instanceof(PublicKey), {
  decode: ({ n, blum }, context) => {
    try {
      return publicKeyFromModulus(BigInt(n), { minimumBits: 512, ...(blum === undefined ? {} : { blum }) });
    } catch (error) {
      const message = error instanceof RangeError ? error.message : 'expected a modulus';
      context.issues.push({ code: 'custom', input: n, message });
      return z.NEVER;
    }
  },
  encode: (publicKey) => ({ n: publicKey.n.toString(), ...(isBlumKey(publicKey) === true ? { blum: true } : {}) }),
});

/** A public key, signed by whoever made it. */
export const KeyMessage = z.strictObject({
  v: z.literal(1),
  kind: z.literal('key'),
  context: Context,
  publicKey: Modulus,
  /** That gcd(n, φ(n)) = 1 (`proveModulus`): only then do masks cover all of what a ciphertext holds. */
  proof: Bytes,
});
/** @see {@link KeyMessage} */
export type KeyMessage = z.output<typeof KeyMessage>;

/** The public half of a party's X25519 key of this run. */
export const HalfMessage = z.strictObject({
  v: z.literal(1),
  kind: z.literal('half'),
  context: Context,
  half: Bytes,
});
/** @see {@link HalfMessage} */
export type HalfMessage = z.output<typeof HalfMessage>;

/** A secret for one recipient: a group seed (`seed`) or a key share (`share`), AES-256-GCM under a pair key. */
export const SealedMessage = z.strictObject({
  v: z.literal(1),
  kind: z.enum(['seed', 'share']),
  context: Context,
  recipient: z.string().max(64),
  nonce: Bytes,
  sealed: Bytes,
});
/** @see {@link SealedMessage} */
export type SealedMessage = z.output<typeof SealedMessage>;

/** Decrypted residues of one party's masked gradient: uniform to everybody but that party. */
export const OpeningMessage = z.strictObject({
  v: z.literal(1),
  kind: z.literal('opening'),
  context: Context,
  key: KeyId,
  /** Whose gradient was opened. */
  party: z.string().max(64),
  count: z.int().min(1).max(65_536),
  /** Big-endian residues below n, ⌈|n| / 8⌉ bytes each. */
  residues: Bytes,
});
/** @see {@link OpeningMessage} */
export type OpeningMessage = z.output<typeof OpeningMessage>;

/** One share holder's partial decryptions of a list of ciphertexts. */
export const PartialMessage = z.strictObject({
  v: z.literal(1),
  kind: z.literal('partial'),
  context: Context,
  key: KeyId,
  /** Whose ciphertexts these are parts of. */
  party: z.string().max(64),
  parties: z.int().min(2).max(64),
  threshold: z.int().min(2).max(64),
  index: z.int().min(1).max(64),
  count: z.int().min(1).max(65_536),
  /** Big-endian numbers below n², as wide as ciphertexts. */
  data: Bytes,
});
/** @see {@link PartialMessage} */
export type PartialMessage = z.output<typeof PartialMessage>;

/** A key share, which travels sealed only. */
export const ShareText = z.strictObject({
  v: z.literal(1),
  kind: z.literal('key-share'),
  key: KeyId,
  parties: z.int().min(2).max(64),
  threshold: z.int().min(2).max(64),
  index: z.int().min(1).max(64),
  value: Bytes,
});

/** What a feature party tells everybody after a step: two public bits. */
export const ProgressMessage = z.strictObject({
  v: z.literal(1),
  kind: z.literal('progress'),
  context: Context,
  /** No coefficient of this party moved by the tolerance. */
  converged: z.boolean(),
  /** This party's gradient grew five times in a row, or left the planned bounds. */
  diverged: z.boolean(),
});
/** @see {@link ProgressMessage} */
export type ProgressMessage = z.output<typeof ProgressMessage>;

/** A text with the signature of a Colonies identity over it. */
export const SignedMessage = z.strictObject({
  v: z.literal(1),
  kind: z.literal('signed'),
  text: z.string().max(2 ** 20),
  signature: z.string().regex(/^[0-9a-f]{130}$/),
});
/** @see {@link SignedMessage} */
export type SignedMessage = z.output<typeof SignedMessage>;

/** What a process ends with: a text, whose place in a training is signed with it. */
export const StatementMessage = z.strictObject({
  v: z.literal(1),
  kind: z.literal('statement'),
  /** Digest of the training, or of the request for one. */
  training: KeyId,
  /** What the text is. */
  about: z.string().max(64),
  iteration: z.int().min(0),
  attempt: z.int().min(0),
  party: z.string().max(64),
  text: z.string().max(2 ** 26),
  signature: z.string().regex(/^[0-9a-f]{130}$/),
});
/** @see {@link StatementMessage} */
export type StatementMessage = z.output<typeof StatementMessage>;

/** The JSON text of a message. */
export function encodeMessage<Codec extends z.ZodType>(codec: Codec, message: z.output<Codec>): string {
  return JSON.stringify(z.encode(codec, message));
}

/**
 * Reads a message.
 *
 * @throws TerminalError `BAD_MESSAGE` naming what is wrong
 */
export function decodeMessage<Codec extends z.ZodType>(codec: Codec, text: string): z.output<Codec> {
  const result = codec.safeParse(jsonOf(text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw refusal('BAD_MESSAGE', `message: ${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'wrong'}`);
}

/** The JSON text of a message whose ciphertexts travel inside: for vectors up to some hundreds of kilobytes. */
export async function inlineText(message: CiphertextMessage): Promise<string> {
  return (await vectorOf(message)).toJson();
}

/**
 * Reads a message whose ciphertexts travelled inside.
 *
 * @throws TerminalError `BAD_MESSAGE`
 */
export function parseInline(text: string): CiphertextMessage {
  return messageOf(asBadMessage(() => CiphertextVector.parse(text)));
}

/**
 * Puts a header and the bytes of a blob together.
 *
 * @param header the parsed JSON of the header
 * @throws TerminalError `BAD_MESSAGE`
 */
export function joinMessage(header: unknown, chunks: ByteChunks): CiphertextMessage {
  return { header: asBadMessage(() => CiphertextVector.parseHeader(header)), chunks };
}

/** A message of ciphertexts that are in memory. */
export function messageOf(vector: CiphertextVector): CiphertextMessage {
  return { header: vector.header, chunks: [vector.data] };
}

/** All ciphertexts of a message in memory: for small ones. @throws TerminalError `BAD_MESSAGE` */
export async function vectorOf({ header, chunks }: CiphertextMessage): Promise<CiphertextVector> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(new Uint8Array(chunk));
  return asBadMessage(() => CiphertextVector.join(header, Buffer.concat(parts)));
}

function asBadMessage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw refusal('BAD_MESSAGE', error.message, error);
    throw error;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refusal('BAD_MESSAGE', `message: expected JSON text, got ${text.length} other characters`);
  }
}
