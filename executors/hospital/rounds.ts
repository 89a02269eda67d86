import { bitLength } from 'bigint-crypto-utils';
import type { PublicKey } from 'paillier-bigint';
import { TerminalError } from '../../colony/errors.ts';
import { type CiphertextVector, keyId, type PackingPlan, planPacking } from '../../crypto/paillier/index.ts';
import { type Decimal, normalizeDecimal, toFixedPoint } from '../../data/decimal.ts';
import type { Summary } from '../../data/summary.ts';
import { placesOf, type StatisticsRequest, valueCount } from './messages.ts';

/**
 * What a hospital computes, as functions of its private values. The results of these rounds are private until they are
 * encrypted.
 */

/**
 * Numbers of the tutorial stay this many bits below the modulus. A ciphertext that was changed on the way, or made under
 * another key, decrypts to a random residue, and so gives itself away to the reader with probability 1 − 2^-64.
 */
const HOSPITAL_MARGIN_BITS = 128n;
const SUM_MARGIN_BITS = 64n;

/**
 * The integer that the tutorial's hospital encrypts.
 *
 * @throws TerminalError `NOT_AN_INTEGER` for a number with decimals, `MAGNITUDE_EXCEEDED` for one of 2^(|n| − 128) or more
 */
export function patientDataRound(value: Decimal, publicKey: PublicKey): bigint {
  const { mantissa, decimals } = normalizeDecimal(value);
  if (decimals !== 0) {
    throw new TerminalError(
      'get_patient_data: expected the hospital to hold an integer, got a number with decimals; use get_statistics',
      { code: 'NOT_AN_INTEGER' },
    );
  }
  if (!isWithin(mantissa, publicKey.n >> HOSPITAL_MARGIN_BITS)) {
    throw new TerminalError(
      'get_patient_data: expected an integer 128 bits shorter than the modulus, got a larger one; use a larger key',
      { code: 'MAGNITUDE_EXCEEDED' },
    );
  }
  return mantissa;
}

/** Whether a decrypted sum can be one of numbers that {@link patientDataRound} let through. */
export function isPlausibleSum(sum: bigint, publicKey: PublicKey): boolean {
  return isWithin(sum, publicKey.n >> SUM_MARGIN_BITS);
}

function isWithin(value: bigint, bound: bigint): boolean {
  return value > -bound && value < bound;
}

/**
 * How the figures of a request share ciphertexts. Hospitals, cloud and reader derive the same plan from the request
 * alone, so no party can be talked into another one.
 */
export function statisticsPacking(request: StatisticsRequest): PackingPlan {
  return planPacking({
    keyBits: bitLength(request['paillier-pubkey'].n),
    magnitude: BigInt(request['max-magnitude']) << BigInt(request['scale-bits']),
    summands: request['max-hospitals'],
  });
}

/**
 * What a vector says of itself that the request does not imply, such as `expected count 3, got 6`; undefined when it is
 * an answer to the request. Whoever reads a vector asks this first: a wrong scale or packing would yield wrong figures.
 *
 * @param maximumSummands how many hospitals' figures it may hold the sum of
 */
export function findMismatch(
  request: StatisticsRequest,
  vector: CiphertextVector,
  maximumSummands: number,
): string | undefined {
  const pairs = [
    ['key', keyId(request['paillier-pubkey']), vector.keyId],
    ['scale-bits', request['scale-bits'], vector.scaleBits],
    ['count', valueCount(request), vector.count],
    ['packing', JSON.stringify(statisticsPacking(request)), JSON.stringify(vector.packing)],
  ];
  for (const [name, expected, got] of pairs) if (expected !== got) return `expected ${name} ${expected}, got ${got}`;
  if (vector.summands <= BigInt(maximumSummands)) return undefined;
  return `expected at most ${maximumSummands} summands, got ${vector.summands}`;
}

/**
 * The figures of all places as fixed-point mantissas, in the order of the vector.
 *
 * @param summaries one per place, in the order of {@link placesOf}
 * @throws TerminalError `MAGNITUDE_EXCEEDED` when a figure exceeds the request's bound: adding could then overflow
 */
export function statisticsRound(request: StatisticsRequest, summaries: readonly Summary[]): bigint[] {
  const scaleBits = request['scale-bits'];
  const bound = BigInt(request['max-magnitude']) << BigInt(scaleBits);
  const mantissas = summaries.flatMap(({ count, sum, sumOfSquares }) =>
    [{ mantissa: BigInt(count), decimals: 0 }, sum, sumOfSquares].map((figure) => toFixedPoint(figure, scaleBits)),
  );
  if (mantissas.length !== valueCount(request)) {
    throw new Error(`statisticsRound: expected ${placesOf(request).length} summaries, got ${summaries.length}`);
  }
  if (mantissas.some((mantissa) => mantissa > bound || mantissa < -bound)) throw magnitudeExceeded(request);
  return mantissas;
}

/** Which figure it was stays here: refusals are public. */
function magnitudeExceeded(request: StatisticsRequest): TerminalError {
  return new TerminalError(
    `get_statistics: expected every figure within "max-magnitude" ${request['max-magnitude']}, got a larger one; raise ` +
      '"max-magnitude" in all nodes of the workflow',
    { code: 'MAGNITUDE_EXCEEDED' },
  );
}
