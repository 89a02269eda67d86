import { bitLength } from '../modular/bytes.ts';
import { capacityOf } from './packing.ts';
import type { PackingPlan } from './packing.ts';
import type { PublicState } from './state.ts';
import { Verdict } from './check.ts';
import { notCoprime, outOfRange, unmasked } from './validate.ts';
import type { CiphertextVector } from './vector.ts';

/** @throws RangeError when the vector was made under another key, or its ciphertexts or packing do not fit this one */
export function checkUnderKey(state: PublicState, vector: CiphertextVector, label: string): void {
  if (vector.keyId !== state.keyId) {
    throw new RangeError(
      `${label}: expected a vector under key ${state.keyId.slice(0, 16)}…, got one under ${vector.keyId.slice(0, 16)}…`,
    );
  }
  if (vector.length > 0 && vector.elementBytes !== state.elementBytes) {
    throw new RangeError(
      `${label}: expected ciphertexts of ${state.elementBytes} bytes, got ${vector.elementBytes}; it was cut or changed`,
    );
  }
  checkPlan(state, vector.packing);
}

/** @throws RangeError when packed plaintexts would not stay below n/2 */
export function checkPlan(state: PublicState, plan: PackingPlan | null): void {
  if (!plan || plan.slotBits * plan.slotsPerCiphertext <= bitLength(state.n) - 1) return;
  throw new RangeError(
    `packing: expected at most ${bitLength(state.n) - 1} bits in all slots, got ${plan.slotBits * plan.slotsPerCiphertext}; plan with this key's length`,
  );
}

/** @throws RangeError when more values are in a sum than the plan leaves room for */
export function checkCapacity(plan: PackingPlan | null, summands: bigint): void {
  if (!plan || summands <= capacityOf(plan)) return;
  throw new RangeError(
    `packing: expected at most ${capacityOf(plan)} summands (times weights), got ${summands}; plan with more summands`,
  );
}

/** @throws RangeError when `vector` cannot be added to `first` value by value */
export function checkAddable(
  state: PublicState,
  first: CiphertextVector,
  vector: CiphertextVector,
  index: number,
): void {
  checkUnderKey(state, vector, `vector ${index}`);
  const differs = (what: string, expected: unknown, got: unknown): RangeError =>
    new RangeError(`vector ${index}: expected ${what} ${String(expected)} of the first vector, got ${String(got)}`);
  if (vector.count !== first.count) throw differs('count', first.count, vector.count);
  if (vector.scaleBits !== first.scaleBits) throw differs('scale', first.scaleBits, vector.scaleBits);
  const [expected, got] = [JSON.stringify(first.packing), JSON.stringify(vector.packing)];
  if (expected !== got) throw differs('packing', expected, got);
}

/** @throws RangeError when the values of the vector cannot be gathered into one */
export function checkReducible(state: PublicState, vector: CiphertextVector, label: string): void {
  checkUnderKey(state, vector, label);
  if (vector.packing) throw new RangeError(`${label}: expected one value per ciphertext, got a packed vector`);
  if (vector.count === 0) throw new RangeError(`${label}: expected at least one value, got an empty vector`);
}

/** @throws RangeError for the first number that a `check` found to be no ciphertext */
export function refuseBad(verdicts: Uint8Array, nameOf: (index: number) => string): void {
  for (const [index, verdict] of verdicts.entries()) {
    if (verdict === Verdict.outOfRange) throw outOfRange(nameOf(index));
    if (verdict === Verdict.notCoprime) throw notCoprime(nameOf(index));
    if (verdict === Verdict.unmasked) throw unmasked(nameOf(index));
  }
}
