// Products of numbers, column by column: half of the inner loop (the other half: reduction.ts).
//
// A number is D signed digits of b bits, D = 4·blocks, |digit| ≤ 2^(b-1) + 2^7, in two lanes. A column is the sum of
// the digit products that belong to one power of 2^b: at most D of them, so |column| ≤ D·(2^(b-1) + 2^7)² < 2^53 for
// b = 24, D ≤ 124 and for b = 23, D ≤ 500. Sums below 2^53 are exact, whether products and sums are fused or not.
//
// Columns are worked off four at a time: the blocks of four digits x[i], y[k - i] meet in tiles of sixteen products,
// which feed the four columns of block k and begin the first three of block k + 1.
//
// A tile loads eight vectors and keeps seven columns. Compilers that move all loads of a basic block to its front would need
// more than the sixteen registers of x64 and spill the columns, so a comparison that never holds (no operand starts
// `nowhere`) cuts every tile in two blocks. One addition to a column per half keeps the chains of additions short.

import { blocks, magicAt, nowhere as nowhereAt, shrinkAt } from './shape';
import { add, BLOCK, load, multiply, multiplyAdd, roundToDigit, store, subtract } from './vector';

/** out = x·y. */
const PLAIN: i32 = 0;
/** out += x·y. */
const ADDED: i32 = 1;
/** out = 2·x·y: the sums are doubled after the columns were split, because doubled digits would overflow them. */
const DOUBLED: i32 = 2;
/** out = x² given y = 2x: the tiles on one side of the diagonal, and those on it. */
const SQUARE: i32 = 3;

/**
 * Stores the product of xBlocks and yBlocks blocks of digits as xBlocks + yBlocks blocks. Complete columns are split:
 * each keeps its residue modulo 2^b and hands the rest to the column above, all at once instead of in a chain of
 * carries, which leaves digits up to 2^(b-1) + 2^30 (as an operand such a number must be reduced or settled first).
 */
// @ts-ignore: decorator
@inline
function multiplyColumns(mode: i32, out: usize, x: usize, xBlocks: i32, y: usize, yBlocks: i32): void {
  const magic = v128.load(magicAt), shrink = v128.load(shrinkAt), zero = f64x2.splat(0);
  const nowhere = nowhereAt;
  let c0 = zero, c1 = zero, c2 = zero, carry = zero;
  for (let k = 0, blockCount = xBlocks + yBlocks; k < blockCount; k++, out += BLOCK) {
    const from = max(0, k - yBlocks + 1), to = min(mode == SQUARE ? (k + 1) >> 1 : k + 1, xBlocks);
    let xp = x + <usize>from * BLOCK, yp = y + <usize>(k - from) * BLOCK;
    let c3 = zero, c4 = zero, c5 = zero, c6 = zero;
    for (const end = x + <usize>to * BLOCK; xp < end; xp += BLOCK, yp -= BLOCK) {
      const b0 = load(yp), b1 = load(yp, 1), b2 = load(yp, 2), b3 = load(yp, 3), a0 = load(xp), a1 = load(xp, 1);
      c0 = multiplyAdd(a0, b0, c0);
      c1 = add(c1, multiplyAdd(a0, b1, multiply(a1, b0)));
      c2 = add(c2, multiplyAdd(a0, b2, multiply(a1, b1)));
      c3 = add(c3, multiplyAdd(a0, b3, multiply(a1, b2)));
      c4 = multiplyAdd(a1, b3, c4);
      if (xp == nowhere) break;
      const a2 = load(xp, 2), a3 = load(xp, 3);
      c2 = multiplyAdd(a2, b0, c2);
      c3 = add(c3, multiplyAdd(a2, b1, multiply(a3, b0)));
      c4 = add(c4, multiplyAdd(a2, b2, multiply(a3, b1)));
      c5 = add(c5, multiplyAdd(a2, b3, multiply(a3, b2)));
      c6 = multiplyAdd(a3, b3, c6);
    }
    if (mode == SQUARE && (k & 1) == 0) {
      // x and y have met on the diagonal.
      const a0 = load(xp), a1 = load(xp, 1), a2 = load(xp, 2), a3 = load(xp, 3);
      const b1 = load(yp, 1), b2 = load(yp, 2), b3 = load(yp, 3);
      c0 = multiplyAdd(a0, a0, c0);
      c1 = multiplyAdd(a0, b1, c1);
      c2 = add(c2, multiplyAdd(a0, b2, multiply(a1, a1)));
      c3 = add(c3, multiplyAdd(a0, b3, multiply(a1, b2)));
      c4 = add(c4, multiplyAdd(a1, b3, multiply(a2, a2)));
      c5 = multiplyAdd(a2, b3, c5);
      c6 = multiplyAdd(a3, a3, c6);
    }
    const h0 = roundToDigit(c0, magic), h1 = roundToDigit(c1, magic), h2 = roundToDigit(c2, magic), h3 = roundToDigit(c3, magic);
    storeDigit(mode, out, 0, add(carry, subtract(c0, h0)));
    storeDigit(mode, out, 1, multiplyAdd(h0, shrink, subtract(c1, h1)));
    storeDigit(mode, out, 2, multiplyAdd(h1, shrink, subtract(c2, h2)));
    storeDigit(mode, out, 3, multiplyAdd(h2, shrink, subtract(c3, h3)));
    carry = multiply(h3, shrink);
    c0 = c4;
    c1 = c5;
    c2 = c6;
  }
}

// @ts-ignore: decorator
@inline
function storeDigit(mode: i32, out: usize, index: usize, digit: v128): void {
  if (mode == DOUBLED) digit = add(digit, digit);
  if (mode == ADDED) digit = add(digit, load(out, index));
  store(out, digit, index);
}

/** out = x·y, both one number wide. */
export function multiplyNumbers(out: usize, x: usize, y: usize): void {
  multiplyColumns(PLAIN, out, x, blocks, y, blocks);
}

/** out += x·y, both one number wide. */
export function addProduct(out: usize, x: usize, y: usize): void {
  multiplyColumns(ADDED, out, x, blocks, y, blocks);
}

/** out = 2·x·y, both one number wide. */
export function multiplyDoubled(out: usize, x: usize, y: usize): void {
  multiplyColumns(DOUBLED, out, x, blocks, y, blocks);
}

/** out = x², one number wide, given `doubled` = 2x digit by digit. */
export function squareNumber(out: usize, x: usize, doubled: usize): void {
  multiplyColumns(SQUARE, out, x, blocks, doubled, blocks);
}

/** out += x·y for y of `yBlocks` blocks; out has blocks + yBlocks of them. */
export function addWideProduct(out: usize, x: usize, y: usize, yBlocks: i32): void {
  multiplyColumns(ADDED, out, x, blocks, y, yBlocks);
}
