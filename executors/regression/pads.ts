import { createCipheriv, hkdfSync } from 'node:crypto';
import { bytesToBigInt, byteLength, elementAt } from '../../crypto/modular/bytes.ts';
import { CHUNK_ROWS } from './batches.ts';

/**
 * Pads that hide predictions from the label party. Pair pads z_j sum to zero over the feature parties; the group pad s
 * is known to all of them, and to nobody else. Both are pseudo-random modulo n: a number of |n| + 128 bits from
 * AES-256-CTR, reduced, is within 2^−128 of uniform. A pad belongs to one context and must never meet two plaintexts.
 */

/** What one feature party shares with the others; secret. */
export interface PadSeeds {
  /** This party's place among the feature parties, from 0. */
  readonly place: number;
  /** One 32-byte seed for each feature party, in their order; the party's own place is undefined. */
  readonly pairs: readonly (Uint8Array | undefined)[];
  /** 32 bytes that all feature parties know, and neither the label party nor the server. */
  readonly group: Uint8Array;
}

const SEED_BYTES = 32;
const SALT = 'sealed-colonies/regression/pads/1';
const EXTRA_BYTES = 16;
/** Rows whose bytes are made at a time. */
const ROWS_AT_A_TIME = 256;

/** A seed's numbers of one context, chunk after chunk. */
export class PadStream {
  readonly #key: Buffer;
  readonly #width: number;

  /** @param context what the pads belong to, with their purpose; no two uses may share it */
  constructor(seed: Uint8Array, context: string, modulus: bigint) {
    this.#key = Buffer.from(hkdfSync('sha256', seed, SALT, context, SEED_BYTES));
    this.#width = byteLength(modulus) + EXTRA_BYTES;
  }

  /** Numbers below 2^(|n| + 128) for the rows of a chunk, not reduced, one after another: few are in memory. */
  *numbers(index: number, rows: number): Generator<bigint> {
    const counter = Buffer.alloc(16);
    // The upper half counts chunks, the lower half blocks within one.
    counter.writeUInt32BE(index, 4);
    const cipher = createCipheriv('aes-256-ctr', this.#key, counter);
    const zeros = Buffer.alloc(Math.min(ROWS_AT_A_TIME, rows) * this.#width);
    for (let row = 0; row < rows; row += ROWS_AT_A_TIME) {
      const count = Math.min(ROWS_AT_A_TIME, rows - row);
      const stream = cipher.update(zeros.subarray(0, count * this.#width));
      const numbers = Array.from({ length: count }, (_, place) => bytesToBigInt(elementAt(stream, place, this.#width)));
      // Now, because nobody asks again after the last number.
      stream.fill(0);
      yield* numbers;
    }
  }
}

/** The pads of one party in one context. */
export class Pads {
  readonly #pairs: readonly { readonly sign: 1 | -1; readonly stream: PadStream }[];
  readonly #group: PadStream;

  constructor(seeds: PadSeeds, context: string, modulus: bigint) {
    this.#pairs = seeds.pairs.flatMap((seed, other) => {
      if (!seed || other === seeds.place) return [];
      return { sign: other > seeds.place ? 1 : -1, stream: new PadStream(seed, `pair/${context}`, modulus) } as const;
    });
    this.#group = new PadStream(seeds.group, `group/${context}`, modulus);
  }

  /** z_j of every row of a chunk: Σ_j z_j ≡ 0 (mod n). Not reduced; may be negative. */
  *zeroSum(chunk: number, rows: number): Generator<bigint> {
    const streams = this.#pairs.map(({ sign, stream }) => ({ sign, numbers: stream.numbers(chunk, rows) }));
    for (let row = 0; row < rows; row += 1) {
      let sum = 0n;
      for (const { sign, numbers } of streams) {
        const number = next(numbers);
        sum = sign === 1 ? sum + number : sum - number;
      }
      yield sum;
    }
  }

  /** s of every row of a chunk, not reduced. */
  group(chunk: number, rows: number): Generator<bigint> {
    return this.#group.numbers(chunk, rows);
  }

  /** s of every row as an integer of `bits` bits, for statistical hiding in openings that are not modular. */
  *groupBits(chunk: number, rows: number, bits: number): Generator<bigint> {
    for (const number of this.#group.numbers(chunk, rows)) yield BigInt.asUintN(bits, number);
  }
}

/** The next number; 0 when there is none. */
export function next(numbers: Iterator<bigint>): bigint {
  const result = numbers.next();
  return result.done === true ? 0n : result.value;
}

/** A chunk of some rows: its index, its first row, and how many it has. */
export interface ChunkRange {
  readonly chunk: number;
  readonly from: number;
  readonly rows: number;
}

/** The chunks of a number of rows. */
export function* chunksOf(rows: number): Generator<ChunkRange> {
  for (let from = 0, chunk = 0; from < rows; from += CHUNK_ROWS, chunk += 1) {
    yield { chunk, from, rows: Math.min(CHUNK_ROWS, rows - from) };
  }
}
