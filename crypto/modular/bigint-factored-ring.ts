import { bitLength, bytesToBigInt, elementAt, writeBigInt } from './bytes.ts';
import type { FactoredRing, FixedBaseTable } from './engine.ts';
import { mod, modInverse } from './number-theory.ts';
import { PairTable } from './pair-table.ts';
import { PairArithmetic } from './pair-arithmetic.ts';
import type { Pair } from './pair-arithmetic.ts';
import { randomBelow } from './random.ts';

/** Prepares exponentiation modulo one odd number; `undefined` when it cannot. */
export type OpenPower = (modulus: bigint) => { of(base: bigint, exponent: bigint): bigint } | undefined;

const USES_PER_BLINDER = 32;

/**
 * Private-key operations on BigInt. Decryption multiplies every ciphertext by a random power residue and a random
 * plaintext first: nobody knows the base of the exponentiation, nor its result.
 */
export class BigIntFactoredRing implements FactoredRing {
  readonly n: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  readonly #p: PrimeHalf;
  readonly #q: PrimeHalf;
  readonly #pInverse: bigint;
  readonly #qSquareInverse: bigint;

  /** @param openPower a faster way to raise numbers to powers, if there is one for the modulus. @default pair arithmetic */
  constructor(p: bigint, q: bigint, openPower: OpenPower = () => undefined) {
    this.n = p * q;
    this.rootBytes = Math.ceil(bitLength(this.n) / 8);
    this.elementBytes = 2 * this.rootBytes;
    this.#p = new PrimeHalf(p, q, openPower);
    this.#q = new PrimeHalf(q, p, openPower);
    this.#pInverse = modInverse(p, q);
    this.#qSquareInverse = modInverse(q * q, p * p);
  }

  decrypt(out: Uint8Array, ciphertexts: Uint8Array): void {
    for (let index = 0; index * this.rootBytes < out.length; index += 1) {
      const ciphertext = bytesToBigInt(elementAt(ciphertexts, index, this.elementBytes));
      const atP = this.#p.decrypt(ciphertext);
      const atQ = this.#q.decrypt(ciphertext);
      const residue = atP + this.#p.prime * mod((atQ - atP) * this.#pInverse, this.#q.prime);
      writeBigInt(elementAt(out, index, this.rootBytes), residue);
    }
  }

  ownerTableBytes(exponentBits: number, windowBits: number): number {
    return this.#p.tableBytes(exponentBits, windowBits) + this.#q.tableBytes(exponentBits, windowBits);
  }

  buildOwnerTables(tables: Uint8Array, base: Uint8Array, exponentBits: number, windowBits: number): void {
    const [atP, atQ] = this.#tableHalves(tables, exponentBits, windowBits);
    this.#p.buildTable(atP, bytesToBigInt(base), exponentBits, windowBits);
    this.#q.buildTable(atQ, bytesToBigInt(base), exponentBits, windowBits);
  }

  encryptAsOwner(out: Uint8Array, tables: FixedBaseTable, exponents: Uint8Array, residues: Uint8Array): void {
    const [tableP, tableQ] = this.#tableHalves(tables.bytes, tables.exponentBits, tables.windowBits);
    const exponentBytes = Math.ceil(tables.exponentBits / 8);
    for (let index = 0; index * this.elementBytes < out.length; index += 1) {
      const residue = bytesToBigInt(elementAt(residues, index, this.rootBytes));
      const atP = this.#p.encrypt(tableP, tables, elementAt(exponents, 2 * index, exponentBytes), residue);
      const atQ = this.#q.encrypt(tableQ, tables, elementAt(exponents, 2 * index + 1, exponentBytes), residue);
      const multiple = mod((atP - atQ) * this.#qSquareInverse, this.#p.prime ** 2n);
      writeBigInt(elementAt(out, index, this.elementBytes), atQ + this.#q.prime ** 2n * multiple);
    }
  }

  close(): void {
    this.#p.close();
    this.#q.close();
  }

  #tableHalves(tables: Uint8Array, exponentBits: number, windowBits: number): [Uint8Array, Uint8Array] {
    const known = tableHalves.get(tables);
    if (known) return known;
    const middle = this.#p.tableBytes(exponentBits, windowBits);
    const halves: [Uint8Array, Uint8Array] = [tables.subarray(0, middle), tables.subarray(middle)];
    tableHalves.set(tables, halves);
    return halves;
  }
}

/** Views on the two halves of owner tables, kept so that each half is recognised as the same table again. */
const tableHalves = new WeakMap<Uint8Array, [Uint8Array, Uint8Array]>();

/** A factor that hides a ciphertext, and what it subtracts from the logarithm. */
interface Blinder {
  readonly mask: Pair;
  readonly shift: bigint;
}

/** Arithmetic modulo the square of one secret prime. */
class PrimeHalf {
  readonly prime: bigint;
  readonly #pairs: PairArithmetic;
  readonly #primeBytes: number;
  readonly #other: bigint;
  readonly #plaintextFactor: bigint;
  readonly #power: ReturnType<OpenPower>;
  #blinder: Blinder | undefined;
  #blinderUses = 0;

