// Reading and writing groups of numbers: as many as there are lanes, out of a flat buffer of big-endian numbers.
#pragma once

#include "digits.hpp"
#include "memory.hpp"

namespace sealed {
namespace {

template <class Arithmetic>
class GroupPort {
 public:
  using Vector = typename Arithmetic::Vector;
  using D = Digits<Arithmetic>;
  static constexpr size_t lanes = Arithmetic::lanes;

  GroupPort(Arena& arena, size_t largestBytes) : padded_(arena.take<uint8_t>(bytes(largestBytes))) {}

  static size_t bytes(size_t largestBytes) { return D::frontBytes + largestBytes + 64; }
  static constexpr size_t pieces = 1;

  // Numbers first … first + lanes − 1 of `count`; lanes beyond the last repeat it.
  void read(Vector* out, int digits, const uint8_t* numbers, size_t width, size_t first, size_t count) const {
    for (size_t l = 0; l < lanes; l += 1) {
      const size_t index = first + l < count ? first + l : count - 1;
      D::parse(D::lane(out, static_cast<int>(l)), lanes, digits, numbers + index * width, width, padded_);
    }
  }

  // One number in all lanes.
  void readShared(Vector* out, int digits, const uint8_t* number, size_t width) const {
    read(out, digits, number, width, 0, 1);
  }

  // Writes the lanes that hold a number of the buffer.
  void write(uint8_t* numbers, size_t width, size_t first, size_t count, const Vector* digits, int digitCount) const {
    for (size_t l = 0; l < lanes && first + l < count; l += 1) {
      D::format(numbers + (first + l) * width, width, D::lane(digits, static_cast<int>(l)), lanes, digitCount);
    }
  }

 private:
  uint8_t* padded_;
};

// The same window of the exponents of a group, one per lane.
template <class Arithmetic>
inline typename Arithmetic::Vector windowDigits(const uint8_t* exponents, size_t bytes, size_t stride, size_t first,
                                                size_t count, size_t bitOffset, unsigned windowBits) {
  typename Arithmetic::Vector digits = {};
  for (size_t l = 0; l < static_cast<size_t>(Arithmetic::lanes); l += 1) {
    const size_t index = first + l < count ? first + l : count - 1;
    digits[l] = windowDigit(exponents + index * stride, bytes, bitOffset, windowBits);
  }
  return digits;
}

}  // namespace
}  // namespace sealed
