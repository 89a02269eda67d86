import type { PublicKey } from 'paillier-bigint';
import { TerminalError } from '../../colony/errors.ts';
import {
  addCiphertexts,
  addVectors,
  type CiphertextVector,
  rerandomize,
  rerandomizeVector,
  validateCiphertexts,
  validateVector,
} from '../../crypto/paillier/index.ts';
import type { StatisticsRequest } from '../hospital/messages.ts';
import { findMismatch } from '../hospital/rounds.ts';

/** What the cloud computes: sums of what it cannot read. */

/**
 * The sum of the hospitals' numbers under encryption, re-randomised: nobody can tell from it which ciphertexts went in.
 *
 * @throws RangeError naming the ciphertext that is out of range, shares a factor with n, or is not masked
 */
export async function patientDataSumRound(publicKey: PublicKey, ciphertexts: readonly bigint[]): Promise<bigint> {
  validateCiphertexts(publicKey, ciphertexts, 'sum_patient_data: input', { refuseUnmasked: true });
  return rerandomize(publicKey, await addCiphertexts(publicKey, ciphertexts));
}

/**
 * The sum of the hospitals' statistics under encryption, re-randomised.
 *
 * @throws TerminalError naming the input whose key, scale, count or packing is not what was asked for
 * @throws RangeError naming the ciphertext that cannot be one
 */
export async function statisticsSumRound(
  request: StatisticsRequest,
  vectors: readonly CiphertextVector[],
  options: { readonly context: string; readonly signal: AbortSignal },
): Promise<CiphertextVector> {
  const publicKey = request['paillier-pubkey'];
  if (vectors.length > request['max-hospitals']) {
    throw new TerminalError(
      `sum_statistics: expected at most ${request['max-hospitals']} hospitals ("max-hospitals"), got ${vectors.length}`,
      { code: 'TOO_MANY_SUMMANDS' },
    );
  }
  for (const [index, vector] of vectors.entries()) {
    requireAnswer(request, vector, index);
    await validateVector(publicKey, vector, `sum_statistics: input ${index}`, { refuseUnmasked: true, ...options });
  }
  return rerandomizeVector(publicKey, await addVectors(publicKey, vectors, options), options);
}

function requireAnswer(request: StatisticsRequest, vector: CiphertextVector, index: number): void {
  const mismatch = findMismatch(request, vector, 1);
  if (mismatch === undefined) return;
  throw new TerminalError(
    `sum_statistics: input ${index}: ${mismatch}; give every node of the workflow the same arguments and public key`,
    { code: 'ANSWER_MISMATCH' },
  );
}
