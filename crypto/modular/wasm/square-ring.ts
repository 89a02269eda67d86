/** Arithmetic modulo N² for a public N in the WebAssembly kernel: eight numbers side by side, four vectors of two lanes. */

import { bitLength } from '../bytes.ts';
import type { FixedBaseTable, PowerAccumulator, SquareRing } from '../engine.ts';
import { modPower } from '../number-theory.ts';
import { accumulatePlainly, plainAccumulatorBytes, readPlainly } from '../plain-accumulator.ts';
import { multiExponentiate } from './buckets.ts';
import { FixedBase } from './fixed-base.ts';
import { type Kernel, MOST_VECTORS, type ReductionTarget } from './kernel.ts';
import { countOf, expectInteger, expectLength } from './lengths.ts';
import { type KernelParts, openKernel } from './open.ts';
import { montgomeryPower } from './shape.ts';

/** Numbers in a group. */
export const LANES = 2 * MOST_VECTORS;
/** Widest window of a power with a variable base. */
const MOST_WINDOW_BITS = 5;

/** The window that costs the fewest multiplications for exponents of `exponentBits` bits; squarings are the same for all. */
function powerWindow(exponentBits: number): number {
  let best = 1;
  const cost = (width: number) => 2 ** width + Math.ceil(exponentBits / width) * 1.3;
  for (let width = 2; width <= MOST_WINDOW_BITS; width += 1) if (cost(width) < cost(best)) best = width;
  return best;
}

/** The empty product. */
function writeOne(out: Uint8Array): void {
  out.fill(0);
  out[out.length - 1] = 1;
}

/** {@link SquareRing} on one instance of the kernel. */
export class WasmSquareRing implements SquareRing {
  readonly root: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  readonly #kernel: Kernel;
  readonly #moduli: KernelParts['moduli'];
  readonly #fixedBase: FixedBase;
  /** Groups: two operands, their digits as read, a result. */
  readonly #left: number;
  readonly #right: number;
  readonly #digits: number;
  readonly #result: number;
  readonly #staging: number;
  readonly #rootDigits: number;
  readonly #modulusDigits: number;
  readonly #square: ReductionTarget;
  /** The pair 1 in Montgomery form; pairs that bring chunks into Montgomery form; the same times R for a right factor. */
  readonly #one: number;
  readonly #toMontgomery: number;
  readonly #toRight: number;
  readonly #correction: number;
  /** R³ modulo the root. */
  readonly #cube: number;
  #correctedSteps = 0;
  #powers = 0;
  #exponents = 0;
  #exponentRoom = 0;

  constructor(module: Parameters<typeof openKernel>[0], root: bigint) {
    const { kernel, moduli } = openKernel(module, root, root);
    const { shape } = kernel;
    const power = (exponent: number) => {
      const value = montgomeryPower(shape, root, exponent);
      return [value, value] as const;
    };
    this.root = root;
    this.rootBytes = Math.ceil(bitLength(root) / 8);
    this.elementBytes = 2 * this.rootBytes;
    this.#kernel = kernel;
    this.#moduli = moduli;
    this.#left = kernel.allocateGroup();
    this.#right = kernel.allocateGroup();
    this.#digits = kernel.allocateGroup();
    this.#result = kernel.allocateGroup();
    this.#staging = kernel.allocate(LANES * this.elementBytes);
    this.#rootDigits = kernel.constant([root, root], shape.digits);
    this.#modulusDigits = kernel.constant([moduli[0].modulus, moduli[1].modulus], shape.digits);
    this.#square = kernel.reductionTarget([root * root, root * root], 2 * shape.digits);
    this.#one = kernel.constantPairs(moduli, [power(1)]);
    this.#toMontgomery = kernel.constantPairs(moduli, [power(2), power(3)]);
    this.#toRight = kernel.constantPairs(moduli, [power(3), power(4)]);
    const cube = power(3)[0] % root;
    this.#cube = kernel.constant([cube, cube], shape.digits);
    this.#correction = kernel.allocate(kernel.pairBytes);
    this.#fixedBase = new FixedBase(kernel, this.#one, 1);
  }

