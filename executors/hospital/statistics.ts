import { decodeFixedPoint } from '../../crypto/paillier/index.ts';
import { FIGURES, type Place } from './messages.ts';

/** Figures of one column and group over all hospitals together. */
export interface StatisticsRow extends Place {
  readonly count: number;
  readonly sum: number;
  /** Undefined without any value. */
  readonly mean: number | undefined;
  /** Population variance; undefined without any value. */
  readonly variance: number | undefined;
}

/**
 * Mean and population variance from counts, sums and sums of squares, without cancellation: exact up to the rounding of
 * the fixed-point numbers, then one division.
 *
 * @param mantissas the figures of each place in the order of {@link FIGURES}, each times 2^scaleBits
 */
export function describeFigures(
  places: readonly Place[],
  mantissas: readonly bigint[],
  scaleBits: number,
): StatisticsRow[] {
  return places.map((place, index) => {
    const start = index * FIGURES.length;
    const [count = 0n, sum = 0n, sumOfSquares = 0n] = mantissas.slice(start, start + FIGURES.length);
    return { ...place, ...describePlace(count, sum, sumOfSquares, scaleBits) };
  });
}

/**
 * Whether decrypted figures can be those of rows: counts are whole, and neither they nor sums of squares are negative. A
 * changed ciphertext rarely passes.
 */
export function arePlausibleFigures(mantissas: readonly bigint[], scaleBits: number): boolean {
  const one = 1n << BigInt(scaleBits);
  return mantissas.every((mantissa, index) => {
    const figure = FIGURES[index % FIGURES.length];
    if (figure === 'sum') return true;
    return mantissa >= 0n && (figure !== 'count' || mantissa % one === 0n);
  });
}

function describePlace(
  count: bigint,
  sum: bigint,
  sumOfSquares: bigint,
  scaleBits: number,
): Omit<StatisticsRow, keyof Place> {
  const figures = { count: decodeFixedPoint(count, scaleBits), sum: decodeFixedPoint(sum, scaleBits) };
  if (count === 0n) return { ...figures, mean: undefined, variance: undefined };
  return {
    ...figures,
    mean: ratio(sum, count),
    variance: ratio(atLeastZero(sumOfSquares * count - sum * sum), count * count),
  };
}

/** Equal values have the variance 0, which the rounding of their squares may miss on either side. */
function atLeastZero(value: bigint): bigint {
  return value < 0n ? 0n : value;
}

const SIGNIFICANT_BITS = 64;

/** The quotient of two integers as the nearest doubles allow, however long the integers are. */
function ratio(numerator: bigint, denominator: bigint): number {
  const magnitude = numerator < 0n ? -numerator : numerator;
  const missingBits = SIGNIFICANT_BITS + denominator.toString(2).length - magnitude.toString(2).length;
  const shift = BigInt(Math.max(0, missingBits));
  const quotient = Number((magnitude << shift) / denominator) / 2 ** Number(shift);
  return numerator < 0n ? -quotient : quotient;
}
