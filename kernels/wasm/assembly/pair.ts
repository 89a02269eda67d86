// Pair arithmetic modulo N²: an element is x₀ + x₁·N, both halves in Montgomery form and of either sign.
//
// Of halves within 4·|N| every product has halves within |N|, and of halves within 0.56·|N| within 0.51·|N|, because
// R = 2^(b·D) ≥ 2^6·|N|: |t| ≤ 2·|x|·|y|/R + 0.5·|N|. Derivation of the product: README.md.

import { addProduct, multiplyDoubled, multiplyNumbers, squareNumber } from './product';
import { doubledAt, lowAt, numberBytes, pairBytes, productAt, quotientAt } from './shape';
import { reduceProducts } from './reduction';
import { add, load, store, VECTOR } from './vector';

/** Copies one half of each of `vectors` pairs. */
export function copyHalves(to: usize, from: usize, vectors: i32): void {
  for (let v: usize = 0; v < <usize>vectors; v++) memory.copy(to + v * pairBytes, from + v * pairBytes, numberBytes);
}

/** to = a + b, digit by digit, for one half of each of `vectors` pairs; no carries. */
export function addHalves(to: usize, a: usize, b: usize, vectors: i32): void {
  for (let v: usize = 0; v < <usize>vectors; v++) {
    const offset = v * pairBytes;
    for (let i = offset, end = offset + numberBytes; i < end; i += VECTOR) store(to + i, add(load(a + i), load(b + i)));
  }
}

/** out = a·b / R; `out` may be a or b. With `bStride` 0 all vectors are multiplied by the one pair at b. */
export function multiplyPairs(out: usize, a: usize, b: usize, vectors: i32, bStride: usize): void {
  const stride = pairBytes, half = numberBytes, count = <usize>vectors;
  for (let v: usize = 0; v < count; v++) multiplyNumbers(productAt + v * stride, a + v * stride, b + v * bStride);
  reduceProducts(lowAt, quotientAt, productAt, vectors);
  for (let v: usize = 0; v < count; v++) {
    const product = productAt + v * stride, x = a + v * stride, y = b + v * bStride;
    multiplyNumbers(product, x, y + half);
    addProduct(product, x + half, y);
  }
  addHalves(productAt, productAt, quotientAt, vectors);
  reduceProducts(out + half, quotientAt, productAt, vectors);
  copyHalves(out, lowAt, vectors);
}

/** out = a² / R; `out` may be a. */
export function squarePairs(out: usize, a: usize, vectors: i32): void {
  const stride = pairBytes, half = numberBytes, count = <usize>vectors;
  addHalves(doubledAt, a, a, vectors);
  for (let v: usize = 0; v < count; v++) squareNumber(productAt + v * stride, a + v * stride, doubledAt + v * stride);
  reduceProducts(lowAt, quotientAt, productAt, vectors);
  for (let v: usize = 0; v < count; v++) multiplyDoubled(productAt + v * stride, a + v * stride, a + v * stride + half);
  addHalves(productAt, productAt, quotientAt, vectors);
  reduceProducts(out + half, quotientAt, productAt, vectors);
  copyHalves(out, lowAt, vectors);
}
