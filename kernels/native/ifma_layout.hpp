// How the IFMA path moves numbers between memory and lanes: 8 × 8 transpositions of digits, and byte permutations
// that cut 52 big-endian bytes into 8 digits of 52 bits or put them together again.
#pragma once

#include "ifma.hpp"

namespace sealed {
namespace {

struct IfmaLayout {
  using Vector = Ifma::Vector;
  using StoredDigit = Ifma::StoredDigit;

  static constexpr int tileDigits = 8;
  static constexpr int tileBytes = 52;

  // Turns 8 rows of 8 digits into 8 columns.
  static inline __attribute__((always_inline)) void transpose(__m512i (&v)[8]) {
    __m512i pairs[8];
    for (int i = 0; i < 8; i += 2) {
      pairs[i] = _mm512_maskz_unpacklo_epi64(0xff, v[i], v[i + 1]);
      pairs[i + 1] = _mm512_maskz_unpackhi_epi64(0xff, v[i], v[i + 1]);
    }
    for (int odd = 0; odd < 2; odd += 1) {
      const __m512i lowerEven = shuffle<0x88>(pairs[odd], pairs[2 + odd]);
      const __m512i lowerOdd = shuffle<0xdd>(pairs[odd], pairs[2 + odd]);
      const __m512i upperEven = shuffle<0x88>(pairs[4 + odd], pairs[6 + odd]);
      const __m512i upperOdd = shuffle<0xdd>(pairs[4 + odd], pairs[6 + odd]);
      v[odd] = shuffle<0x88>(lowerEven, upperEven);
      v[2 + odd] = shuffle<0x88>(lowerOdd, upperOdd);
      v[4 + odd] = shuffle<0xdd>(lowerEven, upperEven);
      v[6 + odd] = shuffle<0xdd>(lowerOdd, upperOdd);
    }
  }

  // Lane l takes the row at rows[l]; `count` is even and at least 8. The last tile may overlap the one before.
  static inline void gatherRows(Vector* out, const StoredDigit* const* rows, int count) {
    for (int tile = 0; tile < count; tile += tileDigits) {
      const int first = firstDigit(tile, count);
      __m512i v[8];
      for (int l = 0; l < 8; l += 1) v[l] = _mm512_loadu_si512(rows[l] + first);
      transpose(v);
      for (int i = 0; i < 8; i += 1) out[first + i] = (Vector)v[i];
    }
  }

  static inline void storeRows(StoredDigit* const* rows, const Vector* digits, int count) {
    for (int tile = 0; tile < count; tile += tileDigits) {
      const int first = firstDigit(tile, count);
      __m512i v[8];
      for (int i = 0; i < 8; i += 1) v[i] = (__m512i)digits[first + i];
      transpose(v);
      for (int l = 0; l < 8; l += 1) _mm512_storeu_si512(rows[l] + first, v[l]);
    }
  }

  // Lane l takes the big-endian number that ends at ends[l]; 64 + 6.5·count bytes before each end are readable.
  static inline void parse(Vector* out, const uint8_t* const* ends, int count) {
    const __m512i order = _mm512_loadu_si512(parseOrder().index);
    const __m512i shifts = _mm512_set_epi64(4, 0, 4, 0, 4, 0, 4, 0);
    const __m512i mask = _mm512_set1_epi64((1LL << Ifma::digitBits) - 1);
    for (int tile = 0; tile < count; tile += tileDigits) {
      const int first = firstDigit(tile, count);
      __m512i v[8];
      for (int l = 0; l < 8; l += 1) {
        const __m512i bytes = _mm512_loadu_si512(ends[l] - first * tileBytes / tileDigits - 64);
        const __m512i words = _mm512_maskz_permutexvar_epi8(~0ULL, order, bytes);
        v[l] = _mm512_and_si512(_mm512_maskz_srlv_epi64(0xff, words, shifts), mask);
      }
      transpose(v);
      for (int i = 0; i < 8; i += 1) out[first + i] = (Vector)v[i];
    }
  }

