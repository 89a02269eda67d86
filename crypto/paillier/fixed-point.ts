/**
 * Signed fixed point: a real number x stands as the integer mantissa round(x·2^scaleBits), and one public scale holds
 * for a whole vector. Sums keep the scale, products add the scales.
 */

const MAXIMUM_SCALE_BITS = 1024;
const MAXIMUM_DECIMAL_EXPONENT = 1100;
const MAXIMUM_DIGITS = 2000;
const DECIMAL = /^([+-]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,4}))?$/;

/**
 * The mantissa of a number: value·2^scaleBits, rounded half to even. Decimal text is taken exactly, a number as the
 * binary fraction that it is.
 *
 * @param value a finite number, or decimal text such as `-12.5` or `1e-3`
 * @param scaleBits from 0 to 1024
 * @throws RangeError for NaN, infinities, text that is no decimal number, or an impossible scale
 * @example encodeFixedPoint('0.1', 8) // 26n
 */
export function encodeFixedPoint(value: number | string, scaleBits: number): bigint {
  checkScale(scaleBits);
  const [numerator, denominator] = typeof value === 'number' ? ratioOfNumber(value) : ratioOfText(value);
  return divideHalfToEven(numerator << BigInt(scaleBits), denominator);
}

/**
 * The number nearest to mantissa / 2^scaleBits (half to even); ±Infinity beyond the range of doubles.
 *
 * @throws RangeError for an impossible scale
 */
export function decodeFixedPoint(mantissa: bigint, scaleBits: number): number {
  checkScale(scaleBits);
  const exact = mantissa >= -(2n ** 53n) && mantissa <= 2n ** 53n && scaleBits <= 900;
  return exact ? Number(mantissa) / 2 ** scaleBits : Number(formatFixedPoint(mantissa, scaleBits));
}

/**
 * mantissa / 2^scaleBits as exact decimal text, without superfluous zeros.
 *
 * @throws RangeError for an impossible scale
 * @example formatFixedPoint(-5n, 1) // '-2.5'
 */
export function formatFixedPoint(mantissa: bigint, scaleBits: number): string {
  checkScale(scaleBits);
  const sign = mantissa < 0n ? '-' : '';
  const magnitude = mantissa < 0n ? -mantissa : mantissa;
  // m / 2^s = m·5^s / 10^s: the decimal digits of m·5^s with the point s places from the right.
  const digits = (magnitude * 5n ** BigInt(scaleBits)).toString().padStart(scaleBits + 1, '0');
  const point = digits.length - scaleBits;
  const fraction = digits.slice(point).replace(/0+$/, '');
  return `${sign}${digits.slice(0, point)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** @throws RangeError when `scaleBits` is no integer from 0 to 1024 */
export function checkScale(scaleBits: number): void {
  if (Number.isInteger(scaleBits) && scaleBits >= 0 && scaleBits <= MAXIMUM_SCALE_BITS) return;
  throw new RangeError(`scaleBits: expected an integer from 0 to ${MAXIMUM_SCALE_BITS}, got ${scaleBits}`);
}

type Ratio = readonly [numerator: bigint, denominator: bigint];

function ratioOfNumber(value: number): Ratio {
  if (!Number.isFinite(value)) {
    throw new RangeError(`fixed point: expected a finite number, got ${Number.isNaN(value) ? 'NaN' : 'an infinity'}`);
  }
  // Doubling is exact, and ends because a double has at most 1074 binary places.
  let [scaled, denominator] = [value, 1n];
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    denominator *= 2n;
  }
  return [BigInt(scaled), denominator];
}

function ratioOfText(text: string): Ratio {
  const match = text.length <= MAXIMUM_DIGITS ? DECIMAL.exec(text) : null;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match ?? [];
  const exponent = Number(exponentText) - fraction.length;
  if (!match || Math.abs(exponent) > MAXIMUM_DECIMAL_EXPONENT + MAXIMUM_DIGITS) {
    throw new RangeError(`fixed point: expected decimal text such as "-12.5", got ${text.length} other characters`);
  }
  const digits = BigInt(`${whole}${fraction}`) * (sign === '-' ? -1n : 1n);
  return exponent >= 0 ? [digits * 10n ** BigInt(exponent), 1n] : [digits, 10n ** BigInt(-exponent)];
}

function divideHalfToEven(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n;
  const magnitude = negative ? -numerator : numerator;
  const quotient = magnitude / denominator;
  const twiceRest = 2n * (magnitude - quotient * denominator);
  const roundsUp = twiceRest > denominator || (twiceRest === denominator && (quotient & 1n) === 1n);
  const rounded = roundsUp ? quotient + 1n : quotient;
  return negative ? -rounded : rounded;
}
