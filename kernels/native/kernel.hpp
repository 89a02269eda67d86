// Long multiplication, squaring and Montgomery reduction of several numbers side by side.
//
// A number is L digits, least significant first; digit i of all numbers of a group lies in one vector, one number per
// lane. L is a multiple of Arithmetic::block, and the work is cut into tiles of block × block digit products whose
// column sums stay in registers (product scanning over tiles). Column sums are "lazy": 64-bit sums of digit products
// that carry only when a reduction reads them. Nothing here branches or addresses memory depending on a digit.
#pragma once

#include <cstdint>
#include <utility>

namespace sealed {
namespace {

#define SEALED_INLINE static inline __attribute__((always_inline))
// Kernels are compiled once each: inlined into one another they would compete for registers.
#define SEALED_KERNEL static __attribute__((noinline))

template <class Arithmetic>
struct Kernel {
  using Vector = typename Arithmetic::Vector;
  static constexpr int block = Arithmetic::block;
  static constexpr int digitBits = Arithmetic::digitBits;
  static constexpr uint64_t digitMask = (uint64_t{1} << digitBits) - 1;

  // Sums of one block of columns and of the block above it.
  using Columns = Vector[2 * block];
  using Indices = std::make_integer_sequence<int, block>;

  // An odd modulus of `digits` digits, for Montgomery reduction with radix R = 2^(digitBits · digits).
  struct Modulus {
    int digits;
    const uint64_t* compact;  // one number, digit after digit
    const Vector* vertical;   // the same in every lane
    Vector negativeInverse;   // −modulus⁻¹ mod 2^digitBits
  };

  // T[2L] = `times` · Σ left[i] · right[i] over `terms` pairs of factors, as lazy columns; `times` is 1 or 2.
  template <int times = 1>
  SEALED_KERNEL void multiplySum(Vector* T, const Vector* const* left, const Vector* const* right, int terms, int L) {
    const int blocks = L / block;
    Columns c;
    clear(c, Indices{});
    for (int column = 0; column < 2 * blocks - 1; column += 1) {
      const int first = column < blocks ? 0 : column - blocks + 1;
      const int last = column < blocks ? column : blocks - 1;
      for (int term = 0; term < terms; term += 1) {
        for (int i = first; i <= last; i += 1) {
          multiplyTile(c, left[term] + block * i, right[term] + block * (column - i), Indices{});
        }
      }
      store<times>(T + block * column, c, Indices{});
      shift(c, Indices{});
    }
    store<times>(T + block * (2 * blocks - 1), c, Indices{});
  }

  // T[2L] = left · right, as lazy columns.
  static inline void multiply(Vector* T, const Vector* left, const Vector* right, int L) {
    multiplySum(T, &left, &right, 1, L);
  }

  // T[2L] = 2 · left · right, as lazy columns.
  static inline void multiplyTwice(Vector* T, const Vector* left, const Vector* right, int L) {
    multiplySum<2>(T, &left, &right, 1, L);
  }

  // T[2L] = a², as lazy columns: products of different digits once and doubled, then the squares of the digits.
  SEALED_KERNEL void square(Vector* T, const Vector* a, int L) {
    const int blocks = L / block;
    Columns c;
    clear(c, Indices{});
    for (int column = 0; column < 2 * blocks; column += 1) {
      for (int i = column < blocks ? 0 : column - blocks + 1; i < column - i; i += 1) {
        multiplyTile(c, a + block * i, a + block * (column - i), Indices{});
      }
      if (column % 2 == 0) multiplyTriangle(c, a + block * (column / 2), Indices{});
      addDigitSquares(c, a + block / 2 * column, std::make_integer_sequence<int, block / 2>{});
      store<1>(T + block * column, c, Indices{});
      shift(c, Indices{});
    }
  }

  // Montgomery reduction of lazy columns T[2L]: q = T·(−modulus⁻¹) mod R and t = (T + q·modulus) / R, both with normal
  // digits. t < T/R + modulus; returns what it carries beyond R, 0 where that stays below R. `t` may be the lower half
  // of T.
  static inline Vector reduce(Vector* t, Vector* q, const Vector* T, const Modulus& modulus) {
    return reduceColumns<false>(t, q, T, nullptr, modulus);
  }

  // The same for T − q + offset, where q is the quotient of another reduction and the lower digits of `offset` are at
  // least those of q; q is replaced.
  static inline void reduceLessQuotient(Vector* t, Vector* q, const Vector* T, const Vector* offset,
                                        const Modulus& modulus) {
    reduceColumns<true>(t, q, T, offset, modulus);
  }

 private:
  template <bool lessQuotient>
  SEALED_KERNEL Vector reduceColumns(Vector* t, Vector* q, const Vector* T, const Vector* offset,
                                   const Modulus& modulus) {
    const int blocks = modulus.digits / block;
    const uint64_t* n = modulus.compact;
    Columns c;
    clear(c, Indices{});
    for (int column = 0; column < blocks; column += 1) {
      add(c, T + block * column, Indices{});
      if constexpr (lessQuotient) addDifference(c, offset + block * column, q + block * column, Indices{});
      for (int i = 0; i < column; i += 1) multiplyCompactTile(c, q + block * i, n + block * (column - i), Indices{});
      cancelBlock(c, q + block * column, n, modulus.negativeInverse, Indices{});
      shift(c, Indices{});
    }
    Vector carry = {};
    for (int column = blocks; column < 2 * blocks; column += 1) {
      add(c, T + block * column, Indices{});
      for (int i = column - blocks + 1; i < blocks; i += 1) {
        multiplyCompactTile(c, q + block * i, n + block * (column - i), Indices{});
      }
      storeNormal(t + block * (column - blocks), c, carry, Indices{});
      shift(c, Indices{});
    }
    return carry;
  }

