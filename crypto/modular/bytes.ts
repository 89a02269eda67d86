/**
 * Unsigned integers as big-endian bytes of fixed width: the form in which numbers cross every boundary of `crypto/`.
 */

/** Reads an unsigned big-endian number; empty bytes are 0. Views on a SharedArrayBuffer are fine. */
export function bytesToBigInt(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt(`0x${bufferView(bytes).toString('hex')}`);
}

/**
 * Writes `value` big-endian over the whole of `out`, zeros in front.
 *
 * @throws RangeError when the value is negative or does not fit
 */
export function writeBigInt(out: Uint8Array, value: bigint): void {
  const digits = value.toString(16);
  if (value < 0n || digits.length > out.length * 2) {
    throw new RangeError(`writeBigInt: expected a number in [0, 256^${out.length}), got one outside`);
  }
  bufferView(out).write(digits.padStart(out.length * 2, '0'), 'hex');
}

/** `value` as `width` big-endian bytes. @throws RangeError when the value is negative or does not fit */
export function bigIntToBytes(value: bigint, width: number): Uint8Array {
  const out = new Uint8Array(width);
  writeBigInt(out, value);
  return out;
}

/** Number of bits of a non-negative integer; 0 for 0. */
export function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  const digits = value.toString(16);
  return (digits.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(digits.charAt(0), 16)));
}

/** Number of bytes of a non-negative integer; 0 for 0. */
export function byteLength(value: bigint): number {
  return Math.ceil(bitLength(value) / 8);
}

/** The i-th number of a flat buffer of numbers `width` bytes wide, without copying. */
export function elementAt(buffer: Uint8Array, index: number, width: number): Uint8Array {
  return buffer.subarray(index * width, (index + 1) * width);
}

/** Reads a flat buffer of numbers `width` bytes wide. */
export function toBigInts(buffer: Uint8Array, width: number): bigint[] {
  return Array.from({ length: buffer.length / width }, (_, index) => bytesToBigInt(elementAt(buffer, index, width)));
}

/** Lays numbers out in one flat buffer, `width` bytes each. @throws RangeError when one is negative or does not fit */
export function fromBigInts(values: readonly bigint[], width: number): Uint8Array {
  const out = new Uint8Array(values.length * width);
  for (const [index, value] of values.entries()) writeBigInt(elementAt(out, index, width), value);
  return out;
}

/** `windowBits` (at most 16) bits of a big-endian number, starting `bitOffset` bits above its lowest bit. */
export function windowDigit(bytes: Uint8Array, bitOffset: number, windowBits: number): number {
  const last = bytes.length - 1 - (bitOffset >> 3);
  const low = (bytes[last] ?? 0) | ((bytes[last - 1] ?? 0) << 8) | ((bytes[last - 2] ?? 0) << 16);
  return (low >>> (bitOffset & 7)) & ((1 << windowBits) - 1);
}

function bufferView(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