  // Writes lane l as 6.5·count big-endian bytes that end at ends[l].
  static inline void format(uint8_t* const* ends, const Vector* digits, int count) {
    const __m512i order = _mm512_loadu_si512(formatOrder().index);
    for (int tile = 0; tile < count; tile += tileDigits) {
      const int first = firstDigit(tile, count);
      __m512i v[8];
      for (int i = 0; i < 8; i += 1) v[i] = (__m512i)digits[first + i];
      transpose(v);
      for (int l = 0; l < 8; l += 1) {
        const __m512i bytes = _mm512_maskz_permutexvar_epi8(~0ULL, order, joinPairs(v[l]));
        _mm512_mask_storeu_epi8(ends[l] - first * tileBytes / tileDigits - tileBytes, (1ULL << tileBytes) - 1, bytes);
      }
    }
  }

  // out[i] = columns[i][index] for `count` columns of 2^windowBits digits, 3 ≤ windowBits ≤ 6, with each lane's own
  // index. Every digit of every column is read; the choice is made between registers.
  template <int windowBits>
  static inline void selectColumns(Vector* out, const StoredDigit* columns, int count, Vector index) {
    constexpr int registers = 1 << (windowBits - 3);
    const __m512i low = (__m512i)index;
    for (int i = 0; i < count; i += 1, columns += 1 << windowBits) {
      __m512i v[registers];
      for (int r = 0; r < registers; r += 1) v[r] = _mm512_loadu_si512(columns + 8 * r);
      out[i] = (Vector)chooseOf<registers>(v, low);
    }
  }

 private:
  struct ByteOrder {
    uint8_t index[64];
  };

  template <int control>
  static inline __attribute__((always_inline)) __m512i shuffle(__m512i a, __m512i b) {
    return _mm512_maskz_shuffle_i64x2(0xff, a, b, control);
  }

  static inline int firstDigit(int tile, int count) {
    return tile + tileDigits <= count ? tile : count - tileDigits;
  }

  // Byte j of digit i of a tile, out of 64 bytes whose last is the least significant: digit i begins at bit 52·i.
  static constexpr ByteOrder parseOrder() {
    ByteOrder order = {};
    for (int i = 0; i < 8; i += 1) {
      for (int j = 0; j < 8; j += 1) order.index[8 * i + j] = static_cast<uint8_t>(63 - (52 * i / 8 + j));
    }
    return order;
  }

  // Most significant byte first, out of four stretches of 13 bytes that stand 16 bytes apart.
  static constexpr ByteOrder formatOrder() {
    ByteOrder order = {};
    for (int k = 0; k < tileBytes; k += 1) {
      const int fromEnd = tileBytes - 1 - k;
      order.index[k] = static_cast<uint8_t>(fromEnd / 13 * 16 + fromEnd % 13);
    }
    return order;
  }

  // Two neighbouring digits of 52 bits as one number of 104.
  static inline __m512i joinPairs(__m512i digits) {
    const __m512i swapped = _mm512_maskz_shuffle_epi32(0xffff, digits, _MM_PERM_BADC);
    const __m512i lower = _mm512_or_si512(digits, _mm512_maskz_slli_epi64(0xff, swapped, 52));
    return _mm512_mask_srli_epi64(lower, 0xaa, digits, 12);
  }

  // Entry `index` of 8·registers entries: bits 0 to 3 of the index choose within pairs of registers, the others
  // between the pairs.
  template <int registers>
  static inline __attribute__((always_inline)) __m512i chooseOf(const __m512i (&v)[registers], __m512i index) {
    if constexpr (registers == 1) {
      return _mm512_maskz_permutexvar_epi64(0xff, index, v[0]);
    } else if constexpr (registers == 2) {
      return _mm512_permutex2var_epi64(v[0], index, v[1]);
    } else {
      constexpr int half = registers / 2;
      __m512i lower[half];
      __m512i upper[half];
      for (int r = 0; r < half; r += 1) {
        lower[r] = v[r];
        upper[r] = v[half + r];
      }
      const __mmask8 chosen = _mm512_test_epi64_mask(index, _mm512_set1_epi64(8 * half));
      return _mm512_mask_mov_epi64(chooseOf<half>(lower, index), chosen, chooseOf<half>(upper, index));
    }
  }
};

}  // namespace
}  // namespace sealed
