// Bytes to digits and back. The widths are public; the values may be secret, so nothing branches on them.

import { digitBits } from './shape';
import { VECTOR } from './vector';

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

/**
 * Writes the number as `count` balanced digits, |digit| ≤ 2^(b-1), into one lane; it must fit without a last carry. A digit
 * of at least half the radix becomes negative and adds 1 to the next, which that never pushes out of its own range.
 */
export function loadNumber(to: usize, lane: i32, source: usize, length: i32, count: i32): void {
  const bits = digitBits, mask: u32 = (<u32>1 << bits) - 1, half: u32 = <u32>1 << (bits - 1);
  let word: u64 = 0, filled = 0, carry: u32 = 0;
  let from = source + <usize>length;
  to += <usize>lane << 3;
  for (let i = 0; i < count; i++, to += VECTOR) {
    if (filled < bits) {
      // Four more bytes, or what is left of the number: its length is public.
      if (from >= source + 4) {
        from -= 4;
        word |= <u64>bswap<u32>(load<u32>(from)) << <u64>filled;
      } else {
        for (let shift = filled; from > source; shift += 8) word |= <u64>load<u8>(--from) << <u64>shift;
      }
      filled += 32;
    }
    const digit = <u32>word & mask, next = (digit + half) >> bits;
    store<f64>(to, <f64>(<i32>(digit + carry) - <i32>(next << bits)));
    carry = next;
    word >>= bits;
    filled -= bits;
  }
}

/** Writes one lane's digits, integers in [0, 2^b), as a big-endian number of `length` bytes; higher digits must be zero. */
export function storeNumber(to: usize, length: i32, from: usize, lane: i32, count: i32): void {
  const bits = digitBits;
  let word: u64 = 0, filled = 0, end = to + <usize>length;
  from += <usize>lane << 3;
  for (let i = 0; i < count; i++, from += VECTOR) {
    word |= load<u64>(from) << <u64>filled;
    filled += bits;
    if (filled >= 32 && end >= to + 4) {
      end -= 4;
      store<u32>(end, bswap<u32>(<u32>word));
      word >>= 32;
      filled -= 32;
    } else if (<usize>filled >= (end - to) << 3) {
      break;
    }
  }
  for (; end > to; word >>= 8) store<u8>(--end, <u8>word);
}
