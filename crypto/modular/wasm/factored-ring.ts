/**
 * The private-key operations in the WebAssembly kernel: lane 0 of every vector computes modulo p², lane 1 modulo q², so
 * that a value needs one vector and half the width. Nothing branches or looks up memory by secrets.
 */

import { bigIntToBytes, bitLength } from '../bytes.ts';
import type { FactoredRing, FixedBaseTable } from '../engine.ts';
import { modInverse } from '../number-theory.ts';
import { FixedBase } from './fixed-base.ts';
import { type Kernel, MOST_VECTORS, type ReductionTarget } from './kernel.ts';
import { countOf, expectLength } from './lengths.ts';
import { openKernel } from './open.ts';
import type { CompiledModule } from './runtime.ts';
import { montgomeryPower } from './shape.ts';

/** Window of the decryption exponent: 32 powers are scanned for each. */
const WINDOW_BITS = 5;

const prime = (own: bigint): bigint => own;
const square = (own: bigint): bigint => own * own;

/** Constants of decryption and of encryption by the owner, as addresses; each holds a value per lane. */
interface Constants {
  /** R modulo p² | q²: the Montgomery form of 1. */
  readonly one: number;
  /** R², R³, R⁴, R⁵: bring an element modulo n², four chunks of digits, into Montgomery form. */
  readonly fromElement: number;
  /** q·R, q·R² modulo p | p·R, p·R² modulo q: turn a plaintext m into m·q modulo p | m·p modulo q. */
  readonly fromResidue: number;
  /** −q^-2·R modulo p | −p^-2·R modulo q: the factor after the logarithm, and the first half of the CRT. */
  readonly afterLogarithm: number;
  /** q | p: the second half of the CRT. */
  readonly otherPrime: number;
  /** q^-2·R modulo p² | p^-2·R modulo q², and q² | p², p·q² | q·p²: the same for elements. */
  readonly beforeCombination: number;
  readonly otherSquare: number;
  readonly otherSquareTimesPrime: number;
  /** p − 1 | q − 1, `exponentBytes` each. */
  readonly exponents: number;
}

function prepareConstants(
  kernel: Kernel,
  moduli: Parameters<Kernel['constantPairs']>[0],
  exponentBytes: number,
): Constants {
  const [p, q] = [moduli[0].root, moduli[1].root];
  const { digits } = kernel.shape;
  const both = (f: (own: bigint, other: bigint) => bigint) => [f(p, q), f(q, p)] as const;
  const power = (exponent: number) => both((own) => montgomeryPower(kernel.shape, own, exponent));
  const times = (exponent: number, factor: (own: bigint, other: bigint) => bigint, modulus: (own: bigint) => bigint) =>
    both((own, other) => (montgomeryPower(kernel.shape, own, exponent) * factor(own, other)) % modulus(own));
  const constants = {
    one: kernel.constantPairs(moduli, [power(1)]),
    fromElement: kernel.constantPairs(moduli, [power(2), power(3), power(4), power(5)]),
    fromResidue: kernel.constantPairs(moduli, [
      times(1, (_, other) => other, prime),
      times(2, (_, other) => other, prime),
    ]),
    afterLogarithm: kernel.constant(
      times(1, (own, other) => own - modInverse(other * other, own), prime),
      digits,
    ),
    otherPrime: kernel.constant([q, p], digits),
    beforeCombination: kernel.constantPairs(moduli, [
      times(1, (own, other) => modInverse(other * other, own * own), square),
    ]),
    otherSquare: kernel.constant([q * q, p * p], 2 * digits),
    otherSquareTimesPrime: kernel.constant([p * q * q, q * p * p], 3 * digits),
    exponents: kernel.allocate(2 * exponentBytes),
  };
  kernel.bytes.set(bigIntToBytes(p - 1n, exponentBytes), constants.exponents);
  kernel.bytes.set(bigIntToBytes(q - 1n, exponentBytes), constants.exponents + exponentBytes);
  return constants;
}

