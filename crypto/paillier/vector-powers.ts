import type { PublicKey } from 'paillier-bigint';
import { bytesToBigInt } from '../modular/bytes.ts';
import { sharedBytes } from './compute.ts';
import { publicState } from './state.ts';
import { computeInto } from './vector-chunks.ts';

/** Ciphertexts and as many unsigned exponents, big-endian, each of one width, one after another. */
export interface PowerRun {
  readonly ciphertexts: Uint8Array;
  readonly exponents: Uint8Array;
}

/**
 * Π cᵢ^eᵢ over ciphertexts that stream by: an encryption of Σ eᵢ·mᵢ. Memory stays that of some runs, however many there
 * are. Ciphertexts are not validated. The result carries no fresh randomness: add an encryption before sending it.
 *
 * Time and memory accesses depend on the exponents: compute where they may be known.
 *
 * @param exponentBits the length of the longest exponent; each takes ⌈exponentBits / 8⌉ bytes
 * @returns 1 when there is nothing
 * @throws RangeError when a run has other lengths
 */
export async function productOfPowers(
  publicKey: PublicKey,
  runs: AsyncIterable<PowerRun> | Iterable<PowerRun>,
  { exponentBits, signal }: { readonly exponentBits: number; readonly signal?: AbortSignal | undefined },
): Promise<bigint> {
  const state = publicState(publicKey);
  const exponentBytes = Math.ceil(exponentBits / 8);
  const [product, part] = [sharedBytes(state.elementBytes), sharedBytes(state.elementBytes)];
  product[product.length - 1] = 1;
  for await (const { ciphertexts, exponents } of runs) {
    const count = ciphertexts.length / state.elementBytes;
    if (!Number.isInteger(count) || exponents.length !== count * exponentBytes) {
      throw new RangeError(
        `productOfPowers: expected ciphertexts of ${state.elementBytes} bytes and exponents of ${exponentBytes}, got ` +
          `${ciphertexts.length} and ${exponents.length} bytes`,
      );
    }
    await computeInto(state, part, { operation: { kind: 'powers' }, inputs: [ciphertexts, exponents] }, count, signal);
    await computeInto(state, product, { operation: { kind: 'multiply' }, inputs: [product, part] }, 1, signal);
  }
  return bytesToBigInt(product);
}
