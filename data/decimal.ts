/**
 * An exact decimal number: mantissa · 10^-decimals.
 *
 * Sums of patient data are computed with these instead of floats, so that they do not depend on the order of the rows
 * and 2.3 stays 2.3.
 */
export interface Decimal {
  readonly mantissa: bigint;
  /** Digits after the decimal point, ≥ 0. */
  readonly decimals: number;
}

/** Zero. */
export const ZERO: Decimal = { mantissa: 0n, decimals: 0 };

// An IEEE double needs at most 767 significant digits and exponents within ±324; more than that in a cell is an attack
// on our memory ("1e999999999"), not a measurement.
const MAX_TEXT_LENGTH = 1100;
const MAX_EXPONENT = 400;

const DECIMAL = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d{1,4}))?$/;

/**
 * Reads a decimal number such as `-2.30`, `.5` or `1e-3`, exactly.
 *
 * @param text decimal text; blanks around it are ignored; at most 1100 characters, exponent within ±400
 * @returns the number without superfluous decimals (`2.30` has one), or undefined when `text` is not such a number:
 *   NaN, infinities, hexadecimal, digit separators and decimal commas are not
 */
export function tryParseDecimal(text: string): Decimal | undefined {
  if (text.length > MAX_TEXT_LENGTH) return undefined;
  const match = DECIMAL.exec(text.trim());
  if (!match) return undefined;
  const [, sign, whole = '', fractionAfterWhole = '', bareFraction = '', exponentText = '0'] = match;
  const fraction = fractionAfterWhole + bareFraction;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > MAX_EXPONENT) return undefined;
  const magnitude = BigInt(whole + fraction);
  return fromScientific(sign === '-' ? -magnitude : magnitude, exponent - fraction.length);
}

/**
 * Reads a decimal number, see {@link tryParseDecimal}.
 *
 * @throws RangeError when `text` is not a decimal number; the message holds only its length
 */
export function parseDecimal(text: string): Decimal {
  const decimal = tryParseDecimal(text);
  if (!decimal) throw new RangeError(`parseDecimal: expected a decimal number, got ${text.length} characters of text`);
  return decimal;
}

/** Adds exactly. */
export function addDecimals(left: Decimal, right: Decimal): Decimal {
  if (left.decimals === right.decimals) {
    return { mantissa: left.mantissa + right.mantissa, decimals: left.decimals };
  }
  const decimals = Math.max(left.decimals, right.decimals);
  return { mantissa: mantissaAt(left, decimals) + mantissaAt(right, decimals), decimals };
}

/** Multiplies exactly. */
export function multiplyDecimals(left: Decimal, right: Decimal): Decimal {
  return { mantissa: left.mantissa * right.mantissa, decimals: left.decimals + right.decimals };
}

/** Removes decimals that are zero: equal numbers become equal objects. */
export function normalizeDecimal({ mantissa, decimals }: Decimal): Decimal {
  let shortened = mantissa;
  let remaining = decimals;
  while (remaining > 0 && shortened % 10n === 0n) {
    shortened /= 10n;
    remaining -= 1;
  }
  return { mantissa: shortened, decimals: remaining };
}

/**
 * Writes plain decimal text, without exponent and superfluous decimals.
 *
 * @example formatDecimal({ mantissa: -2050n, decimals: 3 }) // '-2.05'
 */
export function formatDecimal(decimal: Decimal): string {
  const { mantissa, decimals } = normalizeDecimal(decimal);
  if (decimals === 0) return mantissa.toString();
  const digits = (mantissa < 0n ? -mantissa : mantissa).toString().padStart(decimals + 1, '0');
  return `${mantissa < 0n ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/**
 * The binary fixed-point mantissa of a decimal: decimal · 2^scaleBits, rounded half to even.
 *
 * @param scaleBits bits after the binary point, an integer in [0, 4096]
 * @throws RangeError when `scaleBits` is out of range
 * @example toFixedPoint(parseDecimal('2.5'), 0) // 2n
 */
export function toFixedPoint(decimal: Decimal, scaleBits: number): bigint {
  if (!Number.isInteger(scaleBits) || scaleBits < 0 || scaleBits > 4096) {
    throw new RangeError(`toFixedPoint: expected scaleBits to be an integer in [0, 4096], got ${scaleBits}`);
  }
  return divideHalfToEven(decimal.mantissa << BigInt(scaleBits), powerOfTen(decimal.decimals));
}

function fromScientific(mantissa: bigint, exponent: number): Decimal {
  if (exponent >= 0) return { mantissa: mantissa * powerOfTen(exponent), decimals: 0 };
  return normalizeDecimal({ mantissa, decimals: -exponent });
}

function mantissaAt(decimal: Decimal, decimals: number): bigint {
  return decimal.mantissa * powerOfTen(decimals - decimal.decimals);
}

function divideHalfToEven(dividend: bigint, divisor: bigint): bigint {
  const magnitude = dividend < 0n ? -dividend : dividend;
  const quotient = magnitude / divisor;
  const twiceRemainder = 2n * (magnitude % divisor);
  const roundsUp = twiceRemainder > divisor || (twiceRemainder === divisor && quotient % 2n === 1n);
  const rounded = roundsUp ? quotient + 1n : quotient;
  return dividend < 0n ? -rounded : rounded;
}

const SMALL_POWERS = Array.from({ length: 40 }, (_, exponent) => 10n ** BigInt(exponent));

function powerOfTen(exponent: number): bigint {
  return SMALL_POWERS[exponent] ?? 10n ** BigInt(exponent);
}
