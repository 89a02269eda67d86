// Powers of bases that differ from lane to lane: fixed windows over a table made for each group. Every window
// multiplies, also by 1, and every look-up reads the whole table, so time and memory accesses depend on the exponent's
// length only.
#pragma once

#include "pair.hpp"

namespace sealed {
namespace {

template <class Arithmetic>
class VariableBase {
 public:
  using Vector = typename Arithmetic::Vector;
  using D = Digits<Arithmetic>;
  using Pairs = PairArithmetic<Arithmetic>;
  using Scratch = typename Pairs::Scratch;

  static constexpr size_t pieces = 2;

  VariableBase(const Pairs& pairs, size_t exponentBits)
      : pairs_(pairs),
        exponentBits_(exponentBits),
        windowBits_(bestWindowBits(exponentBits, static_cast<size_t>(pairs.L))) {}

  size_t bytes() const { return (entries() + 1) * pairs_.pairBytes(); }

  void prepare(Arena& arena) {
    table_ = arena.take<Vector>(entries() * pairs_.pairDigits());
    chosen_ = arena.take<Vector>(pairs_.pairDigits());
  }

  // pair = pair ^ exponent. `windowAt(bitOffset, windowBits)` gives that window of the exponent in every lane.
  template <class WindowAt>
  void power(Vector* pair, WindowAt windowAt, const Scratch& scratch) const {
    const size_t digits = pairs_.pairDigits();
    const size_t windows = (exponentBits_ + windowBits_ - 1) / windowBits_;
    fillTable(pair, scratch);
    for (size_t i = 0; i < digits; i += 1) pair[i] = pairs_.one[i];
    for (size_t window = windows; window > 0; window -= 1) {
      const Vector index = windowAt((window - 1) * windowBits_, windowBits_);
      const bool isFirst = window == windows;
      for (unsigned bit = 0; !isFirst && bit < windowBits_; bit += 1) pairs_.squareOf(pair, pair, scratch);
      D::select(isFirst ? pair : chosen_, table_, static_cast<int>(entries()), static_cast<int>(digits), index);
      if (!isFirst) pairs_.multiply(pair, pair, chosen_, scratch);
    }
  }

 private:
  // In digit products: 5·L² for a multiplication, 3.5·L² for a squaring (the same for every window), half of each for
  // an entry, and about L for each entry that a look-up reads.
  static unsigned bestWindowBits(size_t exponentBits, size_t L) {
    unsigned best = 1;
    size_t bestCost = SIZE_MAX;
    for (unsigned bits = 1; bits <= 6; bits += 1) {
      const size_t windows = (exponentBits + bits - 1) / bits;
      const size_t cost = windows * (5 * L * L + (L << bits)) + (17 * L * L / 4 << bits);
      if (cost < bestCost) {
        best = bits;
        bestCost = cost;
      }
    }
    return best;
  }

  size_t entries() const { return size_t{1} << windowBits_; }

  void fillTable(const Vector* base, const Scratch& scratch) const {
    const size_t digits = pairs_.pairDigits();
    for (size_t i = 0; i < digits; i += 1) table_[i] = pairs_.one[i];
    for (size_t i = 0; i < digits; i += 1) table_[digits + i] = base[i];
    for (size_t entry = 2; entry < entries(); entry += 1) {
      Vector* target = table_ + entry * digits;
      if (entry % 2 == 0) {
        pairs_.squareOf(target, table_ + entry / 2 * digits, scratch);
      } else {
        pairs_.multiply(target, target - digits, base, scratch);
      }
    }
  }

  const Pairs& pairs_;
  const size_t exponentBits_;
  const unsigned windowBits_;
  Vector* table_ = nullptr;
  Vector* chosen_ = nullptr;
};

}  // namespace
}  // namespace sealed