  multiply(out: Uint8Array, left: Uint8Array, right: Uint8Array): void {
    const { call, pairBytes } = this.#kernel;
    const count = countOf('multiply', 'left elements', left, this.elementBytes);
    expectLength('multiply', 'out', out, left.length);
    const single = right.length === this.elementBytes;
    if (!single) expectLength('multiply', 'right elements', right, left.length);
    if (single) this.#loadRight(right, 0, 1);
    for (let first = 0; first < count; first += LANES) {
      const vectors = this.#loadElements(left, first, count);
      call.shrinkChunks(this.#left, this.#digits, vectors);
      if (!single) this.#loadRight(right, first, count);
      // (left/R)·(right·R²)/R: a plain pair.
      call.multiplyPairs(this.#left, this.#left, this.#right, vectors, single ? 0 : pairBytes);
      call.joinPairs(this.#result, this.#left, this.#modulusDigits, vectors);
      this.#storeElements(out, first, count);
    }
  }

  product(out: Uint8Array, elements: Uint8Array): void {
    const { call, pairBytes } = this.#kernel;
    const count = countOf('product', 'elements', elements, this.elementBytes);
    expectLength('product', 'out', out, this.elementBytes);
    if (count === 0) {
      writeOne(out);
      return;
    }
    const steps = Math.ceil(count / LANES);
    for (let step = 0; step < steps; step += 1) {
      this.#loadElements(elements, step * LANES, count, 1);
      const group = step === 0 ? this.#left : this.#right;
      call.shrinkChunks(group, this.#digits, MOST_VECTORS);
      if (step > 0) call.multiplyPairs(this.#left, this.#left, this.#right, MOST_VECTORS, pairBytes);
    }
    this.#foldLanes(this.#left);
    this.#prepareCorrection(steps);
    call.multiplyPairs(this.#left, this.#left, this.#correction, 1, 0);
    call.joinPairs(this.#result, this.#left, this.#modulusDigits, 1);
    this.#storeElements(out, 0, 1);
  }

  multiplyByOnePlus(out: Uint8Array, elements: Uint8Array, residues: Uint8Array): void {
    const count = countOf('multiplyByOnePlus', 'elements', elements, this.elementBytes);
    expectLength('multiplyByOnePlus', 'out', out, elements.length);
    expectLength('multiplyByOnePlus', 'residues', residues, count * this.rootBytes);
    for (let first = 0; first < count; first += LANES) {
      const vectors = this.#loadElements(elements, first, count);
      this.#loadResidues(residues, first, count);
      const { call } = this.#kernel;
      call.maskChunks(this.#result, this.#digits, this.#right, this.#cube, this.#rootDigits, vectors);
      this.#storeElements(out, first, count);
    }
    this.#wipeOperands();
  }

  power(out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void {
    expectInteger('power', 'exponentBytes', exponentBytes, 0, 1 << 16);
    const count = countOf('power', 'bases', bases, this.elementBytes);
    expectLength('power', 'exponents', exponents, count * exponentBytes);
    if (exponentBytes === 0) {
      this.power(out, bases, new Uint8Array(count), 1);
      return;
    }
    const room = this.#exponentStaging(LANES * exponentBytes);
    this.#powerGroups(out, bases, exponentBytes, exponentBytes, (first) => {
      const some = exponents.subarray(first * exponentBytes, (first + LANES) * exponentBytes);
      this.#kernel.bytes.fill(0, room, room + LANES * exponentBytes);
      this.#kernel.bytes.set(some, room);
    });
    this.#kernel.bytes.fill(0, room, room + LANES * exponentBytes);
    this.#wipeOperands();
  }

  powerShared(out: Uint8Array, bases: Uint8Array, exponent: Uint8Array): void {
    expectInteger('powerShared', 'bytes of the exponent', exponent.length, 0, 1 << 16);
    if (exponent.length === 0) {
      this.powerShared(out, bases, Uint8Array.of(0));
      return;
    }
    const room = this.#exponentStaging(exponent.length);
    this.#kernel.bytes.set(exponent, room);
    this.#powerGroups(out, bases, exponent.length, 0, () => undefined);
    this.#kernel.bytes.fill(0, room, room + exponent.length);
    this.#wipeOperands();
  }

  multiExponentiate(out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void {
    expectInteger('multiExponentiate', 'exponentBytes', exponentBytes, 0, 1 << 16);
    const count = countOf('multiExponentiate', 'bases', bases, this.elementBytes);
    expectLength('multiExponentiate', 'exponents', exponents, count * exponentBytes);
    expectLength('multiExponentiate', 'out', out, this.elementBytes);
    if (count === 0 || exponentBytes === 0) {
      writeOne(out);
      return;
    }
    multiExponentiate(
      this.#kernel,
      { one: this.#one, result: this.#left, terms: this.#right },
      { count, exponents, exponentBytes },
      (first) => {
        this.#loadElements(bases, first, count);
        this.#kernel.call.convertChunks(this.#right, this.#digits, 2, this.#toMontgomery, 2, MOST_VECTORS);
      },
    );
    this.#storeOpened(out, this.#left, 0, 0, 1, 1);
  }

  accumulatorBytes(): number {
    return plainAccumulatorBytes(this);
  }

  accumulatePowers(accumulator: PowerAccumulator, bases: Uint8Array, exponents: Uint8Array): void {
    accumulatePlainly(this, accumulator, bases, exponents);
  }

  readAccumulator(out: Uint8Array, accumulator: PowerAccumulator): void {
    readPlainly(this, out, accumulator);
  }

  tableBytes(exponentBits: number, windowBits: number): number {
    return this.#fixedBase.tableBytes(exponentBits, windowBits);
  }

  buildTable(table: Uint8Array, base: Uint8Array, exponentBits: number, windowBits: number): void {
    expectLength('buildTable', 'base', base, this.elementBytes);
    expectLength('buildTable', 'table', table, this.tableBytes(exponentBits, windowBits));
    this.#loadElements(base, 0, 1);
    this.#kernel.call.convertChunks(this.#left, this.#digits, 2, this.#toMontgomery, 2, 1);
    this.#fixedBase.build(table, this.#left, exponentBits, windowBits);
  }

  powerFixedBase(out: Uint8Array, table: FixedBaseTable, exponents: Uint8Array, residues?: Uint8Array): void {
    const width = Math.ceil(table.exponentBits / 8);
    const count = countOf('powerFixedBase', 'exponents', exponents, width);
    expectLength('powerFixedBase', 'out', out, count * this.elementBytes);
    expectLength('powerFixedBase', 'table', table.bytes, this.tableBytes(table.exponentBits, table.windowBits));
    if (residues) expectLength('powerFixedBase', 'residues', residues, count * this.rootBytes);
    this.#fixedBase.forEachGroup(table, exponents, width, (group, first) => {
      const vectors = Math.ceil(Math.min(count - first, LANES) / 2);
      if (residues) this.#loadResidues(residues, first, count);
      this.#storeOpened(out, group, residues ? this.#right : 0, first, count, vectors);
    });
    this.#wipeOperands();
  }

  close(): void {
    this.#kernel.wipe();
  }

  /** Reads up to eight elements from `first` on as digits; lanes without one become `padding`. Returns the vectors in use. */
  #loadElements(elements: Uint8Array, first: number, total: number, padding = 0): number {
    const { call, pairBytes, groupBytes, shape } = this.#kernel;
    const count = Math.min(total - first, LANES);
    const width = this.elementBytes;
    const { bytes } = this.#kernel;
    if (count < LANES) bytes.fill(0, this.#digits, this.#digits + groupBytes);
    bytes.set(elements.subarray(first * width, (first + count) * width), this.#staging);
    for (let i = 0; i < count; i += 1) {
      call.loadNumber(this.#digits + (i >> 1) * pairBytes, i & 1, this.#staging + i * width, width, 2 * shape.digits);
    }
    if (padding === 1) {
      for (let i = count; i < LANES; i += 1) {
        new Float64Array(bytes.buffer, this.#digits + (i >> 1) * pairBytes, 2)[i & 1] = 1;
      }
    }
    return Math.ceil(count / 2);
  }

  /** Reads elements into the left group, in Montgomery form. */
  #loadMontgomery(elements: Uint8Array, first: number, total: number): number {
    const vectors = this.#loadElements(elements, first, total);
    this.#kernel.call.convertChunks(this.#left, this.#digits, 2, this.#toMontgomery, 2, vectors);
    return vectors;
  }

  /** Reads elements into the right group, times R². A single one goes to both lanes of the first vector. */
  #loadRight(elements: Uint8Array, first: number, total: number): void {
    const vectors = this.#loadElements(elements, first, total);
    const { call } = this.#kernel;
    call.convertChunks(this.#right, this.#digits, 2, this.#toRight, 2, vectors);
    if (elements.length === this.elementBytes) call.copyLane(this.#right, 1, this.#right, 0);
  }

  /** Reads residues into the right group, one number to each pair. */
  #loadResidues(residues: Uint8Array, first: number, total: number): void {
    const { call, pairBytes, groupBytes, shape, bytes } = this.#kernel;
    const count = Math.min(total - first, LANES);
    const width = this.rootBytes;
    if (count < LANES) bytes.fill(0, this.#right, this.#right + groupBytes);
    bytes.set(residues.subarray(first * width, (first + count) * width), this.#staging);
    for (let i = 0; i < count; i += 1) {
      call.loadNumber(this.#right + (i >> 1) * pairBytes, i & 1, this.#staging + i * width, width, shape.digits);
    }
  }

  /** Takes a group out of Montgomery form, times 1 + residue·N if residues are given, and writes the elements. */
  #storeOpened(out: Uint8Array, group: number, residues: number, first: number, total: number, vectors: number): void {
    const { call } = this.#kernel;
    call.openPairs(group, residues, vectors);
    call.joinPairs(this.#result, group, this.#rootDigits, vectors);
    this.#storeElements(out, first, total);
  }

  /** Canonicalises the result group and writes its elements to `out` from `first` on. */
  #storeElements(out: Uint8Array, first: number, total: number): void {
    const { call, pairBytes, shape, bytes } = this.#kernel;
    const count = Math.min(total - first, LANES);
    const width = this.elementBytes;
    const { modulus, top, inverse } = this.#square;
    call.canonicalise(this.#result, 2 * shape.digits, modulus, top, inverse, Math.ceil(count / 2), pairBytes);
    for (let i = 0; i < count; i += 1) {
      call.storeNumber(this.#staging + i * width, width, this.#result + (i >> 1) * pairBytes, i & 1, 2 * shape.digits);
    }
    out.set(bytes.subarray(this.#staging, this.#staging + count * width), first * width);
  }

  /** Multiplies all eight lanes of a group into its first: three products, each of two lanes that hold values times R^-e. */
  #foldLanes(group: number): void {
    const { call, pairBytes } = this.#kernel;
    call.multiplyPairs(group, group, group + 2 * pairBytes, 2, pairBytes);
    call.multiplyPairs(group, group, group + pairBytes, 1, pairBytes);
    call.copyLane(this.#right, 0, group, 1);
    call.copyLane(this.#right, 1, group, 1);
    call.multiplyPairs(group, group, this.#right, 1, pairBytes);
  }

  /**
   * Puts the pair R^(16·steps) in place. A lane that took in `steps` elements, each divided by R, in steps − 1
   * multiplications holds its product over R^(2·steps − 1); three foldings make that R^(16·steps − 1), and the
   * multiplication by this pair takes off the rest.
   */
  #prepareCorrection(steps: number): void {
    if (this.#correctedSteps === steps) return;
    const kernel = this.#kernel;
    const value = modPower(montgomeryPower(kernel.shape, this.root, 16), BigInt(steps), this.root * this.root);
    const [low, high] = this.#moduli[0].split(value);
    kernel.writeNumbers(this.#correction, [low, low], kernel.shape.digits);
    kernel.writeNumbers(this.#correction + kernel.numberBytes, [high, high], kernel.shape.digits);
    this.#correctedSteps = steps;
  }

  #powerGroups(
    out: Uint8Array,
    bases: Uint8Array,
    exponentBytes: number,
    exponentStride: number,
    loadExponents: (first: number) => void,
  ): void {
    const count = countOf('power', 'bases', bases, this.elementBytes);
    expectLength('power', 'out', out, bases.length);
    const { call } = this.#kernel;
    const windowBits = powerWindow(8 * exponentBytes);
    this.#powers ||= this.#kernel.allocate(this.#kernel.groupBytes << (MOST_WINDOW_BITS - 1));
    for (let first = 0; first < count; first += LANES) {
      const vectors = this.#loadMontgomery(bases, first, count);
      loadExponents(first);
      call.powerPairs(
        this.#left,
        this.#powers,
        this.#one,
        this.#exponents,
        exponentBytes,
        2 * exponentStride,
        exponentStride,
        windowBits,
        vectors,
      );
      this.#storeOpened(out, this.#left, 0, first, count, vectors);
    }
  }

  /** Overwrites what the last call left of plaintexts and masks. */
  #wipeOperands(): void {
    const { bytes, groupBytes } = this.#kernel;
    for (const start of [this.#left, this.#right, this.#digits, this.#result]) bytes.fill(0, start, start + groupBytes);
    bytes.fill(0, this.#staging, this.#staging + LANES * this.elementBytes);
    this.#kernel.wipeScratch();
  }

  /** Where exponents wait, `byteCount` bytes at least. */
  #exponentStaging(byteCount: number): number {
    if (byteCount > this.#exponentRoom) {
      this.#exponents = this.#kernel.allocate(byteCount);
      this.#exponentRoom = byteCount;
    }
    return this.#exponents;
  }
}
