// Numbers as vertical digits (one number per lane): reading and writing bytes and table rows, carrying, comparing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernel.hpp"

namespace sealed {
namespace {

// `windowBits` (at most 16) bits of a big-endian number, starting `bitOffset` bits above its lowest bit; bits beyond
// the number are 0. Which bytes are read depends on the offset only.
inline unsigned windowDigit(const uint8_t* number, size_t bytes, size_t bitOffset, unsigned windowBits) {
  unsigned bits = 0;
  for (size_t i = 0; i < 3; i += 1) {
    const size_t fromEnd = bitOffset / 8 + i;
    if (fromEnd < bytes) bits |= static_cast<unsigned>(number[bytes - 1 - fromEnd]) << (8 * i);
  }
  return (bits >> (bitOffset % 8)) & ((1u << windowBits) - 1);
}

template <class Arithmetic>
struct Digits {
  using Vector = typename Arithmetic::Vector;
  using StoredDigit = typename Arithmetic::StoredDigit;
  static constexpr int lanes = Arithmetic::lanes;
  static constexpr int digitBits = Arithmetic::digitBits;
  static constexpr uint64_t digitMask = (uint64_t{1} << digitBits) - 1;

  static inline uint64_t* lane(Vector* digits, int lane) { return reinterpret_cast<uint64_t*>(digits) + lane; }
  static inline const uint64_t* lane(const Vector* digits, int lane) {
    return reinterpret_cast<const uint64_t*>(digits) + lane;
  }

  // Digits, at stride `stride`, of the big-endian number that ends at `end`. Beyond what the digits cover, 8 more bytes
  // in front are readable.
  static inline void parse(uint64_t* digits, size_t stride, int count, const uint8_t* end) {
    for (int i = 0; i < count; i += 1) {
      const size_t bit = static_cast<size_t>(i) * digitBits;
      uint64_t word = 0;
      std::memcpy(&word, end - bit / 8 - 8, 8);
      digits[i * stride] = __builtin_bswap64(word) >> (bit % 8) & digitMask;
    }
  }

  // Writes digits as the big-endian number that ends at `end`, in whole words of 8 bytes.
  static inline void format(uint8_t* end, const uint64_t* digits, size_t stride, int count) {
    unsigned __int128 pending = 0;
    int pendingBits = 0;
    for (int i = 0; i < count; i += 1) {
      pending |= static_cast<unsigned __int128>(digits[i * stride]) << pendingBits;
      pendingBits += digitBits;
      if (pendingBits < 64 && i + 1 < count) continue;
      const uint64_t word = __builtin_bswap64(static_cast<uint64_t>(pending));
      end -= 8;
      std::memcpy(end, &word, 8);
      pending >>= 64;
      pendingBits -= 64;
    }
    const uint64_t word = __builtin_bswap64(static_cast<uint64_t>(pending));
    std::memcpy(end - 8, &word, 8);
  }

  // Carries lazy columns or sums of normal digits into normal digits; the number must fit `count` digits.
  static inline void normalise(Vector* digits, int count) {
    Vector carry = {};
    for (int i = 0; i < count; i += 1) {
      const Vector column = digits[i] + carry;
      digits[i] = column & digitMask;
      carry = column >> digitBits;
    }
  }

  // All ones in the lanes where value ≥ bound, else 0. `difference` receives value − bound modulo 2^(digitBits·count).
  static inline Vector subtract(Vector* difference, const Vector* value, const Vector* bound, int count) {
    Vector borrow = {};
    for (int i = 0; i < count; i += 1) {
      const Vector digit = value[i] - bound[i] - borrow;
      difference[i] = digit & digitMask;
      borrow = digit >> 63;
    }
    return borrow - 1;
  }

  // value −= bound in the lanes where value ≥ bound, without branching; returns all ones in those lanes.
  static inline Vector subtractOnce(Vector* value, const Vector* bound, int count, Vector* difference) {
    const Vector subtracted = subtract(difference, value, bound, count);
    for (int i = 0; i < count; i += 1) value[i] = (difference[i] & subtracted) | (value[i] & ~subtracted);
    return subtracted;
  }

  // One number in all lanes.
  static inline void spread(Vector* out, const uint64_t* digits, int count) {
    for (int i = 0; i < count; i += 1) out[i] = Arithmetic::broadcast(digits[i]);
  }

  // out = entries[index] with each lane's own index; every entry is read whole.
  static inline void select(Vector* out, const Vector* entries, int entryCount, int count, Vector index) {
    const size_t stride = static_cast<size_t>(count);
    selectFrom(out, entryCount, count, index, [&](size_t entry, size_t i) { return entries[entry * stride + i]; });
  }

  // The same from rows of one number each, digit after digit, as tables keep them.
  static inline void selectRow(Vector* out, const StoredDigit* rows, int entryCount, int count, Vector index) {
    const size_t stride = static_cast<size_t>(count);
    selectFrom(out, entryCount, count, index,
               [&](size_t entry, size_t i) { return Arithmetic::broadcast(rows[entry * stride + i]); });
  }

  // Writes the number in one lane as a row.
  static inline void storeRow(StoredDigit* row, const Vector* digits, int l, int count) {
    const uint64_t* source = lane(digits, l);
    for (int i = 0; i < count; i += 1) row[i] = static_cast<StoredDigit>(source[static_cast<size_t>(i) * lanes]);
  }

 private:
  // A block of digits of the result stays in registers while all entries pass by.
  template <class DigitAt>
  static inline void selectFrom(Vector* out, int entryCount, int count, Vector index, DigitAt digitAt) {
    constexpr int block = Arithmetic::block;
    for (int first = 0; first < count; first += block) {
      Vector chosenDigits[block] = {};
      for (int entry = 0; entry < entryCount; entry += 1) {
        const Vector chosen = (Vector)(index == Arithmetic::broadcast(static_cast<uint64_t>(entry)));
        for (int i = 0; i < block; i += 1) {
          chosenDigits[i] |= digitAt(static_cast<size_t>(entry), static_cast<size_t>(first + i)) & chosen;
        }
      }
      for (int i = 0; i < block; i += 1) out[first + i] = chosenDigits[i];
    }
  }
};

}  // namespace
}  // namespace sealed
