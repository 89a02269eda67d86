import { byteLength, fromBigInts } from '../modular/bytes.ts';
import { absolute } from '../modular/number-theory.ts';
import { compute, sharedBytes } from './compute.ts';
import type { PublicState } from './state.ts';
import { checkRange } from './validate.ts';
import { refuseBad } from './vector-checks.ts';

/** Names the number at an index, for error messages. */
type NameOf = (index: number) => string;

/** Magnitudes at the width of the largest, and one sign byte each. */
export function signedExponents(values: readonly bigint[]): [Uint8Array, Uint8Array] {
  const magnitudes = values.map(absolute);
  const width = magnitudes.reduce((widest, magnitude) => Math.max(widest, byteLength(magnitude)), 1);
  return [fromBigInts(magnitudes, width), Uint8Array.from(values, (value) => (value < 0n ? 1 : 0))];
}

/**
 * Ciphertexts as elements, after the engine has checked all of them.
 *
 * @throws RangeError for the first number outside [1, n²) or with a factor of n
 */
export async function validElements(
  state: PublicState,
  ciphertexts: readonly bigint[],
  nameOf: NameOf = (index) => `ciphertext ${index}`,
): Promise<Uint8Array> {
  for (const [index, ciphertext] of ciphertexts.entries()) checkRange(state, ciphertext, nameOf(index));
  const elements = fromBigInts(ciphertexts, state.elementBytes);
  refuseBad(await verdictsOn(state, elements), nameOf);
  return elements;
}

/**
 * Checks a few ciphertexts; those of all calls of one tick together, which takes one gcd for all.
 *
 * @throws RangeError as {@link validElements}
 */
export async function refuseNoCiphertexts(state: PublicState, ciphertexts: readonly bigint[]): Promise<void> {
  const nameOf = (index: number): string => (ciphertexts.length === 1 ? 'ciphertext' : `ciphertext ${index}`);
  for (const [index, ciphertext] of ciphertexts.entries()) checkRange(state, ciphertext, nameOf(index));
  const verdicts = ciphertexts.map((ciphertext) =>
    state.calls.add('check', [ciphertext], async (items) => {
      const found = await verdictsOn(state, fromBigInts(items.flat(), state.elementBytes));
      return Array.from(found, BigInt);
    }),
  );
  refuseBad(Uint8Array.from(await Promise.all(verdicts), Number), nameOf);
}

async function verdictsOn(state: PublicState, elements: Uint8Array): Promise<Uint8Array> {
  const verdicts = sharedBytes(elements.length / state.elementBytes);
  const operation = { kind: 'check', refuseUnmasked: false } as const;
  await compute({ key: { n: state.n }, operation, count: verdicts.length, inputs: [elements], out: verdicts });
  return verdicts;
}
