// Montgomery reduction, column by column, of up to MOST_VECTORS products side by side.
//
// The modulus is N = k·root with k chosen so that N ≡ 1 (mod 2^b), and the digits at `negatedModulusAt` are those of −N, the
// lowest of them −1. So the digit q that clears a column c is c's own residue, c + q·(−1) = h·2^b, and h is the carry:
// no multiplication by N^-1, and a short way from one quotient digit to the next.

import { blocks, magicAt, MOST_VECTORS, negatedModulusAt, numberBytes, pairBytes, shrinkAt, STATE, stateAt } from './shape';
import { add, BLOCK, load, multiply, multiplyAdd, roundToDigit, store, subtract } from './vector';

// The state of a vector, as indices of vectors: the two columns that the tiles of one block begin and those of the next
// complete; then the five columns of the present block, everything added.
const BEGUN: usize = 0;
const TOTAL: usize = 2;

/** Adds q·(−N) for the quotient digits of blocks [qp, end) to the five columns of one block. */
// @ts-ignore: decorator
@inline
function addQuotientTiles(state: usize, qp: usize, end: usize, np: usize, product: usize): void {
  let c0 = load(state, BEGUN), c1 = load(state, BEGUN + 1), c2 = f64x2.splat(0), c3 = c2, c4 = c2;
  for (; qp < end; qp += BLOCK, np -= BLOCK) {
    const a0 = load(qp), b0 = load(np), a1 = load(qp, 1), b1 = load(np, 1), a2 = load(qp, 2), b2 = load(np, 2);
    c0 = multiplyAdd(a0, b0, c0);
    c1 = add(c1, multiplyAdd(a0, b1, multiply(a1, b0)));
    c2 = add(c2, multiplyAdd(a0, b2, multiplyAdd(a1, b1, multiply(a2, b0))));
    c3 = add(c3, multiplyAdd(a1, b2, multiply(a2, b1)));
    c4 = multiplyAdd(a2, b2, c4);
  }
  store(state, c3, BEGUN);
  store(state, c4, BEGUN + 1);
  // The upper two totals of the block below are what its own quotient digits add to this one.
  store(state, add(c0, add(load(state, TOTAL + 3), load(product))), TOTAL);
  store(state, add(c1, add(load(state, TOTAL + 4), load(product, 1))), TOTAL + 1);
  store(state, add(c2, load(product, 2)), TOTAL + 2);
  store(state, f64x2.splat(0), TOTAL + 3);
  store(state, f64x2.splat(0), TOTAL + 4);
}

/** Takes the quotient digit of total `index` and adds what it contributes to the next two totals. */
// @ts-ignore: decorator
@inline
function takeQuotientDigit(state: usize, digits: usize, index: usize, n1: v128, n2: v128, magic: v128, shrink: v128): void {
  const c = load(state, TOTAL + index), h = roundToDigit(c, magic), q = subtract(c, h);
  store(digits, q, index);
  store(state, add(multiplyAdd(h, shrink, load(state, TOTAL + 1 + index)), multiply(q, n1)), TOTAL + 1 + index);
  store(state, multiplyAdd(q, n2, load(state, TOTAL + 2 + index)), TOTAL + 2 + index);
}

/** Takes digit `index` of a block for all MOST_VECTORS vectors; those not in use are computed along. */
// @ts-ignore: decorator
@inline
function takeQuotientDigits(digits: usize, index: usize, n1: v128, n2: v128, magic: v128, shrink: v128): void {
  const states = stateAt, stride = pairBytes;
  takeQuotientDigit(states, digits, index, n1, n2, magic, shrink);
  takeQuotientDigit(states + STATE, digits + stride, index, n1, n2, magic, shrink);
  takeQuotientDigit(states + 2 * STATE, digits + 2 * stride, index, n1, n2, magic, shrink);
  takeQuotientDigit(states + 3 * STATE, digits + 3 * stride, index, n1, n2, magic, shrink);
}

