// Vector arithmetic of the AVX-512 IFMA path: 8 numbers side by side, digits of 52 bits.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace sealed {
namespace {

struct Ifma {
  static constexpr const char* name = "ifma";
  static constexpr int lanes = 8;
  static constexpr int digitBits = 52;
  // 20 column sums and 10 digits of one factor fill 30 of the 32 registers.
  static constexpr int block = 10;
  // vpmadd52 gives the two halves of a 104-bit product apart: the upper one belongs to the next column.
  static constexpr bool splitsProducts = true;

  typedef uint64_t Vector __attribute__((vector_size(64), may_alias));
  // As it lies in the caller's memory: without alignment.
  typedef uint64_t StoredDigit __attribute__((aligned(1), may_alias));

  static inline __attribute__((always_inline)) Vector addLow(Vector sum, Vector a, Vector b) {
    return (Vector)_mm512_madd52lo_epu64((__m512i)sum, (__m512i)a, (__m512i)b);
  }

  static inline __attribute__((always_inline)) Vector addHigh(Vector sum, Vector a, Vector b) {
    return (Vector)_mm512_madd52hi_epu64((__m512i)sum, (__m512i)a, (__m512i)b);
  }

  // What a column hands to the next; columns may be negative.
  static constexpr bool hasSignedCarries = true;
  static inline __attribute__((always_inline)) Vector carryOf(Vector column) {
    return (Vector)_mm512_maskz_srai_epi64(0xff, (__m512i)column, digitBits);
  }

  static inline __attribute__((always_inline)) Vector broadcast(uint64_t digit) {
    return (Vector)_mm512_set1_epi64(static_cast<long long>(digit));
  }
};

}  // namespace
}  // namespace sealed