  constructor(prime: bigint, other: bigint, openPower: OpenPower) {
    this.prime = prime;
    this.#power = openPower(prime * prime);
    this.#pairs = new PairArithmetic(prime);
    this.#primeBytes = Math.ceil(bitLength(prime) / 8);
    this.#other = other;
    // (1+n)^(p−1) = 1 + (p−1)·p·q ≡ 1 − p·q (mod p²), so L of it is −q.
    this.#plaintextFactor = modInverse(mod(-other, prime), prime);
  }

  /** The plaintext modulo the prime; 0 for a multiple of the prime, which is no ciphertext. */
  decrypt(ciphertext: bigint): bigint {
    const base = ciphertext % this.#pairs.square;
    if (base % this.prime === 0n) return 0n;
    const { mask, shift } = this.#nextBlinder();
    const blinded = this.#pairs.leave(this.#pairs.multiply(this.#pairs.enter(base), mask));
    const logarithm = this.#raise(blinded, this.prime - 1n) / this.prime;
    return ((logarithm + shift) * this.#plaintextFactor) % this.prime;
  }

  /** A ciphertext modulo the prime's square. */
  encrypt(table: Uint8Array, shape: FixedBaseTable, exponent: Uint8Array, residue: bigint): bigint {
    const power = PairTable.open(this.#pairs, this.#primeBytes, table, shape).power(exponent);
    return this.#pairs.leave(power, (residue * this.#other) % this.prime);
  }

  tableBytes(exponentBits: number, windowBits: number): number {
    return PairTable.bytes(exponentBits, windowBits, this.#primeBytes);
  }

  buildTable(table: Uint8Array, base: bigint, exponentBits: number, windowBits: number): void {
    const reduced = base % this.#pairs.square;
    PairTable.build(this.#pairs, this.#primeBytes, table, reduced, exponentBits, windowBits);
  }

  close(): void {
    this.#blinder = undefined;
  }

  /**
   * s^p·(1 + shift·p) for an unknown s and shift: raised to p−1 it is 1 − shift·p modulo p², whatever s is. Squared
   * between uses, drawn anew now and then.
   */
  #nextBlinder(): Blinder {
    if (this.#blinder === undefined || this.#blinderUses >= USES_PER_BLINDER) {
      const secret = this.#raise(1n + randomBelow(this.prime - 1n), this.prime);
      const shift = randomBelow(this.prime);
      this.#blinder = { mask: this.#pairs.enter((secret * (1n + shift * this.prime)) % this.#pairs.square), shift };
      this.#blinderUses = 0;
    } else {
      const { mask, shift } = this.#blinder;
      this.#blinder = { mask: this.#pairs.squareOf(mask), shift: (2n * shift) % this.prime };
    }
    this.#blinderUses += 1;
    return this.#blinder;
  }

  #raise(base: bigint, exponent: bigint): bigint {
    if (this.#power) return this.#power.of(base, exponent);
    return this.#pairs.leave(this.#pairs.power(this.#pairs.enter(base), exponent));
  }
}