/** {@link FactoredRing} on one instance of the kernel. */
export class WasmFactoredRing implements FactoredRing {
  readonly n: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  readonly #kernel: Kernel;
  readonly #constants: Constants;
  readonly #exponentBytes: number;
  readonly #fixedBase: FixedBase;
  readonly #prime: ReductionTarget;
  readonly #modulus: ReductionTarget;
  readonly #square: ReductionTarget;
  /** A group of pairs, one of residues, one of results of 4·D digits, the chunks of elements (as wide). */
  readonly #group: number;
  readonly #residues: number;
  readonly #result: number;
  readonly #chunks: number;
  readonly #staging: number;
  readonly #powers: number;

  /** @throws RangeError when p or q is even or smaller than 3, or when they share a factor */
  constructor(module: CompiledModule, p: bigint, q: bigint) {
    const { kernel, moduli } = openKernel(module, p, q);
    const { digits } = kernel.shape;
    this.n = p * q;
    this.rootBytes = Math.ceil(bitLength(this.n) / 8);
    this.elementBytes = 2 * this.rootBytes;
    this.#kernel = kernel;
    this.#exponentBytes = Math.ceil(Math.max(bitLength(p), bitLength(q)) / 8);
    this.#constants = prepareConstants(kernel, moduli, this.#exponentBytes);
    this.#prime = kernel.reductionTarget([p, q], digits);
    this.#modulus = kernel.reductionTarget([this.n, this.n], 2 * digits);
    this.#square = kernel.reductionTarget([this.n * this.n, this.n * this.n], 4 * digits);
    this.#group = kernel.allocateGroup();
    this.#residues = kernel.allocateGroup();
    this.#result = kernel.allocate(2 * kernel.groupBytes);
    this.#chunks = kernel.allocate(2 * kernel.groupBytes);
    this.#staging = kernel.allocate(MOST_VECTORS * this.elementBytes);
    this.#powers = kernel.allocate(kernel.groupBytes << (WINDOW_BITS - 1));
    this.#fixedBase = new FixedBase(kernel, this.#constants.one, 2);
  }

