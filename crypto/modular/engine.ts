/**
 * What every engine that multiplies modulo N² offers, whatever it is made of.
 *
 * All numbers cross this interface as unsigned, big-endian bytes of fixed width, many of them in one flat buffer, so
 * that a batch moves between threads and kernels without being taken apart. `N` ("the root") is odd: the modulus n of a
 * Paillier key, or one of its primes. An *element* is a number in [0, N²), `elementBytes` = 2 × `rootBytes` wide; a
 * *residue* is a number in [0, N), `rootBytes` = ⌈bits(N) / 8⌉ wide.
 *
 * Every method is synchronous, works in the calling thread, writes its result to `out` (which may be a view on a
 * SharedArrayBuffer, and may not overlap an input unless stated) and gives bit-identical results in every engine:
 * canonical representatives in [0, N²).
 */

/** The engines, slowest first. OpenSSL is none of them: it takes over single exponentiations (openssl.ts). */
export type EngineName = 'bigint' | 'wasm' | 'wasm-relaxed' | 'native-avx2' | 'native-avx512' | 'native-ifma';

/** A way of computing modulo N². */
export interface ModularEngine {
  readonly name: EngineName;
  /** How many numbers one kernel call works on side by side; batches that are multiples of it waste nothing. */
  readonly lanes: number;
  /** Whether work on secrets runs without secret-dependent branches and table look-ups in this engine. */
  readonly constantTime: boolean;
  /** Prepares arithmetic modulo `root`². @throws RangeError when `root` is even or smaller than 3 */
  openRing(root: bigint): SquareRing;
  /** Prepares the private-key operations of n = p·q; `p` and `q` are secret. */
  openFactoredRing(p: bigint, q: bigint): FactoredRing;
}

/** Arithmetic modulo N² for a public N. */
export interface SquareRing {
  readonly root: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  /** out[i] = left[i] · right[i]; `right` may hold a single element that multiplies all. `out` may be `left`. */
  multiply(out: Uint8Array, left: Uint8Array, right: Uint8Array): void;
  /** out = Π elements[i], one element; the empty product is 1. */
  product(out: Uint8Array, elements: Uint8Array): void;
  /** out[i] = elements[i] · (1 + residues[i]·N): adds plaintexts, or masks plaintexts with obfuscators. `out` may be `elements`. */
  multiplyByOnePlus(out: Uint8Array, elements: Uint8Array, residues: Uint8Array): void;
  /** out[i] = bases[i] ^ exponents[i]; exponents are `exponentBytes` wide each. */
  power(out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void;
  /** out[i] = bases[i] ^ exponent, one exponent for all. */
  powerShared(out: Uint8Array, bases: Uint8Array, exponent: Uint8Array): void;
  /** out = Π bases[i] ^ exponents[i] (Pippenger), one element; the empty product is 1. */
  multiExponentiate(out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void;
  /** Bytes of an accumulator for {@link accumulatePowers}; engines differ in layout. Zeros are the empty product. */
  accumulatorBytes(exponentBits: number, windowBits: number): number;
  /**
   * accumulator *= Π bases[i] ^ exponents[i]: Pippenger for terms that come in several calls, with buckets that are kept
   * between them. Exponents are below 2^exponentBits and ⌈exponentBits / 8⌉ bytes wide each.
   */
  accumulatePowers(accumulator: PowerAccumulator, bases: Uint8Array, exponents: Uint8Array): void;
  /** out = the product that was accumulated, one element. */
  readAccumulator(out: Uint8Array, accumulator: PowerAccumulator): void;
  /** Bytes of a table of powers for {@link buildTable}; engines differ in layout. */
  tableBytes(exponentBits: number, windowBits: number): number;
  /** Fills `table` with the powers of `base`, a number coprime to N, that {@link powerFixedBase} combines. */
  buildTable(table: Uint8Array, base: Uint8Array, exponentBits: number, windowBits: number): void;
  /**
   * out[i] = base ^ exponents[i] · (1 + residues[i]·N), the base being the table's; without `residues` the second
   * factor is 1. Exponents are ⌈exponentBits / 8⌉ bytes wide each.
   */
  powerFixedBase(out: Uint8Array, table: FixedBaseTable, exponents: Uint8Array, residues?: Uint8Array): void;
  /** Forgets prepared state; wipes what is secret. */
  close(): void;
}

/** A product of powers that is under way, in memory that one thread at a time works on. */
export interface PowerAccumulator {
  readonly bytes: Uint8Array;
  readonly exponentBits: number;
  /** Buckets take 2^windowBits rows for every window: wider ones pay for more terms. */
  readonly windowBits: number;
  /** Whether bases come as {@link splitElements} makes them, which saves an engine of pairs the conversion. */
  readonly isSplit: boolean;
}

/** A table of powers of one base: built once, read by every thread. */
export interface FixedBaseTable {
  readonly bytes: Uint8Array;
  readonly exponentBits: number;
  readonly windowBits: number;
  /** Read the table so that memory accesses do not depend on the exponent (slower; see SECURITY.md). */
  readonly constantTime: boolean;
}

/** The private-key operations of one Paillier key: everything modulo p² and q² apart, then combined (CRT). */
export interface FactoredRing {
  readonly n: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  /** out[i] = the plaintext residue of ciphertexts[i], in [0, n). Paillier, EUROCRYPT '99, §7 (CRT). */
  decrypt(out: Uint8Array, ciphertexts: Uint8Array): void;
  /** Bytes of the pair of tables for {@link buildOwnerTables}. */
  ownerTableBytes(exponentBits: number, windowBits: number): number;
  /**
   * Fills `tables` with powers of `base`, a number coprime to n, mod p² and mod q², for exponents of `exponentBits` bits
   * each.
   */
  buildOwnerTables(tables: Uint8Array, base: Uint8Array, exponentBits: number, windowBits: number): void;
  /**
   * out[i] = (1 + residues[i]·n) · g^ρ, where ρ ≡ exponents[2i] at p and ≡ exponents[2i+1] at q: encryption by the
   * owner of the key, at half the width.
   */
  encryptAsOwner(out: Uint8Array, tables: FixedBaseTable, exponents: Uint8Array, residues: Uint8Array): void;
  close(): void;
}
