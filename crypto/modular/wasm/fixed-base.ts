/**
 * Powers of a fixed base from a table: T[j][v] = base^(v·2^(w·j)), and base^ρ = Π T[j][ρ_j] over the windows ρ_j of ρ.
 *
 * A table row holds the digits of one lane as 32-bit floats. Rows are ordered by window, then by modulus (one for a public
 * ring, p and q for a factored one), then by digit; a whole batch works through one window before the next, so that the
 * rows of a window stay in the cache. The table lies outside the kernel's memory, so that all threads share one: the rows
 * (or, for constant-time look-ups, all rows of the window) are copied in as they are needed.
 */

import type { FixedBaseTable } from '../engine.ts';
import { type Kernel, MOST_VECTORS } from './kernel.ts';
import { expectInteger } from './lengths.ts';

/** Numbers (lanes) of a group. */
const LANES = 2 * MOST_VECTORS;
/** Groups that are worked on together: 256 lanes. */
const GROUPS_AT_ONCE = 32;
const MOST_WINDOW_BITS = 12;
const MOST_EXPONENT_BITS = 1 << 16;

/** Building and using fixed-base tables in one kernel, with one or two moduli in turn on the lanes. */
export class FixedBase {
  readonly #kernel: Kernel;
  readonly #one: number;
  readonly #moduli: 1 | 2;
  /** Rows of a group on their way in or out. */
  readonly #rows: number;
  readonly #groups: number[] = [];
  #section = 0;
  #sectionRoom = 0;
  #exponents = 0;
  #exponentRoom = 0;

  /** `one` is the address of the pair 1 in Montgomery form. */
  constructor(kernel: Kernel, one: number, moduli: 1 | 2) {
    this.#kernel = kernel;
    this.#one = one;
    this.#moduli = moduli;
    this.#rows = kernel.allocate(LANES * kernel.rowBytes);
  }

  /** Bytes of a table. @throws RangeError for windows outside 1 … 12 bits or exponents outside 1 … 65 536 bits */
  tableBytes(exponentBits: number, windowBits: number): number {
    expectInteger('tableBytes', 'windowBits', windowBits, 1, MOST_WINDOW_BITS);
    expectInteger('tableBytes', 'exponentBits', exponentBits, 1, MOST_EXPONENT_BITS);
    return Math.ceil(exponentBits / windowBits) * this.#moduli * this.#sectionBytes(windowBits);
  }

