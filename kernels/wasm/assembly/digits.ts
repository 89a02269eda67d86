// Bytes to digits and back. The widths are public; the values may be secret, so nothing branches on them.

import { digitBits } from './shape';

/** `count` ≤ 25 bits from bit `bit` on of the big-endian number of `length` bytes at `source`; zeros beyond its end. */
export function bitsAt(source: usize, length: i32, bit: i32, count: i32): u32 {
  const byte = bit >> 3;
  let word: u32 = 0;
  if (byte + 4 <= length) {
    word = bswap<u32>(load<u32>(source + <usize>(length - 4 - byte)));
  } else {
    for (let i = byte; i < length; i++) word |= <u32>load<u8>(source + <usize>(length - 1 - i)) << (<u32>(i - byte) << 3);
  }
  return (word >> (<u32>bit & 7)) & ((<u32>1 << <u32>count) - 1);
}

/** Writes the number as `count` balanced digits, |digit| ≤ 2^(b-1), into one lane; it must fit without a last carry. */
export function loadNumber(to: usize, lane: i32, source: usize, length: i32, count: i32): void {
  const bits = digitBits, half: i32 = 1 << (bits - 1);
  let carry: i32 = 0;
  to += <usize>lane << 3;
  for (let i = 0; i < count; i++, to += 16) {
    const digit = <i32>bitsAt(source, length, i * bits, bits) + carry;
    carry = (digit + half) >> bits;
    store<f64>(to, <f64>(digit - (carry << bits)));
  }
}

/** Writes one lane's digits, all in [0, 2^b), as a big-endian number of `length` bytes; higher digits must be zero. */
export function storeNumber(to: usize, length: i32, from: usize, lane: i32, count: i32): void {
  const bits = digitBits;
  let word: u64 = 0, filled = 0, end = to + <usize>length;
  from += <usize>lane << 3;
  for (let i = 0; i < count && end > to; i++, from += 16) {
    word |= <u64>load<f64>(from) << <u64>filled;
    for (filled += bits; filled >= 8 && end > to; filled -= 8, word >>= 8) store<u8>(--end, <u8>word);
  }
  for (; end > to; word >>= 8) store<u8>(--end, <u8>word);
}
