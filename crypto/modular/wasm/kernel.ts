/** One instance of the WebAssembly kernel with its own memory, and what the TypeScript side calls in it. */

import { bitLength } from '../bytes.ts';
import type { KernelFunctions } from './kernel-functions.ts';
import { type CompiledModule, type LinearMemory, webAssembly } from './runtime.ts';
import { balancedDigits, type KernelShape, type PairModulus } from './shape.ts';

/** Bytes of a WebAssembly page. */
const PAGE_BYTES = 65_536;
/** Alignment of everything allocated: a cache line. */
const ALIGNMENT = 64;
/** Vectors that the kernel works on side by side; two numbers each. */
export const MOST_VECTORS = 4;

/** Digits of a modulus that results are brought into, and what estimates the quotient by it. */
export interface ReductionTarget {
  readonly modulus: number;
  readonly top: number;
  readonly inverse: number;
}

/** Memory and functions of one ring. Addresses stay valid for the life of the instance; views do not. */
export class Kernel {
  readonly call: KernelFunctions;
  readonly shape: KernelShape;
  /** Bytes of one number, of a pair, of a group of {@link MOST_VECTORS} pairs, of a row of a fixed-base table. */
  readonly numberBytes: number;
  readonly pairBytes: number;
  readonly groupBytes: number;
  readonly rowBytes: number;
  readonly #memory: LinearMemory;
  /** First and last address of what configure laid out as scratch. */
  readonly #scratch: readonly [number, number];
  #next: number;
  #bytes: Uint8Array;

  /** Starts an instance for arithmetic modulo the moduli of lane 0 and lane 1. */
  constructor(module: CompiledModule, shape: KernelShape, moduli: readonly [PairModulus, PairModulus]) {
    if (!webAssembly) throw new Error('Kernel: expected a runtime with WebAssembly; use another engine');
    this.#memory = new webAssembly.Memory({ initial: 4 });
    this.#bytes = new Uint8Array(this.#memory.buffer);
    const instance = new webAssembly.Instance(module, { env: { memory: this.#memory } });
    this.call = instance.exports;
    this.shape = shape;
    this.numberBytes = shape.digits * 16;
    this.pairBytes = 2 * this.numberBytes;
    this.groupBytes = MOST_VECTORS * this.pairBytes;
    this.rowBytes = Math.ceil((shape.digits * 8) / ALIGNMENT) * ALIGNMENT;
    // The scratch that configure lays out: the modulus, states, five groups.
    this.#reserve(1024 + this.numberBytes + 6 * this.groupBytes);
    this.#next = this.call.configure(1024, shape.blocks, shape.digitBits);
    this.#scratch = [this.call.modulusAddress() + this.numberBytes, this.#next];
    this.writeFloats(this.call.multiplierAddress(), [Number(moduli[0].multiplier), Number(moduli[1].multiplier)]);
    this.writeNumbers(this.call.modulusAddress(), [-moduli[0].modulus, -moduli[1].modulus], shape.digits);
  }

  /** All of the memory; taken anew for each use, since growing detaches older views. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#bytes = new Uint8Array(this.#memory.buffer);
    return this.#bytes;
  }

  /** The address of `byteCount` fresh bytes, zero-filled, aligned to 64. */
  allocate(byteCount: number): number {
    const address = Math.ceil(this.#next / ALIGNMENT) * ALIGNMENT;
    this.#next = address + byteCount;
    this.#reserve(this.#next);
    return address;
  }

  /** A group. */
  allocateGroup(): number {
    return this.allocate(this.groupBytes);
  }

  /** Writes one integer per lane as `count` balanced digits. */
  writeNumbers(address: number, values: readonly [bigint, bigint], count: number): void {
    const lanes = values.map((value) => balancedDigits(value, count, this.shape.digitBits));
    const digits = new Float64Array(this.#memory.buffer, address, 2 * count);
    for (let lane = 0; lane < 2; lane += 1) {
      for (let i = 0; i < count; i += 1) digits[2 * i + lane] = lanes[lane]?.[i] ?? 0;
    }
  }

  /** Writes one float per lane. */
  writeFloats(address: number, values: readonly [number, number]): void {
    new Float64Array(this.#memory.buffer, address, 2).set(values);
  }

  /** Allocates and writes one constant of `count` digits per lane. */
  constant(values: readonly [bigint, bigint], count: number): number {
    const address = this.allocate(16 * count);
    this.writeNumbers(address, values, count);
    return address;
  }

  /** Allocates and writes constant pairs, one after the other; `values` holds, per pair, an element for each lane. */
  constantPairs(moduli: readonly [PairModulus, PairModulus], values: readonly (readonly [bigint, bigint])[]): number {
    const address = this.allocate(values.length * this.pairBytes);
    values.forEach(([left, right], index) => {
      const [low0, high0] = moduli[0].split(left);
      const [low1, high1] = moduli[1].split(right);
      this.writeNumbers(address + index * this.pairBytes, [low0, low1], this.shape.digits);
      this.writeNumbers(address + index * this.pairBytes + this.numberBytes, [high0, high1], this.shape.digits);
    });
    return address;
  }

  /** Prepares bringing numbers of `count` digits into [0, modulus), a modulus for each lane; their lengths are similar. */
  reductionTarget(moduli: readonly [bigint, bigint], count: number): ReductionTarget {
    const bits = Math.min(...moduli.map(bitLength));
    const top = Math.max(0, Math.floor((bits - 1) / this.shape.digitBits) - 3);
    const inverse = this.allocate(16);
    const shift = BigInt(top * this.shape.digitBits);
    this.writeFloats(inverse, [1 / Number(moduli[0] >> shift), 1 / Number(moduli[1] >> shift)]);
    return { modulus: this.constant(moduli, count), top, inverse };
  }

  /** Overwrites what calls left in the scratch: intermediate results and the operand looked up last. */
  wipeScratch(): void {
    this.bytes.fill(0, ...this.#scratch);
  }

  /** Overwrites the whole memory with zeros. */
  wipe(): void {
    this.bytes.fill(0);
  }

  #reserve(end: number): void {
    const missing = end + ALIGNMENT - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
  }
}