  /**
   * Fills `table` with the powers of the base that stands in Montgomery form in the first vector at `base`: in lane 0
   * for one modulus, in both lanes for two. Overwrites `base`.
   */
  build(table: Uint8Array, base: number, exponentBits: number, windowBits: number): void {
    const { call, pairBytes, groupBytes } = this.#kernel;
    const windows = Math.ceil(exponentBits / windowBits);
    const windowsAtOnce = LANES / this.#moduli;
    const [bases, powers] = [this.#group(0), this.#group(1)];
    for (let first = 0; first < windows; first += windowsAtOnce) {
      for (let lane = 0; lane < LANES; lane += 1) {
        call.copyLane(bases + (lane >> 1) * pairBytes, lane & 1, base, this.#moduli === 1 ? 0 : lane & 1);
        const endsWindow = this.#moduli === 1 || (lane & 1) === 1;
        if (endsWindow) for (let i = 0; i < windowBits; i += 1) call.squarePairs(base, base, 1);
      }
      for (let v = 0; v < MOST_VECTORS; v += 1) {
        this.#kernel.bytes.copyWithin(powers + v * pairBytes, this.#one, this.#one + pairBytes);
      }
      for (let digit = 0; digit < 1 << windowBits; digit += 1) {
        this.#storeRows(table, powers, first, Math.min(windows - first, windowsAtOnce), windowBits, digit);
        call.multiplyPairs(powers, powers, bases, MOST_VECTORS, pairBytes);
      }
    }
    this.#kernel.bytes.fill(0, powers, powers + groupBytes);
    this.#kernel.bytes.fill(0, bases, bases + groupBytes);
  }

  /**
   * Computes the powers for all exponents (`width` bytes each; lane i of the batch takes exponent i), and hands each
   * group to `finish` in Montgomery form together with the index of its first exponent.
   */
  forEachGroup(
    table: FixedBaseTable,
    exponents: Uint8Array,
    width: number,
    finish: (group: number, first: number) => void,
  ): void {
    const count = exponents.length / width;
    const atOnce = GROUPS_AT_ONCE * LANES;
    for (let start = 0; start < count; start += atOnce) {
      const some = exponents.subarray(start * width, Math.min(count, start + atOnce) * width);
      this.#accumulate(table, some, width);
      for (let first = 0; first < some.length / width; first += LANES)
        finish(this.#group(first / LANES), start + first);
      this.#wipe(some.length, Math.ceil(some.length / width / LANES));
    }
  }

  /** Multiplies the rows of every window into the groups of up to 256 exponents. */
  #accumulate(table: FixedBaseTable, exponents: Uint8Array, width: number): void {
    const { call, rowBytes } = this.#kernel;
    const { exponentBits, windowBits } = table;
    const count = exponents.length / width;
    if (exponents.length > this.#exponentRoom) {
      this.#exponents = this.#kernel.allocate(exponents.length);
      this.#exponentRoom = exponents.length;
    }
    this.#kernel.bytes.set(exponents, this.#exponents);
    for (let bit = 0; bit < exponentBits; bit += windowBits) {
      const section = (bit / windowBits) * this.#moduli * this.#sectionBytes(windowBits);
      if (table.constantTime) this.#copySection(table.bytes, section, windowBits);
      for (let first = 0; first < count; first += LANES) {
        const lanes = Math.min(count - first, LANES);
        const group = this.#group(first / LANES);
        for (let lane = 0; lane < lanes; lane += 1) {
          const exponent = this.#exponents + (first + lane) * width;
          const row = this.#rows + lane * rowBytes;
          const offset = this.#moduli === 1 ? 0 : (lane & 1) * this.#sectionBytes(windowBits);
          if (table.constantTime) {
            call.selectRow(row, this.#section + offset, rowBytes, exponent, width, bit, windowBits);
          } else {
            const from = section + offset + call.bitsAt(exponent, width, bit, windowBits) * rowBytes;
            this.#kernel.bytes.set(table.bytes.subarray(from, from + rowBytes), row);
          }
        }
        call.multiplyByRows(group, this.#rows, rowBytes, Math.ceil(lanes / 2), bit === 0 ? 1 : 0);
      }
    }
  }

  /** Overwrites exponents, rows and powers: who sees them can take the mask off a ciphertext. */
  #wipe(exponentBytes: number, groups: number): void {
    const { bytes, groupBytes, rowBytes } = this.#kernel;
    bytes.fill(0, this.#exponents, this.#exponents + exponentBytes);
    bytes.fill(0, this.#rows, this.#rows + LANES * rowBytes);
    for (const group of this.#groups.slice(0, groups)) bytes.fill(0, group, group + groupBytes);
    this.#kernel.wipeScratch();
  }

  #storeRows(
    table: Uint8Array,
    powers: number,
    first: number,
    windows: number,
    windowBits: number,
    digit: number,
  ): void {
    const { call, pairBytes, rowBytes, bytes } = this.#kernel;
    for (let i = 0; i < windows * this.#moduli; i += 1) {
      call.storeRow(this.#rows, powers + (i >> 1) * pairBytes, i & 1);
      const to = (first * this.#moduli + i) * this.#sectionBytes(windowBits) + digit * rowBytes;
      table.set(bytes.subarray(this.#rows, this.#rows + rowBytes), to);
    }
  }

  #copySection(table: Uint8Array, offset: number, windowBits: number): void {
    const length = this.#moduli * this.#sectionBytes(windowBits);
    if (length > this.#sectionRoom) {
      this.#section = this.#kernel.allocate(length);
      this.#sectionRoom = length;
    }
    this.#kernel.bytes.set(table.subarray(offset, offset + length), this.#section);
  }

  /** Bytes of all rows of one window and modulus. */
  #sectionBytes(windowBits: number): number {
    return this.#kernel.rowBytes * 2 ** windowBits;
  }

  #group(index: number): number {
    const known = this.#groups[index];
    if (known !== undefined) return known;
    const group = this.#kernel.allocateGroup();
    this.#groups[index] = group;
    return group;
  }
}
