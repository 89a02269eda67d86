import { createCipheriv, hkdfSync } from 'node:crypto';
import { CHUNK_ROWS } from '../batches.ts';
import { addIntegers, negateIntegers, truncateIntegers } from './integers.ts';

/**
 * Pads that are integers modulo 2^bits: the lowest bits of AES-256-CTR under a key by HKDF (RFC 5869) from a seed and a
 * context, so that they look uniform to who lacks the seed. A pad belongs to one context and must never meet two
 * plaintexts; a repetition draws the same.
 */

/** Integers of one ring as they travel. */
export interface Ring {
  readonly bits: number;
  /** ⌈bits / 8⌉. */
  readonly bytes: number;
}

/** The ring of integers modulo 2^bits. */
export function ringOf(bits: number): Ring {
  return { bits, bytes: Math.ceil(bits / 8) };
}

const KEY_BYTES = 32;
const SALT = 'sealed-colonies/regression/additive-pads/1';

/** A seed's pads of one context, chunk after chunk of {@link CHUNK_ROWS}. */
export class IntegerPads {
  readonly #key: Buffer;
  readonly #ring: Ring;

  /** @param context what the pads belong to, with their purpose; no two uses may share it */
  constructor(seed: Uint8Array, context: string, ring: Ring) {
    this.#key = Buffer.from(hkdfSync('sha256', seed, SALT, context, KEY_BYTES));
    this.#ring = ring;
  }

  /** Pads of the rows of a chunk. */
  chunk(index: number, rows: number): Uint8Array {
    if (rows > CHUNK_ROWS) throw new RangeError(`pads: expected at most ${CHUNK_ROWS} rows, got ${rows}`);
    const counter = Buffer.alloc(16);
    // The upper half counts chunks, the lower half blocks within one.
    counter.writeUInt32BE(index, 4);
    const cipher = createCipheriv('aes-256-ctr', this.#key, counter);
    const pads = cipher.update(Buffer.alloc(rows * this.#ring.bytes));
    truncateIntegers(pads, this.#ring.bytes, this.#ring.bits);
    return pads;
  }
}

/** What one party shares with each of the others; secret. */
export interface PairSeeds {
  /** This party's place among all parties, from 0: the label party, then the feature parties. */
  readonly place: number;
  /** One 32-byte seed for each party, in their order; the party's own place is undefined. */
  readonly pairs: readonly (Uint8Array | undefined)[];
}

/**
 * Pads of all parties that sum to zero modulo 2^bits. The label party's never leave it: it alone gets the sum of the numbers
 * that feature parties masked, and others who add all of them get a uniform number.
 */
export class ZeroSumPads {
  readonly #pairs: readonly { readonly negative: boolean; readonly pads: IntegerPads }[];
  readonly #ring: Ring;

  constructor({ place, pairs }: PairSeeds, context: string, ring: Ring) {
    this.#ring = ring;
    this.#pairs = pairs.flatMap((seed, other) => {
      if (!seed || other === place) return [];
      return [{ negative: other < place, pads: new IntegerPads(seed, `pair/${context}`, ring) }];
    });
  }

  /** Pads of the rows of a chunk. */
  chunk(index: number, rows: number): Uint8Array {
    const { bytes, bits } = this.#ring;
    const sum = new Uint8Array(rows * bytes);
    for (const { negative, pads } of this.#pairs) {
      const some = pads.chunk(index, rows);
      if (negative) negateIntegers(some, bytes);
      addIntegers(sum, some, bytes);
    }
    truncateIntegers(sum, bytes, bits);
    return sum;
  }
}
