// Arithmetic modulo N² on pairs x₀ + x₁·N ("n-adic"), both halves L digits: 5 half-width products for a
// multiplication where Montgomery multiplication at full width takes 8. See README.md for the derivation and bounds.
#pragma once

#include "digits.hpp"
#include "engine.hpp"
#include "kernel.hpp"
#include "memory.hpp"
#include "pair_products.hpp"

namespace sealed {
namespace {

// Spreads constants that JavaScript computed over all lanes.
template <class Arithmetic>
class ConstantReader {
 public:
  using Vector = typename Arithmetic::Vector;

  explicit ConstantReader(Arena& arena, size_t largestBytes, int largestDigits)
      : arena_(arena),
        padded_(arena.take<uint8_t>(bufferBytes(largestBytes, largestDigits))),
        end_(padded_ + bufferBytes(largestBytes, largestDigits)),
        compact_(arena.take<uint64_t>(static_cast<size_t>(largestDigits))) {}

  // What the reader takes from the arena for itself, in bytes and pieces.
  static size_t bytes(size_t largestBytes, int largestDigits) {
    return bufferBytes(largestBytes, largestDigits) + static_cast<size_t>(largestDigits) * sizeof(uint64_t);
  }
  static constexpr size_t pieces = 2;

  void read(Vector* out, int digits, ByteView number) {
    parse(compact_, digits, number);
    Digits<Arithmetic>::spread(out, compact_, digits);
  }

  Vector* take(int digits, ByteView number) {
    Vector* out = arena_.take<Vector>(static_cast<size_t>(digits));
    read(out, digits, number);
    return out;
  }

  // A pair: two numbers, `digits` digits each.
  Vector* takePair(int digits, ByteView pair) {
    Vector* out = arena_.take<Vector>(2 * static_cast<size_t>(digits));
    read(out, digits, ByteView{pair.data, pair.size / 2});
    read(out + digits, digits, ByteView{pair.data + pair.size / 2, pair.size / 2});
    return out;
  }

  typename Kernel<Arithmetic>::Modulus takeModulus(const ModulusConstants& constants) {
    const int digits = constants.digits;
    uint64_t* compact = arena_.take<uint64_t>(static_cast<size_t>(digits));
    parse(compact, digits, constants.modulus);
    Vector* vertical = arena_.take<Vector>(static_cast<size_t>(digits));
    Digits<Arithmetic>::spread(vertical, compact, digits);
    return {digits, compact, vertical, Arithmetic::broadcast(constants.negativeInverse)};
  }

 private:
  static size_t bufferBytes(size_t largestBytes, int largestDigits) {
    return largestBytes + static_cast<size_t>(largestDigits) * sizeof(uint64_t) + 64;
  }

  // Behind a copy with zeros in front, as far as the digits reach.
  void parse(uint64_t* compact, int digits, ByteView number) {
    std::memset(padded_, 0, static_cast<size_t>(end_ - padded_));
    std::memcpy(end_ - number.size, number.data, number.size);
    Digits<Arithmetic>::parse(compact, 1, digits, end_);
  }

  Arena& arena_;
  uint8_t* padded_;
  uint8_t* end_;
  uint64_t* compact_;
};

template <class Arithmetic>
class PairArithmetic {
 public:
  using Vector = typename Arithmetic::Vector;
  using K = Kernel<Arithmetic>;
  using D = Digits<Arithmetic>;

  // Elements are read in at most this many chunks of L digits.
  static constexpr int maxChunks = 6;

  // Working memory of one operation.
  struct Scratch {
    Vector* columns;   // 2L lazy columns
    Vector* cross;     // 2L lazy columns
    Vector* quotient;  // L
    PairProducts<Arithmetic> products;

    Scratch(Arena& arena, int L)
        : columns(arena.take<Vector>(2 * static_cast<size_t>(L))),
          cross(arena.take<Vector>(2 * static_cast<size_t>(L))),
          quotient(arena.take<Vector>(static_cast<size_t>(L))),
          products(arena, L) {}

    static size_t bytes(int L) {
      return 5 * static_cast<size_t>(L) * sizeof(Vector) + PairProducts<Arithmetic>::bytes(L);
    }
    static constexpr size_t pieces = 3 + PairProducts<Arithmetic>::pieces;
  };

