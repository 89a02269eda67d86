import type { PublicKey } from 'paillier-bigint';
import {
  addPlaintext,
  addVectors,
  type CiphertextVector,
  decodeFixedPoint,
  dotProduct,
  rerandomize,
  unpackValues,
} from '../../crypto/paillier/index.ts';
import { bytesToBigInt, elementAt, fromBigInts } from '../../crypto/modular/bytes.ts';
import { mod } from '../../crypto/modular/number-theory.ts';
import { randomBelow } from '../../crypto/modular/random.ts';
import { gradientCiphertexts, gradientPacking, gradientScale } from './batches.ts';
import { columnsOf } from './parameters.ts';
import type { RunParameters } from './parameters.ts';
import { refusal } from './refusal.ts';

/** A gradient on its way to the opening and back: corrected, packed, masked, and taken apart again. */

/** Σ over chunks of dot products: one value for each column. */
export async function addProducts(
  publicKey: PublicKey,
  sum: CiphertextVector | undefined,
  part: CiphertextVector,
  signal: AbortSignal | undefined,
): Promise<CiphertextVector> {
  if (!sum) return part;
  const added = await addVectors(publicKey, [sum, part], { signal });
  return added.with({ summands: sum.summands });
}

/**
 * Takes the pads out of a block's gradient, packs it and masks it: P·[[M]] with M uniform modulo n and fresh randomness.
 *
 * @param gradient one ciphertext for each column
 * @param corrections what the pads added to each, modulo n
 * @param masks one for each packed ciphertext, in [0, n); this party alone knows them
 */
export async function maskGradient(
  run: { readonly parameters: RunParameters; readonly publicKey: PublicKey },
  gradient: CiphertextVector,
  corrections: readonly bigint[],
  masks: readonly bigint[],
): Promise<Uint8Array> {
  const { parameters, publicKey } = run;
  const { slotBits, slotsPerCiphertext } = gradientPacking(parameters);
  const elements = gradient.ciphertexts();
  const packed = masks.map(async (mask, index) => {
    const slots = elements.slice(index * slotsPerCiphertext, (index + 1) * slotsPerCiphertext);
    const weights = slots.map((_, slot) => 1n << BigInt(slotBits * slot));
    const pads = weights.reduce(
      (sum, weight, slot) => sum + weight * (corrections[index * slotsPerCiphertext + slot] ?? 0n),
      0n,
    );
    const sum = await dotProduct(publicKey, slots, weights);
    const masked = await addPlaintext(publicKey, sum, signed(mask - pads, publicKey.n));
    // The label party may have made the key, and knows the randomness of what the sum was computed from.
    return rerandomize(publicKey, masked, { masking: 'standard' });
  });
  return fromBigInts(await Promise.all(packed), gradient.elementBytes);
}

/** Masks of a party's gradient: uniform modulo n. */
export function drawMasks(parameters: RunParameters, party: string, modulus: bigint): bigint[] {
  return Array.from({ length: gradientCiphertexts(parameters, party) }, () => randomBelow(modulus));
}

/**
 * The gradient sums of a block from the opened residues.
 *
 * @throws TerminalError `DAMAGED_OPENING` when a sum lies beyond what the plan allows
 */
export function unmaskGradient(
  run: { readonly parameters: RunParameters; readonly publicKey: PublicKey },
  party: string,
  residues: readonly bigint[],
  masks: readonly bigint[],
): Float64Array {
  const { parameters, publicKey } = run;
  const scale = gradientScale(parameters);
  const packing = gradientPacking(parameters);
  const columns = columnsOf(parameters, party);
  const slots = packing.slotsPerCiphertext;
  try {
    const sums = residues.flatMap((residue, index) => {
      const plaintext = signed(residue - (masks[index] ?? 0n), publicKey.n);
      return unpackValues(packing, plaintext, Math.min(slots, columns - index * slots), 1n);
    });
    return Float64Array.from(sums, (sum) => decodeFixedPoint(sum, scale));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refusal(
      'DAMAGED_OPENING',
      'opening: expected a gradient within the planned bounds, got something else; it was changed on the way, or a party ' +
        'exceeded its bounds',
      error,
    );
  }
}

/** Residues from a flat buffer. @throws TerminalError `WRONG_COUNT` or `DAMAGED_OPENING` when they cannot be residues */
export function readResidues(bytes: Uint8Array, count: number, width: number, modulus: bigint): bigint[] {
  if (bytes.length !== count * width) {
    throw refusal('WRONG_COUNT', `opening: expected ${count} residues of ${width} bytes, got ${bytes.length} bytes`);
  }
  return Array.from({ length: count }, (_, index) => {
    const residue = bytesToBigInt(elementAt(bytes, index, width));
    if (residue < modulus) return residue;
    throw refusal('DAMAGED_OPENING', `opening: residue ${index}: expected a number below n, got a larger one`);
  });
}

/** The representative in (−n/2, n/2). */
function signed(value: bigint, modulus: bigint): bigint {
  const residue = mod(value, modulus);
  return residue > modulus / 2n ? residue - modulus : residue;
}
