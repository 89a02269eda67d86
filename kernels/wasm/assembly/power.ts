// Powers: windows of a variable base, and rows of a fixed-base table. Which entry of a table is taken never shows in the
// memory accesses: every look-up reads all entries and keeps one by a mask.

import { bitsAt } from './digits';
import { multiplyPairs, squarePairs } from './pair';
import { groupBytes, operandAt, pairBytes } from './shape';
import { VECTOR } from './vector';

/** Four vectors of the table entry per pass, so that one mask serves four loads. */
const PASS: usize = 4 * VECTOR;

/** Copies, to each lane of one vector's pair, that lane of the entry its index names. */
function selectPair(out: usize, table: usize, entries: i32, index: v128): void {
  const stride = groupBytes, zero = i64x2.splat(0), one = i64x2.splat(1);
  // Pairs are an even number of vectors, not always a multiple of four: the last pass may reach into the next pair.
  for (let offset: usize = 0, length = pairBytes; offset < length; offset += PASS) {
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero, entry = zero;
    for (let i = 0, from = table + offset; i < entries; i++, from += stride) {
      const mask = i64x2.eq(index, entry);
      s0 = v128.or(s0, v128.and(mask, v128.load(from)));
      s1 = v128.or(s1, v128.and(mask, v128.load(from, 16)));
      s2 = v128.or(s2, v128.and(mask, v128.load(from, 32)));
      s3 = v128.or(s3, v128.and(mask, v128.load(from, 48)));
      entry = i64x2.add(entry, one);
    }
    v128.store(out + offset, s0);
    v128.store(out + offset, s1, 16);
    v128.store(out + offset, s2, 32);
    v128.store(out + offset, s3, 48);
  }
}

/** table[0] = one, table[1] = the base, … table[entries − 1], one group each. */
function fillPowers(table: usize, base: usize, one: usize, entries: i32, vectors: i32): void {
  for (let v: usize = 0; v < <usize>vectors; v++) memory.copy(table + v * pairBytes, one, pairBytes);
  const first = table + groupBytes;
  memory.copy(first, base, groupBytes);
  for (let i = 2; i < entries; i++) {
    const to = table + <usize>i * groupBytes;
    if (i & 1) multiplyPairs(to, to - groupBytes, first, vectors, pairBytes);
    else squarePairs(to, table + <usize>(i >> 1) * groupBytes, vectors);
  }
}

/**
 * base = base ^ exponent for every lane of a group in Montgomery form. `one` is a pair, `table` has room for 2^windowBits
 * groups and one vector more. The exponent of lane l of vector v is the big-endian number of `exponentBytes` bytes at
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
      let index = i64x2.splat(bitsAt(exponent, exponentBytes, bit, windowBits));
      index = i64x2.replace_lane(index, 1, bitsAt(exponent + laneStride, exponentBytes, bit, windowBits));
      selectPair((first ? base : operandAt) + v * pairBytes, table + v * pairBytes, entries, index);
    }
    if (!first) multiplyPairs(base, base, operandAt, vectors, pairBytes);
  }
}

/** Writes one lane of a pair as a table row: its digits as 32-bit floats, exact since |digit| < 2^24. */
export function storeRow(row: usize, pair: usize, lane: i32): void {
  const count = pairBytes / VECTOR;
  for (let i: usize = 0; i < count; i++) store<f32>(row + (i << 2), <f32>load<f64>(pair + i * VECTOR + (<usize>lane << 3)));
}

/** Reads two rows as the two lanes of a pair. */
function loadRows(pair: usize, row0: usize, row1: usize): void {
  for (let i: usize = 0, length = pairBytes; i < length; i += 2 * VECTOR, row0 += 8, row1 += 8) {
    const digits = v128.shuffle<f32>(v128.load64_zero(row0), v128.load64_zero(row1), 0, 4, 1, 5);
    v128.store(pair + i, f64x2.promote_low_f32x4(digits));
    v128.store(pair + i, f64x2.promote_low_f32x4(v128.shuffle<i64>(digits, digits, 1, 0)), 16);
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
      s0 = v128.or(s0, v128.and(mask, v128.load(from)));
      s1 = v128.or(s1, v128.and(mask, v128.load(from, 16)));
      s2 = v128.or(s2, v128.and(mask, v128.load(from, 32)));
      s3 = v128.or(s3, v128.and(mask, v128.load(from, 48)));
      entry = i32x4.add(entry, one);
    }
    v128.store(out + offset, s0);
    v128.store(out + offset, s1, 16);
    v128.store(out + offset, s2, 32);
    v128.store(out + offset, s3, 48);
  }
}
