// Powers of one base from a table of its powers: one product per window of the exponent and no squaring.
//
// The table holds base^(v · 2^(w·j)) for every window j and every digit v of w bits, as Montgomery pairs, window after
// window, one row of 2L stored digits per power. It lives in the caller's memory, without any alignment.
#pragma once

#include "group.hpp"
#include "pair.hpp"

namespace sealed {
namespace {

template <class Arithmetic>
class FixedBase {
 public:
  using Vector = typename Arithmetic::Vector;
  using StoredDigit = typename Arithmetic::StoredDigit;
  using D = Digits<Arithmetic>;
  using Pairs = PairArithmetic<Arithmetic>;
  using Scratch = typename Pairs::Scratch;
  static constexpr size_t lanes = Arithmetic::lanes;

  // Groups are taken through the windows together, so that a window's rows stay in the second-level cache.
  static constexpr size_t maxGroups = 16;

  static size_t tableBytes(const Pairs& pairs, const TableShape& shape) {
    return shape.windows() * (pairs.pairDigits() << shape.windowBits) * sizeof(StoredDigit);
  }

  FixedBase(const Pairs& pairs, const TableShape& shape) : pairs_(pairs), shape_(shape) {}

  // Pairs of working memory that `build` takes from the arena.
  static constexpr size_t buildPairs = 3;

  // Fills the table with powers of the pair `base` (in all lanes), `lanes` windows at a time.
  void build(uint8_t* table, const Vector* base, Arena& arena, const Scratch& scratch) const {
    Vector* next = arena.take<Vector>(pairs_.pairDigits());
    Vector* bases = arena.take<Vector>(pairs_.pairDigits());
    Vector* power = arena.take<Vector>(pairs_.pairDigits());
    copy(next, base);
    for (size_t first = 0; first < shape_.windows(); first += lanes) {
      const size_t windows = shape_.windows() - first < lanes ? shape_.windows() - first : lanes;
      for (size_t l = 0; l < windows; l += 1) {
        for (size_t i = 0; i < pairs_.pairDigits(); i += 1) bases[i][l] = next[i][0];
        for (unsigned bit = 0; bit < shape_.windowBits; bit += 1) pairs_.squareOf(next, next, scratch);
      }
      fillWindows(table, first, windows, bases, power, scratch);
    }
  }

  // results[g] = base ^ exponents, as Montgomery pairs, for the groups that begin at number `first`.
  void power(Vector* results, size_t groups, const uint8_t* table, bool constantTime, const ExponentBatch& exponents,
             size_t first, Vector* row, const Scratch& scratch) const {
    const auto digitsAt = [&](size_t window, size_t group) {
      const size_t bitOffset = window * shape_.windowBits;
      return exponents.window<Arithmetic>(first + group * lanes, bitOffset, shape_.windowBits);
    };
    Vector digits = digitsAt(0, 0);
    for (size_t window = 0; window < shape_.windows(); window += 1) {
      for (size_t group = 0; group < groups; group += 1) {
        Vector* result = results + group * pairs_.pairDigits();
        readRows(window == 0 ? result : row, windowRows(table, window), digits, constantTime);
        const bool isLastGroup = group + 1 == groups;
        const size_t nextWindow = isLastGroup ? window + 1 : window;
        if (nextWindow < shape_.windows()) {
          digits = digitsAt(nextWindow, isLastGroup ? 0 : group + 1);
          if (!constantTime) prefetchRows(windowRows(table, nextWindow), digits);
        }
        if (window > 0) pairs_.multiply(result, result, row, scratch);
      }
    }
  }

 private:
  void copy(Vector* out, const Vector* pair) const {
    for (size_t i = 0; i < pairs_.pairDigits(); i += 1) out[i] = pair[i];
  }

  const StoredDigit* windowRows(const uint8_t* table, size_t window) const {
    return reinterpret_cast<const StoredDigit*>(table) + window * (pairs_.pairDigits() << shape_.windowBits);
  }

  void fillWindows(uint8_t* table, size_t first, size_t windows, const Vector* bases, Vector* power,
                   const Scratch& scratch) const {
    copy(power, pairs_.one);
    for (size_t value = 0; value < size_t{1} << shape_.windowBits; value += 1) {
      if (value > 0) pairs_.multiply(power, power, bases, scratch);
      for (size_t l = 0; l < windows; l += 1) {
        storePower(const_cast<StoredDigit*>(windowRows(table, first + l)), value, power, l);
      }
    }
  }

  // Rows are used once per batch and come from far away: they travel while the multiplication before them runs.
  void prefetchRows(const StoredDigit* rows, Vector digits) const {
    if (inColumns()) return;
    const size_t rowBytes = pairs_.pairDigits() * sizeof(StoredDigit);
    for (size_t l = 0; l < lanes; l += 1) {
      const uint8_t* row = reinterpret_cast<const uint8_t*>(rows) + digits[l] * rowBytes;
      for (size_t offset = 0; offset < rowBytes; offset += 64) __builtin_prefetch(row + offset);
    }
  }

  void readRows(Vector* out, const StoredDigit* rows, Vector digits, bool constantTime) const {
    const int count = static_cast<int>(pairs_.pairDigits());
    if constexpr (hasFastLayout) {
      if (inColumns()) {
        selectColumns(out, rows, digits);
        return;
      }
    }
    if (constantTime) {
      D::selectRow(out, rows, 1 << shape_.windowBits, count, digits);
      return;
    }
    const StoredDigit* chosen[lanes];
    for (size_t l = 0; l < lanes; l += 1) chosen[l] = rows + digits[l] * pairs_.pairDigits();
    gatherRows<Arithmetic>(out, chosen, count);
  }

  // Small windows of a path with register look-ups are stored digit by digit, the 2^w powers side by side: a digit is
  // then chosen between registers, which is as fast as reading one row and always constant-time.
  bool inColumns() const { return hasFastLayout && shape_.windowBits >= 3 && shape_.windowBits <= 6; }

  void selectColumns(Vector* out, const StoredDigit* columns, Vector digits) const {
    using Layout = LayoutOf<Arithmetic>;
    const int count = static_cast<int>(pairs_.pairDigits());
    switch (shape_.windowBits) {
      case 3: return Layout::template selectColumns<3>(out, columns, count, digits);
      case 4: return Layout::template selectColumns<4>(out, columns, count, digits);
      case 5: return Layout::template selectColumns<5>(out, columns, count, digits);
      default: return Layout::template selectColumns<6>(out, columns, count, digits);
    }
  }

  void storePower(StoredDigit* rows, size_t value, const Vector* power, size_t l) const {
    if (inColumns()) {
      for (size_t i = 0; i < pairs_.pairDigits(); i += 1) {
        rows[(i << shape_.windowBits) + value] = static_cast<StoredDigit>(power[i][l]);
      }
    } else {
      const int digits = static_cast<int>(pairs_.pairDigits());
      D::storeRow(rows + value * pairs_.pairDigits(), power, static_cast<int>(l), digits);
    }
  }

  const Pairs& pairs_;
  const TableShape shape_;
};

}  // namespace
}  // namespace sealed
