import { createDiffieHellman } from 'node:crypto';
import type { DiffieHellman } from 'node:crypto';
import { BigIntFactoredRing } from './bigint-factored-ring.ts';
import { bigIntToBytes, byteLength, bytesToBigInt, elementAt, writeBigInt } from './bytes.ts';
import type { FactoredRing, FixedBaseTable, ModularEngine, PowerAccumulator, SquareRing } from './engine.ts';
import { modPower } from './number-theory.ts';

/** OpenSSL's limit for the modulus of a Diffie-Hellman group (OPENSSL_DH_MAX_MODULUS_BITS). */
const MAXIMUM_MODULUS_BITS = 10_000;

/**
 * base ^ exponent modulo one odd modulus, by OpenSSL: a Diffie-Hellman shared secret is exactly that. Exponents take
 * OpenSSL's constant-time path (BN_FLG_CONSTTIME).
 */
export class OpenSslPower {
  readonly modulus: bigint;
  readonly #group: DiffieHellman;
  readonly #bytes: number;

  private constructor(modulus: bigint) {
    this.modulus = modulus;
    this.#bytes = byteLength(modulus);
    this.#group = createDiffieHellman(bigIntToBytes(modulus, this.#bytes));
  }

  /** Prepares a modulus; `undefined` when OpenSSL does not take it (too long, or a restricted build). */
  static open(modulus: bigint): OpenSslPower | undefined {
    if (byteLength(modulus) * 8 > MAXIMUM_MODULUS_BITS) return undefined;
    try {
      const power = new OpenSslPower(modulus);
      return power.of(2n, 3n) === 8n % modulus ? power : undefined;
    } catch {
      return undefined;
    }
  }

  /** base ^ exponent mod modulus, for 0 ≤ base and 0 ≤ exponent. */
  of(base: bigint, exponent: bigint): bigint {
    const reduced = base % this.modulus;
    // OpenSSL refuses the exponent 0 and the bases 0, 1 and −1, which are no public keys.
    if (exponent === 0n) return 1n % this.modulus;
    if (reduced <= 1n) return reduced;
    if (reduced === this.modulus - 1n) return (exponent & 1n) === 1n ? reduced : 1n;
    const key = bigIntToBytes(exponent, byteLength(exponent));
    this.#group.setPrivateKey(key);
    key.fill(0);
    try {
      return bytesToBigInt(this.#group.computeSecret(bigIntToBytes(reduced, this.#bytes)));
    } catch {
      // OpenSSL refuses shared secrets of 0, 1 and −1 (SP 800-56A). Secret exponents never lead there: see PrimeHalf.
      return modPower(reduced, exponent, this.modulus);
    }
  }
}

/**
 * An engine that leaves single exponentiations to OpenSSL, where it is faster: always beside engines without its
 * machine code, for incomplete batches beside those that beat it in full ones.
 *
 * @param fullBatchesStay whether `engine` is the faster one for batches of at least `engine.lanes`
 */
export function withOpenSsl(engine: ModularEngine, fullBatchesStay: boolean): ModularEngine {
  const smallestBatch = fullBatchesStay ? engine.lanes : Infinity;
  return {
    name: engine.name,
    lanes: engine.lanes,
    // Decryption ends in BigInt arithmetic, blinded.
    constantTime: false,
    openRing(root) {
      return new OpenSslSquareRing(engine.openRing(root), smallestBatch);
    },
    openFactoredRing(p, q) {
      return new OpenSslFactoredRing(engine.openFactoredRing(p, q), p, q, smallestBatch);
    },
  };
}

/** The engine's ring, with exponentiations of small batches done by OpenSSL. */
class OpenSslSquareRing implements SquareRing {
  readonly root: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  readonly #ring: SquareRing;
  readonly #smallestBatch: number;
  #power: OpenSslPower | undefined | 'unopened' = 'unopened';

  constructor(ring: SquareRing, smallestBatch: number) {
    this.#ring = ring;
    this.#smallestBatch = smallestBatch;
    this.root = ring.root;
    this.rootBytes = ring.rootBytes;
    this.elementBytes = ring.elementBytes;
  }