  decrypt(out: Uint8Array, ciphertexts: Uint8Array): void {
    const { call, pairBytes, shape } = this.#kernel;
    const count = countOf('decrypt', 'ciphertexts', ciphertexts, this.elementBytes);
    expectLength('decrypt', 'out', out, count * this.rootBytes);
    const constants = this.#constants;
    for (let first = 0; first < count; first += MOST_VECTORS) {
      const vectors = Math.min(count - first, MOST_VECTORS);
      this.#loadElements(ciphertexts, first, vectors);
      call.powerPairs(
        this.#group,
        this.#powers,
        constants.one,
        constants.exponents,
        this.#exponentBytes,
        0,
        this.#exponentBytes,
        WINDOW_BITS,
        vectors,
      );
      call.openPairs(this.#group, 0, vectors);
      call.takeLogarithms(this.#group, this.#prime.top, this.#prime.inverse, vectors);
      call.multiplyHalves(this.#group, this.#group, constants.afterLogarithm, vectors);
      call.combineHalves(this.#result, this.#group, constants.otherPrime, vectors);
      this.#store(out, first, vectors, this.rootBytes, this.#modulus, 2 * shape.digits, pairBytes);
    }
    this.#wipeScratch();
  }

  ownerTableBytes(exponentBits: number, windowBits: number): number {
    return this.#fixedBase.tableBytes(exponentBits, windowBits);
  }

  buildOwnerTables(tables: Uint8Array, base: Uint8Array, exponentBits: number, windowBits: number): void {
    expectLength('buildOwnerTables', 'base', base, this.elementBytes);
    expectLength('buildOwnerTables', 'tables', tables, this.ownerTableBytes(exponentBits, windowBits));
    this.#loadElements(base, 0, 1);
    this.#fixedBase.build(tables, this.#group, exponentBits, windowBits);
    this.#wipeScratch();
  }

  encryptAsOwner(out: Uint8Array, tables: FixedBaseTable, exponents: Uint8Array, residues: Uint8Array): void {
    const width = Math.ceil(tables.exponentBits / 8);
    const count = countOf('encryptAsOwner', 'residues', residues, this.rootBytes);
    expectLength('encryptAsOwner', 'exponents', exponents, 2 * count * width);
    expectLength('encryptAsOwner', 'out', out, count * this.elementBytes);
    expectLength(
      'encryptAsOwner',
      'tables',
      tables.bytes,
      this.ownerTableBytes(tables.exponentBits, tables.windowBits),
    );
    this.#fixedBase.forEachGroup(tables, exponents, width, (group, firstLane) => {
      const first = firstLane / 2;
      this.#finishEncryption(out, group, residues, first, Math.min(count - first, MOST_VECTORS));
    });
    this.#wipeScratch();
  }

  close(): void {
    this.#kernel.wipe();
  }

  /** Multiplies a group of g^ρ by 1 + residue·n, takes it out of Montgomery form, combines p and q, and writes it. */
  #finishEncryption(out: Uint8Array, group: number, residues: Uint8Array, first: number, vectors: number): void {
    const { call, pairBytes, shape } = this.#kernel;
    const constants = this.#constants;
    this.#loadNumbers(residues, this.rootBytes, first, vectors, 2);
    call.convertChunks(this.#residues, this.#chunks, 2, constants.fromResidue, 1, vectors);
    call.multiplyPairs(group, group, constants.beforeCombination, vectors, 0);
    call.openPairs(group, this.#residues, vectors);
    call.combinePairs(this.#result, group, constants.otherSquare, constants.otherSquareTimesPrime, vectors);
    this.#store(out, first, vectors, this.elementBytes, this.#square, 4 * shape.digits, 2 * pairBytes);
  }

  /** Reads elements modulo n² into the group, in Montgomery form modulo p² and q². */
  #loadElements(elements: Uint8Array, first: number, vectors: number): void {
    this.#loadNumbers(elements, this.elementBytes, first, vectors, 4);
    this.#kernel.call.convertChunks(this.#group, this.#chunks, 4, this.#constants.fromElement, 2, vectors);
  }

  /** Reads numbers of `width` bytes as `chunks` chunks of digits, the same in both lanes. */
  #loadNumbers(numbers: Uint8Array, width: number, first: number, vectors: number, chunks: number): void {
    const { call, numberBytes, shape, bytes } = this.#kernel;
    bytes.set(numbers.subarray(first * width, (first + vectors) * width), this.#staging);
    for (let v = 0; v < vectors; v += 1) {
      for (let lane = 0; lane < 2; lane += 1) {
        const to = this.#chunks + v * chunks * numberBytes;
        call.loadNumber(to, lane, this.#staging + v * width, width, chunks * shape.digits);
      }
    }
  }

  /** Canonicalises the results and writes lane 0 of each. */
  #store(
    out: Uint8Array,
    first: number,
    vectors: number,
    width: number,
    target: ReductionTarget,
    digits: number,
    stride: number,
  ): void {
    const { call, bytes } = this.#kernel;
    call.canonicalise(this.#result, digits, target.modulus, target.top, target.inverse, vectors, stride);
    for (let v = 0; v < vectors; v += 1) {
      call.storeNumber(this.#staging + v * width, width, this.#result + v * stride, 0, digits);
    }
    out.set(bytes.subarray(this.#staging, this.#staging + vectors * width), first * width);
  }

  /** Clears what the last call left of plaintexts and of powers of ciphertexts. */
  #wipeScratch(): void {
    const { bytes, groupBytes } = this.#kernel;
    for (const start of [this.#group, this.#residues]) bytes.fill(0, start, start + groupBytes);
    for (const start of [this.#result, this.#chunks]) bytes.fill(0, start, start + 2 * groupBytes);
    bytes.fill(0, this.#staging, this.#staging + MOST_VECTORS * this.elementBytes);
    this.#kernel.wipeScratch();
  }
}
