// Powers: windows of a variable base, and rows of a fixed-base table. Which entry of a table is taken never shows in the
// memory accesses: every look-up reads all entries and keeps one by a mask.

import { bitsAt } from './digits';
import { multiplyPairs, squarePairs } from './pair';
import { groupBytes, operandAt, pairBytes } from './shape';
import { load, store, VECTOR } from './vector';

// Entries and rows are packed: a digit is below 2^24, so a 32-bit float holds it exactly.

/** Bytes of a pass: four vectors, so that one mask serves four loads. Packed pairs are a whole number of passes. */
const PASS: usize = 4 * VECTOR;

/** Packs a pair: two digits of both lanes to a vector. */
function packPair(to: usize, pair: usize): void {
  for (const end = pair + pairBytes; pair < end; pair += 2 * VECTOR, to += VECTOR) {
    const low = f32x4.demote_f64x2_zero(load(pair)), high = f32x4.demote_f64x2_zero(load(pair, 1));
    store(to, v128.shuffle<i64>(low, high, 0, 2));
  }
}

/** Unpacks a vector: two digits of both lanes. */
// @ts-ignore: decorator
@inline
function unpack(to: usize, packed: v128): void {
  store(to, f64x2.promote_low_f32x4(packed));
  store(to, f64x2.promote_low_f32x4(v128.shuffle<i64>(packed, packed, 1, 0)), 1);
}

/** Copies, to each lane of one vector's pair, that lane of the entry its index names; `index` holds both indices twice. */
function selectPair(out: usize, table: usize, entries: i32, index: v128): void {
  const stride = groupBytes >> 1, zero = i32x4.splat(0), one = i32x4.splat(1);
  for (const end = out + pairBytes; out < end; out += 2 * PASS, table += PASS) {
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero, entry = zero;
    for (let i = 0, from = table; i < entries; i++, from += stride) {
      const mask = i32x4.eq(index, entry);
      s0 = v128.or(s0, v128.and(mask, load(from)));
      s1 = v128.or(s1, v128.and(mask, load(from, 1)));
      s2 = v128.or(s2, v128.and(mask, load(from, 2)));
      s3 = v128.or(s3, v128.and(mask, load(from, 3)));
      entry = i32x4.add(entry, one);
    }
    unpack(out, s0);
    unpack(out + 2 * VECTOR, s1);
    unpack(out + 4 * VECTOR, s2);
    unpack(out + 6 * VECTOR, s3);
  }
}

/** table[0] = one, table[1] = the base, … table[entries − 1], packed groups. */
function fillPowers(table: usize, base: usize, one: usize, entries: i32, vectors: i32): void {
  const stride = pairBytes >> 1, power = operandAt;
  for (let v: usize = 0; v < <usize>vectors; v++) packPair(table + v * stride, one);
  memory.copy(power, base, groupBytes);
  for (let i = 1; i < entries; i++) {
    if (i > 1) multiplyPairs(power, power, base, vectors, pairBytes);
    table += groupBytes >> 1;
    for (let v: usize = 0; v < <usize>vectors; v++) packPair(table + v * stride, power + v * pairBytes);
  }
}

/**
 * base = base ^ exponent for every lane of a group in Montgomery form. `one` is a pair, `table` has room for 2^windowBits
 * packed groups, of half the bytes. The exponent of lane l of vector v is the big-endian number of `exponentBytes` bytes at
 * exponents + v·vectorStride + l·laneStride.
 */
export function powerPairs(
  base: usize, table: usize, one: usize, exponents: usize, exponentBytes: i32,
  vectorStride: usize, laneStride: usize, windowBits: i32, vectors: i32,
): void {
  const entries = 1 << windowBits;
  fillPowers(table, base, one, entries, vectors);
  for (let window = (8 * exponentBytes - 1) / windowBits, first = true; window >= 0; window--, first = false) {
    if (!first) for (let i = 0; i < windowBits; i++) squarePairs(base, base, vectors);
    for (let v: usize = 0; v < <usize>vectors; v++) {
      const exponent = exponents + v * vectorStride, bit = window * windowBits;
      const index0 = i32x4.splat(bitsAt(exponent, exponentBytes, bit, windowBits));
      const index1 = i32x4.splat(bitsAt(exponent + laneStride, exponentBytes, bit, windowBits));
      const index = v128.shuffle<i32>(index0, index1, 0, 4, 2, 6);
      selectPair((first ? base : operandAt) + v * pairBytes, table + v * (pairBytes >> 1), entries, index);
    }
    if (!first) multiplyPairs(base, base, operandAt, vectors, pairBytes);
  }
}

/** Writes one lane of a pair as a table row. */
export function storeRow(row: usize, pair: usize, lane: i32): void {
  for (const end = pair + pairBytes; pair < end; pair += VECTOR, row += 4) {
    const digits = load(pair);
    f32.store(row, <f32>(lane ? f64x2.extract_lane(digits, 1) : f64x2.extract_lane(digits, 0)));
  }
}

/** Reads two rows as the two lanes of a pair. */
function loadRows(pair: usize, row0: usize, row1: usize): void {
  for (let i: usize = 0, length = pairBytes; i < length; i += 2 * VECTOR, row0 += 8, row1 += 8) {
    unpack(pair + i, v128.shuffle<f32>(v128.load64_zero(row0), v128.load64_zero(row1), 0, 4, 1, 5));
  }
}

/** Multiplies a group by rows that lie one after the other, two per vector; the first time it just takes them. */
export function multiplyByRows(group: usize, rows: usize, rowBytes: usize, vectors: i32, first: bool): void {
  const to = first ? group : operandAt;
  for (let v: usize = 0; v < <usize>vectors; v++) {
    const row = rows + 2 * v * rowBytes;
    loadRows(to + v * pairBytes, row, row + rowBytes);
  }
  if (!first) multiplyPairs(group, group, operandAt, vectors, pairBytes);
}

/** Copies the row that `bitsAt` of the exponent names, reading every row of the section alike; rowBytes is a multiple of 64. */
export function selectRow(
  out: usize, section: usize, rowBytes: usize, exponent: usize, exponentBytes: i32, bit: i32, windowBits: i32,
): void {
  const zero = i32x4.splat(0), one = i32x4.splat(1);
  const index = i32x4.splat(bitsAt(exponent, exponentBytes, bit, windowBits));
  const end = section + (rowBytes << <usize>windowBits);
  for (let offset: usize = 0; offset < rowBytes; offset += PASS) {
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero, entry = zero;
    for (let from = section + offset; from < end; from += rowBytes) {
      const mask = i32x4.eq(index, entry);
      s0 = v128.or(s0, v128.and(mask, load(from)));
      s1 = v128.or(s1, v128.and(mask, load(from, 1)));
      s2 = v128.or(s2, v128.and(mask, load(from, 2)));
      s3 = v128.or(s3, v128.and(mask, load(from, 3)));
      entry = i32x4.add(entry, one);
    }
    store(out + offset, s0);
    store(out + offset, s1, 1);
    store(out + offset, s2, 2);
    store(out + offset, s3, 3);
  }
}