  PairArithmetic(const PairConstants& constants)
      : L(constants.root.digits), rootBytes(constants.root.modulus.size),
        chunks(static_cast<int>(constants.entryFactors.size / (2 * rootBytes))) {
    if (chunks < 1 || chunks > maxChunks) throw std::bad_alloc();
    const size_t numbers = 8 + 2 * static_cast<size_t>(chunks);
    using Reader = ConstantReader<Arithmetic>;
    memory_.begin(numbers * L * (sizeof(Vector) + 8) + Reader::bytes(2 * rootBytes, 2 * L), numbers + Reader::pieces);
    Reader reader(memory_, 2 * rootBytes, 2 * L);
    modulus = reader.takeModulus(constants.root);
    complement_ = reader.take(L, constants.complement);
    for (int i = 0; i < L; i += 1) complement_[i] += K::digitMask;
    square = reader.take(2 * L, constants.square);
    one = reader.takePair(L, constants.one);
    for (int k = 0; k < chunks; k += 1) {
      const ByteView pair = {constants.entryFactors.data + 2 * rootBytes * k, 2 * rootBytes};
      const Vector* factor = reader.takePair(L, pair);
      entryLow_[k] = factor;
      entryHigh_[k] = factor + L;
    }
  }

  size_t pairDigits() const { return 2 * static_cast<size_t>(L); }
  size_t pairBytes() const { return pairDigits() * sizeof(Vector); }

  // out = left · right · R⁻¹; out may be left or right.
  void multiply(Vector* out, const Vector* left, const Vector* right, const Scratch& s) const {
    s.products.multiply(s.columns, s.cross, left, right);
    reducePair(out, s);
  }

  // out = a² · R⁻¹; out may be a.
  void squareOf(Vector* out, const Vector* a, const Scratch& s) const {
    s.products.square(s.columns, s.cross, a);
    reducePair(out, s);
  }

  // out = value · R mod N²; `value` has chunks·L digits.
  void enter(Vector* out, const Vector* value, const Scratch& s) const {
    const Vector* parts[maxChunks];
    for (int k = 0; k < chunks; k += 1) parts[k] = value + static_cast<size_t>(k) * L;
    K::multiplySum(s.columns, parts, entryLow_, chunks, L);
    K::multiplySum(s.cross, parts, entryHigh_, chunks, L);
    reducePair(out, s);
  }

  // The plain pair of a · (1 + residue·N); without `residue`, of a. Afterwards low ≤ N and high ≤ N + 1.
  void leave(Vector* out, const Vector* a, const Vector* residue, const Scratch& s) const {
    for (int i = 0; i < L; i += 1) s.columns[i] = a[i];
    for (int i = L; i < 2 * L; i += 1) s.columns[i] = Vector{};
    if (residue != nullptr) {
      K::multiply(s.cross, a, residue, L);
    } else {
      for (int i = 0; i < 2 * L; i += 1) s.cross[i] = Vector{};
    }
    for (int i = 0; i < L; i += 1) s.cross[i] += a[L + i];
    reducePair(out, s);
  }

  // The number of a plain pair, canonical in [0, N²), 2L digits. `out` may not be `pair`.
  void join(Vector* out, const Vector* pair, const Scratch& s) const {
    K::multiply(out, pair + L, modulus.vertical, L);
    for (int i = 0; i < L; i += 1) out[i] += pair[i];
    D::normalise(out, 2 * L);
    D::subtractOnce(out, square, 2 * L, s.columns);
  }

  // out = (Redc(columns), Redc(cross − q)), q being the quotient of the first reduction. To stay non-negative, −q is
  // taken as (R − 1 − q) + (1 − R): the first is the complement of every digit, the second a constant modulo N.
  void reducePair(Vector* out, const Scratch& s) const {
    K::reduce(out, s.quotient, s.columns, modulus);
    K::reduceLessQuotient(out + L, s.quotient, s.cross, complement_, modulus);
  }

  // out = left · right · R⁻¹ mod N, below 2N for factors below R/2; out may be a factor.
  void multiplyRoots(Vector* out, const Vector* left, const Vector* right, const Scratch& s) const {
    s.products.multiplyOne(s.columns, left, right);
    K::reduce(out, s.quotient, s.columns, modulus);
  }

  // R in Montgomery form.
  const Vector* radix() const { return entryLow_[0]; }

  const int L;
  const size_t rootBytes;
  const int chunks;
  typename K::Modulus modulus;
  const Vector* one;
  const Vector* square;

 private:
  Arena memory_;
  Vector* complement_;  // (1 − R) mod N, and R − 1 digit by digit
  const Vector* entryLow_[maxChunks];
  const Vector* entryHigh_[maxChunks];
};

}  // namespace
}  // namespace sealed