  template <int... i>
  SEALED_INLINE void clear(Columns& c, std::integer_sequence<int, i...>) {
    ((c[i] = c[block + i] = Vector{}), ...);
  }

  template <int... i>
  SEALED_INLINE void shift(Columns& c, std::integer_sequence<int, i...>) {
    ((c[i] = c[block + i], c[block + i] = Vector{}), ...);
  }

  template <int times, int... i>
  SEALED_INLINE void store(Vector* out, const Columns& c, std::integer_sequence<int, i...>) {
    ((out[i] = times == 2 ? c[i] + c[i] : c[i]), ...);
  }

  template <int... i>
  SEALED_INLINE void add(Columns& c, const Vector* columns, std::integer_sequence<int, i...>) {
    ((c[i] += columns[i]), ...);
  }

  template <int... i>
  SEALED_INLINE void addDifference(Columns& c, const Vector* a, const Vector* b, std::integer_sequence<int, i...>) {
    ((c[i] += a[i] - b[i]), ...);
  }

  template <int... i>
  SEALED_INLINE void storeNormal(Vector* out, Columns& c, Vector& carry, std::integer_sequence<int, i...>) {
    ((c[i] += carry, out[i] = c[i] & digitMask, carry = Arithmetic::carryOf(c[i])), ...);
  }

  // Adds a[0..count) · b to the columns from `row` on.
  template <int row, int... i>
  SEALED_INLINE void multiplyRow(Columns& c, const Vector* a, Vector b, std::integer_sequence<int, i...>) {
    ((c[row + i] = Arithmetic::addLow(c[row + i], a[i], b)), ...);
    if constexpr (Arithmetic::splitsProducts) {
      ((c[row + i + 1] = Arithmetic::addHigh(c[row + i + 1], a[i], b)), ...);
    }
  }

  template <int... row>
  SEALED_INLINE void multiplyTile(Columns& c, const Vector* a, const Vector* b, std::integer_sequence<int, row...>) {
    const Vector kept[block] = {a[row]...};
    (multiplyRow<row>(c, kept, b[row], Indices{}), ...);
  }

  // The same with a factor whose digits are equal in all lanes.
  template <int... row>
  SEALED_INLINE void multiplyCompactTile(Columns& c, const Vector* a, const uint64_t* b,
                                         std::integer_sequence<int, row...>) {
    const Vector kept[block] = {a[row]...};
    (multiplyRow<row>(c, kept, Arithmetic::broadcast(b[row]), Indices{}), ...);
  }

  template <int... row>
  SEALED_INLINE void multiplyTriangle(Columns& c, const Vector* a, std::integer_sequence<int, row...>) {
    (multiplyRow<2 * row + 1>(c, a + row + 1, a[row], std::make_integer_sequence<int, block - 1 - row>{}), ...);
  }

  template <int... i>
  SEALED_INLINE void addDigitSquares(Columns& c, const Vector* a, std::integer_sequence<int, i...>) {
    ((c[2 * i] += c[2 * i], c[2 * i + 1] += c[2 * i + 1]), ...);
    ((c[2 * i] = Arithmetic::addLow(c[2 * i], a[i], a[i])), ...);
    if constexpr (Arithmetic::splitsProducts) {
      ((c[2 * i + 1] = Arithmetic::addHigh(c[2 * i + 1], a[i], a[i])), ...);
    }
  }

  // Chooses one block of quotient digits q so that adding q·n clears the lower block of columns.
  template <int... i>
  SEALED_INLINE void cancelBlock(Columns& c, Vector* q, const uint64_t* n, Vector negativeInverse,
                                 std::integer_sequence<int, i...>) {
    (cancelColumn<i>(c, q, n, negativeInverse, std::make_integer_sequence<int, block - 1>{}), ...);
  }

  template <int row, int... i>
  SEALED_INLINE void cancelColumn(Columns& c, Vector* q, const uint64_t* n, Vector negativeInverse,
                                  std::integer_sequence<int, i...>) {
    Vector digit = Arithmetic::addLow(Vector{}, c[row], negativeInverse);
    if constexpr (!Arithmetic::splitsProducts) digit &= digitMask;
    q[row] = digit;
    if constexpr (Arithmetic::splitsProducts) {
      // The low digit of c[row] + n[0]·digit is 0, so its carry is known without computing the product.
      c[row + 1] += Arithmetic::carryOf(c[row] + digitMask);
      // A sum of its own, so that the next digit waits for one multiplication instead of two.
      const Vector high = Arithmetic::addHigh(Vector{}, Arithmetic::broadcast(n[0]), digit);
      ((c[row + 1 + i] = Arithmetic::addLow(c[row + 1 + i], Arithmetic::broadcast(n[1 + i]), digit)), ...);
      c[row + 1] += high;
      ((c[row + 2 + i] = Arithmetic::addHigh(c[row + 2 + i], Arithmetic::broadcast(n[1 + i]), digit)), ...);
    } else {
      c[row] = Arithmetic::addLow(c[row], Arithmetic::broadcast(n[0]), digit);
      c[row + 1] += Arithmetic::carryOf(c[row]);
      ((c[row + 1 + i] = Arithmetic::addLow(c[row + 1 + i], Arithmetic::broadcast(n[1 + i]), digit)), ...);
    }
  }
};

}  // namespace
}  // namespace sealed
