import * as z from 'zod';
import { toBigInts } from '../modular/bytes.ts';
import { PackingPlanSchema } from './packing.ts';
import type { PackingPlan } from './packing.ts';

const MAXIMUM_COUNT = 2 ** 26;
const MAXIMUM_ELEMENT_BYTES = 4096;

const Header = z.strictObject({
  v: z.literal(1),
  kind: z.literal('ctvec'),
  scheme: z.literal('paillier'),
  key: z.string().regex(/^[0-9a-f]{64}$/, 'expected the SHA-256 of n in lower-case hexadecimal'),
  scale: z.int().min(0).max(1024),
  count: z.int().min(0).max(MAXIMUM_COUNT),
  packing: PackingPlanSchema.nullable(),
  summands: z.string().regex(/^[1-9][0-9]{0,1999}$/, 'expected a positive decimal integer'),
  context: z.string().max(1024),
});

const Wire = Header.extend({ data: z.string() });

/** The header of a vector as it travels: everything but the ciphertexts. */
export type VectorHeader = z.output<typeof Header>;

/** What a vector is made of, in the domain's types. */
export interface VectorParts {
  /** Which key it is encrypted under: SHA-256 of n, hexadecimal. */
  readonly keyId: string;
  /** Values are mantissas at this scale. */
  readonly scaleBits: number;
  /** Number of values, which is not the number of ciphertexts when they are packed. */
  readonly count: number;
  readonly packing: PackingPlan | null;
  /** Each value is a sum of this many encrypted values, weights counted: 1 after encryption. */
  readonly summands: bigint;
  /** What the vector belongs to, such as run/round/attempt; not secret. */
  readonly context: string;
  /** The ciphertexts: big-endian numbers of one width, one after another. */
  readonly data: Uint8Array;
}

/** Encrypted values under one key: one flat buffer of ciphertexts and what must be known to compute with them. */
export class CiphertextVector implements VectorParts {
  readonly keyId: string;
  readonly scaleBits: number;
  readonly count: number;
  readonly packing: PackingPlan | null;
  readonly summands: bigint;
  readonly context: string;
  readonly data: Uint8Array;

  /** @throws RangeError when the data is not a whole number of ciphertexts of a possible width */
  constructor(parts: VectorParts) {
    this.keyId = parts.keyId;
    this.scaleBits = parts.scaleBits;
    this.count = parts.count;
    this.packing = parts.packing;
    this.summands = parts.summands;
    this.context = parts.context;
    // A plain view, since slice() of a Node.js Buffer would share memory instead of copying it.
    this.data = new Uint8Array(parts.data.buffer, parts.data.byteOffset, parts.data.length);
    checkLength(this);
  }

  /** Number of ciphertexts. */
  get length(): number {
    return Math.ceil(this.count / (this.packing?.slotsPerCiphertext ?? 1));
  }

  /** Width of a ciphertext in bytes; 0 for an empty vector. */
  get elementBytes(): number {
    return this.length === 0 ? 0 : this.data.length / this.length;
  }

  /** The ciphertexts as numbers; packed ones hold several values each. */
  ciphertexts(): bigint[] {
    return this.length === 0 ? [] : toBigInts(this.data, this.elementBytes);
  }

  /** The header as it travels. */
  get header(): VectorHeader {
    return {
      v: 1,
      kind: 'ctvec',
      scheme: 'paillier',
      key: this.keyId,
      scale: this.scaleBits,
      count: this.count,
      packing: this.packing,
      summands: this.summands.toString(),
      context: this.context,
    };
  }

  /** The wire form: JSON text, the ciphertexts in base64url. */
  toJson(): string {
    const { buffer, byteOffset, length } = this.data;
    return JSON.stringify({ ...this.header, data: Buffer.from(buffer, byteOffset, length).toString('base64url') });
  }

  /**
   * Reads the wire form. Whether the numbers are ciphertexts under the key is for {@link validateVector} to say.
   *
   * @throws RangeError naming what is wrong
   */
  static parse(text: string): CiphertextVector {
    const { data, ...header } = readAs(Wire, jsonOf(text));
    return fromParts(header, decodeBase64Url(data));
  }

  /**
   * Puts a header and its ciphertexts together that travelled apart.
   *
   * @throws RangeError naming what is wrong
   */
  static join(header: unknown, data: Uint8Array): CiphertextVector {
    return fromParts(readAs(Header, header), data);
  }

  /**
   * Reads a header whose ciphertexts follow as a stream.
   *
   * @throws RangeError naming what is wrong
   */
  static parseHeader(header: unknown): VectorHeader {
    return readAs(Header, header);
  }

  /** A vector that differs in some parts. */
  with(changes: Partial<VectorParts>): CiphertextVector {
    const { keyId, scaleBits, count, packing, summands, context, data } = this;
    return new CiphertextVector({ keyId, scaleBits, count, packing, summands, context, data, ...changes });
  }
}

function fromParts(header: VectorHeader, data: Uint8Array): CiphertextVector {
  const { key, scale, count, packing, summands, context } = header;
  return new CiphertextVector({
    keyId: key,
    scaleBits: scale,
    count,
    packing,
    summands: BigInt(summands),
    context,
    data,
  });
}

function checkLength(vector: CiphertextVector): void {
  const { elementBytes, data, length } = vector;
  const fits = length === 0 ? data.length === 0 : elementBytes >= 2 && elementBytes <= MAXIMUM_ELEMENT_BYTES;
  if (fits && elementBytes % 2 === 0) return;
  throw new RangeError(
    `ctvec: expected ${length} ciphertexts of equal width, got ${data.length} bytes; it was cut or changed`,
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RangeError(`ctvec: expected JSON text, got ${text.length} other characters`);
  }
}

function readAs<Output>(schema: z.ZodType<Output>, value: unknown): Output {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new RangeError(`ctvec: ${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'not a ciphertext vector'}`);
}

function decodeBase64Url(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  // Node ignores what is not base64url; only text that comes back unchanged is strict and canonical.
  if (bytes.toString('base64url') !== text) {
    throw new RangeError(
      `ctvec: data: expected canonical base64url without padding, got ${text.length} other characters`,
    );
  }
  return bytes;
}
