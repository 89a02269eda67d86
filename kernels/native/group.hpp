// Moving groups of numbers, as many as there are lanes, between lanes and memory: flat buffers of big-endian numbers,
// and rows of digits as tables keep them. The IFMA path has its own way of doing it (ifma_layout.hpp).
#pragma once

#include <type_traits>

#include "digits.hpp"
#include "memory.hpp"
#ifdef __AVX512IFMA__
#include "ifma_layout.hpp"
#endif

namespace sealed {
namespace {

// The layout of paths without a special one: digit by digit.
template <class Arithmetic>
struct PlainLayout {};

#ifdef __AVX512IFMA__
template <class Arithmetic>
using LayoutOf = IfmaLayout;
constexpr bool hasFastLayout = true;
#else
template <class Arithmetic>
using LayoutOf = PlainLayout<Arithmetic>;
constexpr bool hasFastLayout = false;
#endif

// Lane l takes the row at rows[l].
template <class Arithmetic>
inline void gatherRows(typename Arithmetic::Vector* out, const typename Arithmetic::StoredDigit* const* rows,
                       int count) {
  if constexpr (hasFastLayout) {
    LayoutOf<Arithmetic>::gatherRows(out, rows, count);
  } else {
    for (int l = 0; l < Arithmetic::lanes; l += 1) {
      uint64_t* target = Digits<Arithmetic>::lane(out, l);
      for (int i = 0; i < count; i += 1) target[static_cast<size_t>(i) * Arithmetic::lanes] = rows[l][i];
    }
  }
}

// Writes every lane as a row.
template <class Arithmetic>
inline void storeRows(typename Arithmetic::StoredDigit* const* rows, const typename Arithmetic::Vector* digits,
                      int count) {
  if constexpr (hasFastLayout) {
    LayoutOf<Arithmetic>::storeRows(rows, digits, count);
  } else {
    for (int l = 0; l < Arithmetic::lanes; l += 1) Digits<Arithmetic>::storeRow(rows[l], digits, l, count);
  }
}

template <class Arithmetic>
class GroupPort {
 public:
  using Vector = typename Arithmetic::Vector;
  using D = Digits<Arithmetic>;
  static constexpr size_t lanes = Arithmetic::lanes;

  GroupPort(Arena& arena, size_t largestBytes)
      : laneBytes_(2 * largestBytes + spareBytes), padded_(arena.take<uint8_t>(lanes * laneBytes_)) {}

  static size_t bytes(size_t largestBytes) { return lanes * (2 * largestBytes + spareBytes); }

  // Numbers first … first + lanes − 1 of `count`; lanes beyond the last repeat it.
  void read(Vector* out, int digits, const uint8_t* numbers, size_t width, size_t first, size_t count) const {
    readStrided(out, digits, numbers, width, width, first, count);
  }

  // The same for numbers that begin `stride` bytes apart.
  void readStrided(Vector* out, int digits, const uint8_t* numbers, size_t width, size_t stride, size_t first,
                   size_t count) const {
    const uint8_t* ends[lanes];
    for (size_t l = 0; l < lanes; l += 1) {
      const size_t index = first + l < count ? first + l : count - 1;
      ends[l] = pad(l, numbers + index * stride, width, digits);
    }
    if constexpr (hasFastLayout) {
      LayoutOf<Arithmetic>::parse(out, ends, digits);
    } else {
      for (size_t l = 0; l < lanes; l += 1) D::parse(D::lane(out, static_cast<int>(l)), lanes, digits, ends[l]);
    }
  }

  // One number in all lanes.
  void readShared(Vector* out, int digits, const uint8_t* number, size_t width) const {
    read(out, digits, number, width, 0, 1);
  }

  // Writes the lanes that hold a number of the buffer; digits beyond `width` bytes are 0 and left out.
  void write(uint8_t* numbers, size_t width, size_t first, size_t count, const Vector* digits, int digitCount) const {
    uint8_t* ends[lanes];
    for (size_t l = 0; l < lanes; l += 1) ends[l] = padded_ + (l + 1) * laneBytes_ - tailBytes;
    if constexpr (hasFastLayout) {
      LayoutOf<Arithmetic>::format(ends, digits, digitCount);
    } else {
      for (size_t l = 0; l < lanes; l += 1) D::format(ends[l], D::lane(digits, static_cast<int>(l)), lanes, digitCount);
    }
    for (size_t l = 0; l < lanes && first + l < count; l += 1) {
      std::memcpy(numbers + (first + l) * width, ends[l] - width, width);
    }
  }

 private:
  // Digits are written in words, a little beyond a number's front, and numbers are read a little beyond it.
  static constexpr size_t spareBytes = 512;
  static constexpr size_t tailBytes = 64;

  // Copies a number to the end of a lane's buffer, with zeros in front as far as `digits` digits reach.
  const uint8_t* pad(size_t l, const uint8_t* number, size_t width, int digits) const {
    uint8_t* end = padded_ + (l + 1) * laneBytes_ - tailBytes;
    const size_t reach = static_cast<size_t>(digits) * D::digitBits / 8 + 72;
    if (reach > laneBytes_ - tailBytes || width > laneBytes_ - tailBytes) throw std::bad_alloc();
    if (reach > width) std::memset(end - reach, 0, reach - width);
    std::memcpy(end - width, number, width);
    return end;
  }

  const size_t laneBytes_;
  uint8_t* padded_;
};

// The exponents of a batch: big-endian numbers of `bytes` bytes, `stride` bytes apart (0: one exponent for all).
struct ExponentBatch {
  const uint8_t* data;
  size_t bytes;
  size_t stride;
  size_t count;

  // The same window of the exponents first … first + lanes − 1, one per lane; lanes beyond the last repeat it.
  template <class Arithmetic>
  typename Arithmetic::Vector window(size_t first, size_t bitOffset, unsigned windowBits) const {
    typename Arithmetic::Vector digits = {};
    for (size_t l = 0; l < static_cast<size_t>(Arithmetic::lanes); l += 1) {
      const size_t index = first + l < count ? first + l : count - 1;
      digits[l] = windowDigit(data + index * stride, bytes, bitOffset, windowBits);
    }
    return digits;
  }
};

}  // namespace
}  // namespace sealed
