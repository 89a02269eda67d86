// Montgomery reduction, column by column, of up to MOST_VECTORS products side by side.
//
// The modulus is N = k·root with k chosen so that N ≡ 1 (mod 2^b), and the digits at `negatedModulusAt` are those of −N, the
// lowest of them −1. So the digit q that clears a column c is c's own residue, c + q·(−1) = h·2^b, and h is the carry:
// no multiplication by N^-1, and a short way from one quotient digit to the next.

import {
  blocks, magicAt, MOST_VECTORS, negatedModulusAt, nowhere as nowhereAt, pairBytes, shrinkAt, STATE, stateAt,
} from './shape';
import { add, BLOCK, load, multiply, multiplyAdd, roundToDigit, store, subtract, VECTOR } from './vector';

// The state of a vector, as indices of vectors: the three columns that the tiles of one block begin and those of the next
// complete; then the seven columns that the present block adds to, everything included.
const BEGUN: usize = 0;
const TOTAL: usize = 3;

/** Adds q·(−N) for the quotient digits of blocks [qp, end) to the columns of one block. */
// @ts-ignore: decorator
@inline
function addQuotientTiles(state: usize, qp: usize, end: usize, np: usize, product: usize): void {
  const nowhere = nowhereAt, zero = f64x2.splat(0);
  let c0 = load(state, BEGUN), c1 = load(state, BEGUN + 1), c2 = load(state, BEGUN + 2);
  let c3 = zero, c4 = zero, c5 = zero, c6 = zero;
  for (; qp < end; qp += BLOCK, np -= BLOCK) {
    const b0 = load(np), b1 = load(np, 1), b2 = load(np, 2), b3 = load(np, 3), a0 = load(qp), a1 = load(qp, 1);
    c0 = multiplyAdd(a0, b0, c0);
    c1 = add(c1, multiplyAdd(a0, b1, multiply(a1, b0)));
    c2 = add(c2, multiplyAdd(a0, b2, multiply(a1, b1)));
    c3 = add(c3, multiplyAdd(a0, b3, multiply(a1, b2)));
    c4 = multiplyAdd(a1, b3, c4);
    if (qp == nowhere) break;
    const a2 = load(qp, 2), a3 = load(qp, 3);
    c2 = multiplyAdd(a2, b0, c2);
    c3 = add(c3, multiplyAdd(a2, b1, multiply(a3, b0)));
    c4 = add(c4, multiplyAdd(a2, b2, multiply(a3, b1)));
    c5 = add(c5, multiplyAdd(a2, b3, multiply(a3, b2)));
    c6 = multiplyAdd(a3, b3, c6);
  }
  store(state, c4, BEGUN);
  store(state, c5, BEGUN + 1);
  store(state, c6, BEGUN + 2);
  // The upper three totals of the block below are what its own quotient digits add to this one.
  store(state, add(c0, add(load(state, TOTAL + 4), load(product))), TOTAL);
  store(state, add(c1, add(load(state, TOTAL + 5), load(product, 1))), TOTAL + 1);
  store(state, add(c2, add(load(state, TOTAL + 6), load(product, 2))), TOTAL + 2);
  store(state, add(c3, load(product, 3)), TOTAL + 3);
  store(state, zero, TOTAL + 4);
  store(state, zero, TOTAL + 5);
  store(state, zero, TOTAL + 6);
}

/** Takes the quotient digit of column c, adds what it contributes to the next three totals, and returns the next column. */
// @ts-ignore: decorator
@inline
function takeQuotientDigit(c: v128, total: usize, digit: usize): v128 {
  const magic = v128.load(magicAt), shrink = v128.load(shrinkAt), n = negatedModulusAt;
  const h = roundToDigit(c, magic), q = subtract(c, h);
  store(digit, q);
  store(total, multiplyAdd(q, load(n, 2), load(total, 2)), 2);
  store(total, multiplyAdd(q, load(n, 3), load(total, 3)), 3);
  return add(multiplyAdd(h, shrink, load(total, 1)), multiply(q, load(n, 1)));
}

/**
 * Takes the digits of a block, for all MOST_VECTORS vectors in step: each digit waits for the one below, and the
 * processor looks ahead by less than that wait. Vectors that are not in use are computed along.
 */
// @ts-ignore: decorator
@inline
function takeQuotientBlock(digits: usize): void {
  const stride = pairBytes;
  let total = stateAt + TOTAL * VECTOR;
  let c0 = load(total), c1 = load(total + STATE), c2 = load(total + 2 * STATE), c3 = load(total + 3 * STATE);
  for (const end = digits + BLOCK; digits < end; digits += VECTOR, total += VECTOR) {
    c0 = takeQuotientDigit(c0, total, digits);
    c1 = takeQuotientDigit(c1, total + STATE, digits + stride);
    c2 = takeQuotientDigit(c2, total + 2 * STATE, digits + 2 * stride);
    c3 = takeQuotientDigit(c3, total + 3 * STATE, digits + 3 * stride);
  }
  store(total, c0);
  store(total + STATE, c1);
  store(total + 2 * STATE, c2);
  store(total + 3 * STATE, c3);
}

