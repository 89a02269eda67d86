// Moving single numbers between lanes: buckets of a multi-exponentiation, products across lanes.

import { pairBytes } from './shape';
import { VECTOR } from './vector';

/** Copies one lane of a pair to one lane of another. */
export function copyLane(to: usize, toLane: i32, from: usize, fromLane: i32): void {
  to += <usize>toLane << 3;
  from += <usize>fromLane << 3;
  for (const end = from + pairBytes; from < end; from += VECTOR, to += VECTOR) store<f64>(to, load<f64>(from));
}

/** Copies a row of packed doubles (half a pair's bytes) to one lane of a pair. */
export function loadLane(pair: usize, lane: i32, row: usize): void {
  pair += <usize>lane << 3;
  for (const end = pair + pairBytes; pair < end; pair += VECTOR, row += 8) store<f64>(pair, load<f64>(row));
}

/** Copies one lane of a pair to a row of packed doubles. */
export function storeLane(row: usize, pair: usize, lane: i32): void {
  pair += <usize>lane << 3;
  for (const end = pair + pairBytes; pair < end; pair += VECTOR, row += 8) store<f64>(row, load<f64>(pair));
}