/**
 * The D quotient digits of every vector, and in the states what is left above them. Each digit waits for the one below,
 * and the processor looks ahead by less than that wait: so all vectors take their first digit of a block, then all
 * their second.
 */
function takeQuotients(q: usize, product: usize, vectors: usize): void {
  const magic = v128.load(magicAt), shrink = v128.load(shrinkAt), n = negatedModulusAt;
  const n1 = load(n, 1), n2 = load(n, 2);
  const stride = pairBytes, states = stateAt, length = <usize>blocks * BLOCK;
  for (let block: usize = 0; block < length; block += BLOCK) {
    for (let v: usize = 0; v < vectors; v++) {
      const quotient = q + v * stride;
      addQuotientTiles(states + v * STATE, quotient, quotient + block, n + block, product + v * stride + block);
    }
    takeQuotientDigits(q + block, 0, n1, n2, magic, shrink);
    takeQuotientDigits(q + block, 1, n1, n2, magic, shrink);
    takeQuotientDigits(q + block, 2, n1, n2, magic, shrink);
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
  let c0 = load(state, BEGUN), c1 = load(state, BEGUN + 1);
  // What the last quotient digits add to the first two columns.
  let late0 = load(state, TOTAL + 3), late1 = load(state, TOTAL + 4);
  let carry = zero, resultCarry = zero;
  for (let block: usize = 0; block < length; block += BLOCK) {
    let c2 = zero, c3 = zero, c4 = zero;
    for (let qp = q + block + BLOCK, np = highest; qp < end; qp += BLOCK, np -= BLOCK) {
      const a0 = load(qp), b0 = load(np), a1 = load(qp, 1), b1 = load(np, 1), a2 = load(qp, 2), b2 = load(np, 2);
      c0 = multiplyAdd(a0, b0, c0);
      c1 = add(c1, multiplyAdd(a0, b1, multiply(a1, b0)));
      c2 = add(c2, multiplyAdd(a0, b2, multiplyAdd(a1, b1, multiply(a2, b0))));
      c3 = add(c3, multiplyAdd(a1, b2, multiply(a2, b1)));
      c4 = multiplyAdd(a2, b2, c4);
    }
    const column = product + length + block;
    c0 = add(c0, add(load(column), late0));
    c1 = add(c1, add(load(column, 1), late1));
    c2 = add(c2, load(column, 2));
    const h0 = roundToDigit(c0, magic), h1 = roundToDigit(c1, magic), h2 = roundToDigit(c2, magic);
    const d0 = add(carry, subtract(c0, h0));
    const d1 = multiplyAdd(h0, shrink, subtract(c1, h1));
    const d2 = multiplyAdd(h1, shrink, subtract(c2, h2));
    const g0 = roundToDigit(d0, magic), g1 = roundToDigit(d1, magic), g2 = roundToDigit(d2, magic);
    store(t + block, add(resultCarry, subtract(d0, g0)));
    store(t + block, multiplyAdd(g0, shrink, subtract(d1, g1)), 1);
    store(t + block, multiplyAdd(g1, shrink, subtract(d2, g2)), 2);
    carry = multiply(h2, shrink);
    late0 = zero;
    late1 = zero;
    resultCarry = multiply(g2, shrink);
    c0 = c3;
    c1 = c4;
  }
}

/**
 * t = (T − q·N) / R for R = 2^(b·D), with the quotient digits q that make the division exact: T = R·t + q·N.
 * |t| ≤ |T| / R + |N|/2·(1 + 2^-22).
 *
 * T has 2·D digits below 2^49, one product per vector, `pairBytes` apart, as are t and q (D digits each).
 */
export function reduceProducts(t: usize, q: usize, product: usize, vectors: i32): void {
  memory.fill(stateAt, 0, <usize>MOST_VECTORS * STATE);
  takeQuotients(q, product, vectors);
  for (let v: usize = 0; v < <usize>vectors; v++) {
    const offset = v * pairBytes;
    storeUpperColumns(t + offset, q + offset, product + offset, stateAt + v * STATE);
  }
}
