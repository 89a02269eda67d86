/**
 * Arithmetic modulo 2^bits on many integers at once: big-endian numbers of one width, one after another in a flat buffer.
 * Times do not depend on the values.
 */

/** target += source, number by number, modulo 256^width. */
export function addIntegers(target: Uint8Array, source: Uint8Array, width: number): void {
  for (let start = 0; start < target.length; start += width) {
    let carry = 0;
    for (let place = start + width - 1; place >= start; place -= 1) {
      const sum = (target[place] ?? 0) + (source[place] ?? 0) + carry;
      target[place] = sum;
      carry = sum >>> 8;
    }
  }
}

/** target = −target, number by number, modulo 256^width. */
export function negateIntegers(target: Uint8Array, width: number): void {
  for (let start = 0; start < target.length; start += width) {
    let carry = 1;
    for (let place = start + width - 1; place >= start; place -= 1) {
      const sum = ((target[place] ?? 0) ^ 0xff) + carry;
      target[place] = sum;
      carry = sum >>> 8;
    }
  }
}

/** Cuts every number to its lowest `bits` bits; `width` is ⌈bits / 8⌉. */
export function truncateIntegers(target: Uint8Array, width: number, bits: number): void {
  const mask = topMask(width, bits);
  for (let start = 0; start < target.length; start += width) target[start] = (target[start] ?? 0) & mask;
}

/** Whether every number is below 2^bits; `width` is ⌈bits / 8⌉. */
export function areReduced(integers: Uint8Array, width: number, bits: number): boolean {
  const excess = ~topMask(width, bits) & 0xff;
  let found = 0;
  for (let start = 0; start < integers.length; start += width) found |= (integers[start] ?? 0) & excess;
  return found === 0;
}

function topMask(width: number, bits: number): number {
  return 0xff >> (8 * width - bits);
}

/** Mantissas (whole doubles of any magnitude) as integers modulo 256^width. */
export function integersOf(mantissas: Float64Array, width: number): Uint8Array {
  const out = new Uint8Array(mantissas.length * width);
  for (const [index, mantissa] of mantissas.entries()) {
    let rest = mantissa;
    for (let end = (index + 1) * width; end > index * width; end -= 3) {
      const high = Math.floor(rest / 2 ** 24);
      const digit = rest - high * 2 ** 24;
      for (let byte = 0; byte < 3 && end - byte > index * width; byte += 1) out[end - 1 - byte] = digit >>> (8 * byte);
      rest = high;
    }
  }
  return out;
}

/** Bits of a piece of an integer, and of a mantissa: 2^11 products of two pieces are exact in a double. */
const [INTEGER_PIECE_BITS, MANTISSA_PIECE_BITS] = [16, 26];
const PRODUCTS_AT_ONCE = 2 ** 10;

/**
 * Σ_i mantissas[i]·integers[i], exact.
 *
 * @param mantissas whole numbers below 2^52 in magnitude
 * @param integers as many unsigned numbers of `width` bytes
 */
export function dotIntegers(mantissas: Float64Array, integers: Uint8Array, width: number): bigint {
  const pieces = Math.ceil(width / 2);
  let total = 0n;
  for (let from = 0; from < mantissas.length; from += PRODUCTS_AT_ONCE) {
    const some = mantissas.subarray(from, from + PRODUCTS_AT_ONCE);
    const part = integers.subarray(from * width, (from + some.length) * width);
    const [low, high] = [new Float64Array(pieces), new Float64Array(pieces)];
    for (const [row, mantissa] of some.entries()) {
      const upper = Math.floor(mantissa / 2 ** MANTISSA_PIECE_BITS);
      const lower = mantissa - upper * 2 ** MANTISSA_PIECE_BITS;
      addPieces(low, high, lower, upper, part, (row + 1) * width, width);
    }
    total += gatherPieces(low) + (gatherPieces(high) << BigInt(MANTISSA_PIECE_BITS));
  }
  return total;
}

function addPieces(
  low: Float64Array,
  high: Float64Array,
  lower: number,
  upper: number,
  integers: Uint8Array,
  end: number,
  width: number,
): void {
  for (let piece = 0; piece < low.length; piece += 1) {
    const last = end - 1 - 2 * piece;
    const digit = (integers[last] ?? 0) + (2 * piece + 1 < width ? (integers[last - 1] ?? 0) * 256 : 0);
    low[piece] = (low[piece] ?? 0) + lower * digit;
    high[piece] = (high[piece] ?? 0) + upper * digit;
  }
}

function gatherPieces(pieces: Float64Array): bigint {
  return pieces.reduce((sum, value, piece) => sum + (BigInt(value) << BigInt(INTEGER_PIECE_BITS * piece)), 0n);
}