/** The D quotient digits of every vector, and in the states what is left above them. */
function takeQuotients(q: usize, product: usize, vectors: usize): void {
  const n = negatedModulusAt, stride = pairBytes, states = stateAt, length = <usize>blocks * BLOCK;
  for (let block: usize = 0; block < length; block += BLOCK) {
    for (let v: usize = 0; v < vectors; v++) {
      const quotient = q + v * stride;
      addQuotientTiles(states + v * STATE, quotient, quotient + block, n + block, product + v * stride + block);
    }
    takeQuotientBlock(q + block);
  }
}

/**
 * The upper columns of one vector, which are the result. Two rounds of splitting bring digits to 2^(b-1) + 2^7; nothing
 * is left above the highest, since |t| < 2^(b·D - 4).
 */
function storeUpperColumns(t: usize, q: usize, product: usize, state: usize): void {
  const magic = v128.load(magicAt), shrink = v128.load(shrinkAt), zero = f64x2.splat(0);
  const length = <usize>blocks * BLOCK, end = q + length;
  const highest = negatedModulusAt + length - BLOCK;
  const nowhere = nowhereAt;
  let c0 = load(state, BEGUN), c1 = load(state, BEGUN + 1), c2 = load(state, BEGUN + 2);
  // What the last quotient digits add to the first three columns.
  let late0 = load(state, TOTAL + 4), late1 = load(state, TOTAL + 5), late2 = load(state, TOTAL + 6);
  let carry = zero, resultCarry = zero;
  for (let block: usize = 0; block < length; block += BLOCK) {
    let c3 = zero, c4 = zero, c5 = zero, c6 = zero;
    for (let qp = q + block + BLOCK, np = highest; qp < end; qp += BLOCK, np -= BLOCK) {
      const b0 = load(np), b1 = load(np, 1), b2 = load(np, 2), b3 = load(np, 3), a0 = load(qp), a1 = load(qp, 1);
      c0 = multiplyAdd(a0, b0, c0);
      c1 = add(c1, multiplyAdd(a0, b1, multiply(a1, b0)));
      c2 = add(c2, multiplyAdd(a0, b2, multiply(a1, b1)));
      c3 = add(c3, multiplyAdd(a0, b3, multiply(a1, b2)));
      c4 = multiplyAdd(a1, b3, c4);
      if (qp == nowhere) break;
      const a2 = load(qp, 2), a3 = load(qp, 3);
      c2 = multiplyAdd(a2, b0, c2);
      c3 = add(c3, multiplyAdd(a2, b1, multiply(a3, b0)));
      c4 = add(c4, multiplyAdd(a2, b2, multiply(a3, b1)));
      c5 = add(c5, multiplyAdd(a2, b3, multiply(a3, b2)));
      c6 = multiplyAdd(a3, b3, c6);
    }
    const column = product + length + block;
    c0 = add(c0, add(load(column), late0));
    c1 = add(c1, add(load(column, 1), late1));
    c2 = add(c2, add(load(column, 2), late2));
    c3 = add(c3, load(column, 3));
    const h0 = roundToDigit(c0, magic), h1 = roundToDigit(c1, magic), h2 = roundToDigit(c2, magic), h3 = roundToDigit(c3, magic);
    const d0 = add(carry, subtract(c0, h0));
    const d1 = multiplyAdd(h0, shrink, subtract(c1, h1));
    const d2 = multiplyAdd(h1, shrink, subtract(c2, h2));
    const d3 = multiplyAdd(h2, shrink, subtract(c3, h3));
    const g0 = roundToDigit(d0, magic), g1 = roundToDigit(d1, magic), g2 = roundToDigit(d2, magic), g3 = roundToDigit(d3, magic);
    store(t + block, add(resultCarry, subtract(d0, g0)));
    store(t + block, multiplyAdd(g0, shrink, subtract(d1, g1)), 1);
    store(t + block, multiplyAdd(g1, shrink, subtract(d2, g2)), 2);
    store(t + block, multiplyAdd(g2, shrink, subtract(d3, g3)), 3);
    carry = multiply(h3, shrink);
    resultCarry = multiply(g3, shrink);
    late0 = late1 = late2 = zero;
    c0 = c4;
    c1 = c5;
    c2 = c6;
  }
}

/**
 * t = (T − q·N) / R for R = 2^(b·D), with the quotient digits q that make the division exact: T = R·t + q·N.
 * |t| ≤ |T| / R + |N|/2·(1 + 2^-22).
 *
 * T has 2·D digits below 2^47.5, one product per vector, `pairBytes` apart, as are t and q (D digits each). With at most D
 * products of q and N a column stays below (124.01 + 2.83)·2^46 < 2^53.
 */
export function reduceProducts(t: usize, q: usize, product: usize, vectors: i32): void {
  memory.fill(stateAt, 0, <usize>MOST_VECTORS * STATE);
  takeQuotients(q, product, vectors);
  for (let v: usize = 0; v < <usize>vectors; v++) {
    const offset = v * pairBytes;
    storeUpperColumns(t + offset, q + offset, product + offset, stateAt + v * STATE);
  }
}