  power(out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void {
    const power = this.#powerFor(bases);
    if (!power) return this.#ring.power(out, bases, exponents, exponentBytes);
    for (let index = 0; index * this.elementBytes < out.length; index += 1) {
      const base = bytesToBigInt(elementAt(bases, index, this.elementBytes));
      const exponent = bytesToBigInt(elementAt(exponents, index, exponentBytes));
      writeBigInt(elementAt(out, index, this.elementBytes), power.of(base, exponent));
    }
  }

  powerShared(out: Uint8Array, bases: Uint8Array, exponent: Uint8Array): void {
    const power = this.#powerFor(bases);
    if (!power) return this.#ring.powerShared(out, bases, exponent);
    const shared = bytesToBigInt(exponent);
    for (let index = 0; index * this.elementBytes < out.length; index += 1) {
      const base = bytesToBigInt(elementAt(bases, index, this.elementBytes));
      writeBigInt(elementAt(out, index, this.elementBytes), power.of(base, shared));
    }
  }

  multiply(out: Uint8Array, left: Uint8Array, right: Uint8Array): void {
    this.#ring.multiply(out, left, right);
  }

  product(out: Uint8Array, elements: Uint8Array): void {
    this.#ring.product(out, elements);
  }

  multiplyByOnePlus(out: Uint8Array, elements: Uint8Array, residues: Uint8Array): void {
    this.#ring.multiplyByOnePlus(out, elements, residues);
  }

  multiExponentiate(out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void {
    this.#ring.multiExponentiate(out, bases, exponents, exponentBytes);
  }

  accumulatorBytes(exponentBits: number, windowBits: number): number {
    return this.#ring.accumulatorBytes(exponentBits, windowBits);
  }

  accumulatePowers(accumulator: PowerAccumulator, bases: Uint8Array, exponents: Uint8Array): void {
    this.#ring.accumulatePowers(accumulator, bases, exponents);
  }

  readAccumulator(out: Uint8Array, accumulator: PowerAccumulator): void {
    this.#ring.readAccumulator(out, accumulator);
  }

  tableBytes(exponentBits: number, windowBits: number): number {
    return this.#ring.tableBytes(exponentBits, windowBits);
  }

  buildTable(table: Uint8Array, base: Uint8Array, exponentBits: number, windowBits: number): void {
    this.#ring.buildTable(table, base, exponentBits, windowBits);
  }

  powerFixedBase(out: Uint8Array, table: FixedBaseTable, exponents: Uint8Array, residues?: Uint8Array): void {
    this.#ring.powerFixedBase(out, table, exponents, residues);
  }

  close(): void {
    this.#power = 'unopened';
    this.#ring.close();
  }

  #powerFor(bases: Uint8Array): OpenSslPower | undefined {
    if (bases.length / this.elementBytes >= this.#smallestBatch) return undefined;
    if (this.#power === 'unopened') this.#power = OpenSslPower.open(this.root * this.root);
    return this.#power;
  }
}

/** The engine's private-key operations, with decryption of small batches done by OpenSSL, blinded. */
class OpenSslFactoredRing implements FactoredRing {
  readonly n: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  readonly #ring: FactoredRing;
  readonly #primes: readonly [p: bigint, q: bigint];
  readonly #smallestBatch: number;
  #single: FactoredRing | undefined;

  constructor(ring: FactoredRing, p: bigint, q: bigint, smallestBatch: number) {
    this.#ring = ring;
    this.#smallestBatch = smallestBatch;
    this.#primes = [p, q];
    this.n = ring.n;
    this.rootBytes = ring.rootBytes;
    this.elementBytes = ring.elementBytes;
  }

  decrypt(out: Uint8Array, ciphertexts: Uint8Array): void {
    const batch = out.length / this.rootBytes;
    if (batch >= this.#smallestBatch) return this.#ring.decrypt(out, ciphertexts);
    // Opened late: OpenSSL examines a modulus for milliseconds, and some threads never decrypt.
    this.#single ??= new BigIntFactoredRing(...this.#primes, (modulus) => OpenSslPower.open(modulus));
    return this.#single.decrypt(out, ciphertexts);
  }

  ownerTableBytes(exponentBits: number, windowBits: number): number {
    return this.#ring.ownerTableBytes(exponentBits, windowBits);
  }

  buildOwnerTables(tables: Uint8Array, base: Uint8Array, exponentBits: number, windowBits: number): void {
    this.#ring.buildOwnerTables(tables, base, exponentBits, windowBits);
  }

  encryptAsOwner(out: Uint8Array, tables: FixedBaseTable, exponents: Uint8Array, residues: Uint8Array): void {
    this.#ring.encryptAsOwner(out, tables, exponents, residues);
  }

  close(): void {
    this.#single?.close();
    this.#single = undefined;
    this.#ring.close();
  }
}
