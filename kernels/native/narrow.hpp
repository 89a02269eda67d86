// Vector arithmetic of the paths without IFMA: 32 × 32 → 64 bit multiplications, digits of 27 bits.
//
// A column is exact while it sums fewer than 2^10 digit products, each below 2^54. With D ≤ 232 digits of a root a cross
// product and its reduction take 3·D ≤ 696; the k chunks of an element and their reduction (k + 1)·D ≤ 919, because the
// chunks hold 12 288 bits and less than one root more; products of full width, 456 digits, 912. All are reached at
// 6144 bits, the longest root that a ring accepts (constants.hpp).
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace sealed {
namespace {

#ifdef __AVX512F__
struct Avx512 {
  static constexpr const char* name = "avx512";
  static constexpr int lanes = 8;
  static constexpr int digitBits = 27;
  static constexpr int block = 8;
  static constexpr bool splitsProducts = false;

  typedef uint64_t Vector __attribute__((vector_size(64), may_alias));
  // As it lies in the caller's memory: without alignment.
  typedef uint32_t StoredDigit __attribute__((aligned(1), may_alias));

  static inline __attribute__((always_inline)) Vector addLow(Vector sum, Vector a, Vector b) {
    // Not _mm512_mul_epu32: g++ 12 warns about an uninitialised operand inside it.
    return sum + (Vector)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
  }

  static constexpr bool hasSignedCarries = false;
  static inline __attribute__((always_inline)) Vector carryOf(Vector column) { return column >> digitBits; }

  static inline __attribute__((always_inline)) Vector broadcast(uint64_t digit) {
    return (Vector)_mm512_set1_epi64(static_cast<long long>(digit));
  }
};
#else
struct Avx2 {
  static constexpr const char* name = "avx2";
  static constexpr int lanes = 4;
  static constexpr int digitBits = 27;
  // 8 column sums, 4 digits of one factor and two temporaries: 14 of 16 registers.
  static constexpr int block = 4;
  static constexpr bool splitsProducts = false;

  typedef uint64_t Vector __attribute__((vector_size(32), may_alias));
  // As it lies in the caller's memory: without alignment.
  typedef uint32_t StoredDigit __attribute__((aligned(1), may_alias));

  static inline __attribute__((always_inline)) Vector addLow(Vector sum, Vector a, Vector b) {
    return sum + (Vector)_mm256_mul_epu32((__m256i)a, (__m256i)b);
  }

  static constexpr bool hasSignedCarries = false;
  static inline __attribute__((always_inline)) Vector carryOf(Vector column) { return column >> digitBits; }

  static inline __attribute__((always_inline)) Vector broadcast(uint64_t digit) {
    return (Vector)_mm256_set1_epi64x(static_cast<long long>(digit));
  }
};
#endif

}  // namespace
}  // namespace sealed
