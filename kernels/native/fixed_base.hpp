// Powers of one base from a table of its powers: one factor per window of the exponent and no squaring.
//
// The table holds base^(v · 2^(w·j)) for every window j and every digit v of w bits, window after window, one row of 2L
// stored digits per power: x·R = a·(1 + b·N) mod N² as a and b (running_product.hpp). It lives in the caller's memory,
// without any alignment.
#pragma once

#include "group.hpp"
#include "running_product.hpp"

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
  using Product = RunningProduct<Arithmetic>;
  static constexpr size_t lanes = Arithmetic::lanes;

  // Groups are taken through the windows together, so that the next group's rows travel meanwhile.
  static constexpr size_t maxGroups = 16;

  static size_t tableBytes(const Pairs& pairs, const TableShape& shape) {
    return shape.windows() * (pairs.pairDigits() << shape.windowBits) * sizeof(StoredDigit);
  }

  // Digits of working memory for `power`.
  static size_t workDigits(const Pairs& pairs) { return 2 * pairs.pairDigits() + Product::workDigits(pairs); }

  FixedBase(const Pairs& pairs, const TableShape& shape)
      : pairs_(pairs), shape_(shape), L_(static_cast<size_t>(pairs.L)), product_(pairs) {}

  // Pairs of working memory that `build` takes from the arena.
  static constexpr size_t buildPairs = 6;
  static constexpr size_t buildPieces = 7;

  // Fills the table with powers of the pair `base`, `lanes` windows at a time. `inverse` is base⁻¹·R mod N. Both stand
  // in all lanes.
  void build(uint8_t* table, const Vector* base, const Vector* inverse, Arena& arena, const Scratch& scratch) const {
    Vector* next = arena.take<Vector>(pairs_.pairDigits());
    Vector* nextInverse = arena.take<Vector>(L_);
    const Powers bases = {arena.take<Vector>(pairs_.pairDigits()), arena.take<Vector>(L_)};
    const Powers powers = {arena.take<Vector>(pairs_.pairDigits()), arena.take<Vector>(L_)};
    Vector* row = arena.take<Vector>(pairs_.pairDigits());
    copy(next, base, pairs_.pairDigits());
    copy(nextInverse, inverse, L_);
    for (size_t first = 0; first < shape_.windows(); first += lanes) {
      const size_t windows = shape_.windows() - first < lanes ? shape_.windows() - first : lanes;
      for (size_t l = 0; l < windows; l += 1) {
        for (size_t i = 0; i < pairs_.pairDigits(); i += 1) bases.power[i][l] = next[i][0];
        for (size_t i = 0; i < L_; i += 1) bases.inverse[i][l] = nextInverse[i][0];
        for (unsigned bit = 0; bit < shape_.windowBits; bit += 1) {
          pairs_.squareOf(next, next, scratch);
          pairs_.multiplyRoots(nextInverse, nextInverse, nextInverse, scratch);
        }
      }
      fillWindows(table, first, windows, bases, powers, row, scratch);
    }
  }

  // results[g] = base ^ exponents, as running products, for the groups that begin at number `first`.
  void power(Vector* results, size_t groups, const uint8_t* table, bool constantTime, const ExponentBatch& exponents,
             size_t first, Vector* work, const Scratch& scratch) const {
    const TableReader reader = {table, constantTime, exponents, first};
    Vector* left = work;
    Vector* right = left + pairs_.pairDigits();
    Vector* joined = right + pairs_.pairDigits();
    // An odd window stands alone, before all others.
    const size_t odd = shape_.windows() % 2;
    Vector leftDigits = digitsAt(reader, 0, 0);
    Vector rightDigits = digitsAt(reader, 1, 0);
    for (size_t window = 0; window < shape_.windows(); window += window < odd ? 1 : 2) {
      for (size_t group = 0; group < groups; group += 1) {
        Vector* result = results + group * Product::digits(pairs_);
        readRows(left, windowRows(table, window), leftDigits, constantTime);
        const bool isAlone = window < odd;
        if (!isAlone) readRows(right, windowRows(table, window + 1), rightDigits, constantTime);
        const bool isLastGroup = group + 1 == groups;
        const size_t nextWindow = isLastGroup ? window + (isAlone ? 1 : 2) : window;
        const size_t nextGroup = isLastGroup ? 0 : group + 1;
        leftDigits = fetch(reader, nextWindow, nextGroup);
        rightDigits = fetch(reader, nextWindow + 1, nextGroup);
        if (isAlone) product_.begin(result, left);
        else if (window == 0) product_.begin(result, left, right, scratch);
        else product_.multiply(result, left, right, joined, scratch);
      }
    }
  }

  // The plain pair of a result multiplied by 1 + residue·N, in its place.
  void leave(Vector* result, const Vector* residue, const Scratch& scratch) const {
    product_.leave(result, result, residue, scratch);
  }

 private:
  // Powers that a table is built from, with their inverses modulo N.
  struct Powers {
    Vector* power;
    Vector* inverse;
  };

  struct TableReader {
    const uint8_t* table;
    bool constantTime;
    const ExponentBatch& exponents;
    size_t first;
  };

  static void copy(Vector* out, const Vector* digits, size_t count) {
    for (size_t i = 0; i < count; i += 1) out[i] = digits[i];
  }

  Vector digitsAt(const TableReader& reader, size_t window, size_t group) const {
    const size_t bitOffset = window * shape_.windowBits;
    return reader.exponents.template window<Arithmetic>(reader.first + group * lanes, bitOffset, shape_.windowBits);
  }

  // The digits of a window that comes next, whose rows begin to travel.
  Vector fetch(const TableReader& reader, size_t window, size_t group) const {
    if (window >= shape_.windows()) return Vector{};
    const Vector digits = digitsAt(reader, window, group);
    if (!reader.constantTime) prefetchRows(windowRows(reader.table, window), digits);
    return digits;
  }

  const StoredDigit* windowRows(const uint8_t* table, size_t window) const {
    return reinterpret_cast<const StoredDigit*>(table) + window * (pairs_.pairDigits() << shape_.windowBits);
  }

  // Powers and their inverses go through the windows side by side: b is the upper half of a power divided by its lower.
  void fillWindows(uint8_t* table, size_t first, size_t windows, const Powers& bases, const Powers& powers,
                   Vector* row, const Scratch& scratch) const {
    Vector* power = powers.power;
    copy(power, pairs_.one, pairs_.pairDigits());
    // Without R, so that it cancels the power's.
    for (size_t i = 0; i < L_; i += 1) powers.inverse[i] = Arithmetic::broadcast(i == 0 ? 1 : 0);
    for (size_t value = 0; value < size_t{1} << shape_.windowBits; value += 1) {
      if (value > 0) {
        pairs_.multiply(power, power, bases.power, scratch);
        pairs_.multiplyRoots(powers.inverse, powers.inverse, bases.inverse, scratch);
      }
      copy(row, power, L_);
      pairs_.multiplyRoots(row + L_, power + L_, powers.inverse, scratch);
      for (size_t l = 0; l < windows; l += 1) {
        storePower(const_cast<StoredDigit*>(windowRows(table, first + l)), value, row, l);
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
  const size_t L_;
  const Product product_;
};

}  // namespace
}  // namespace sealed
