// Products of many rows of a table modulo N², at less than the cost of pair arithmetic.
//
// A row (a, b) stands for a·(1 + b·N): factors 1 + b·N multiply by adding their b, so that only the a's need products.
// Montgomery reduction gives a·a' = R·t − q·N exactly, and what is multiplied is therefore kept as
//
//     (t − q·N/R) · (1 + s·N)      the running product: t and q of L digits each, s the sum of all b.
//
// The first two rows cost one product and one reduction. (t − q·N/R)(t' − q'·N/R)/R = t″ − q″·N/R with
// (t″, q₁) = Redc(t·t') and q″ = q₁ + Redc(t·q' + q·t'): as q₁ < R may be much longer than N, what the sum carries
// beyond R is added again as R mod N. Rows are taken two at a time: one product and a reduction for the two, three
// products and two reductions to join them, where pair arithmetic takes six products and four reductions.
#pragma once

#include "pair.hpp"

namespace sealed {
namespace {

template <class Arithmetic>
class RunningProduct {
 public:
  using Vector = typename Arithmetic::Vector;
  using K = Kernel<Arithmetic>;
  using D = Digits<Arithmetic>;
  using Pairs = PairArithmetic<Arithmetic>;
  using Scratch = typename Pairs::Scratch;

  // Digits of s are summed without carrying: 64 bits hold those of so many rows and of a residue, of 52 bits each.
  static constexpr size_t maxRows = (size_t{1} << (64 - 52)) - 1;
  static_assert(K::digitBits <= 52, "sums of digits must not overflow");

  explicit RunningProduct(const Pairs& pairs) : pairs_(pairs), L_(static_cast<size_t>(pairs.L)) {}

  // Digits of a running product: t, q, s.
  static size_t digits(const Pairs& pairs) { return 3 * static_cast<size_t>(pairs.L); }
  // Digits of working memory for `begin` and `multiply`.
  static size_t workDigits(const Pairs& pairs) { return 2 * static_cast<size_t>(pairs.L); }

  // product = row.
  void begin(Vector* product, const Vector* row) const {
    for (size_t i = 0; i < L_; i += 1) {
      product[i] = row[i];
      product[L_ + i] = Vector{};
      product[2 * L_ + i] = row[L_ + i];
    }
  }

  // product = left · right, two rows.
  void begin(Vector* product, const Vector* left, const Vector* right, const Scratch& s) const {
    multiplyRows(product, left, right, s);
    for (size_t i = 0; i < L_; i += 1) product[2 * L_ + i] = left[L_ + i] + right[L_ + i];
  }

  // product *= left · right, two rows.
  void multiply(Vector* product, const Vector* left, const Vector* right, Vector* work, const Scratch& s) const {
    multiplyRows(work, left, right, s);
    for (size_t i = 0; i < L_; i += 1) product[2 * L_ + i] += left[L_ + i] + right[L_ + i];
    s.products.multiply(s.columns, s.cross, product, work);
    K::reduce(product, s.quotient, s.columns, pairs_.modulus);
    for (size_t i = 0; i < L_; i += 1) s.cross[L_ + i] += s.quotient[i];
    const Vector carried = K::reduce(product + L_, s.quotient, s.cross, pairs_.modulus);
    addRadix(product + L_, carried);
  }

  // The plain pair of product · (1 + residue·N); without `residue`, of the product. The digits of s are lazy until here.
  // Afterwards low ≤ N and high < 5N/4. `pair` may be the product, which is lost.
  void leave(Vector* pair, Vector* product, const Vector* residue, const Scratch& s) const {
    Vector* sum = product + 2 * L_;
    for (size_t i = 0; residue != nullptr && i < L_; i += 1) sum[i] += residue[i];
    D::normalise(sum, pairs_.L);
    // −q/R as N − Redc(q), because Redc(q) ≤ N for q < R.
    for (size_t i = 0; i < L_; i += 1) s.columns[i] = product[L_ + i];
    for (size_t i = L_; i < 2 * L_; i += 1) s.columns[i] = Vector{};
    K::reduce(product + L_, s.quotient, s.columns, pairs_.modulus);
    D::subtract(product + L_, pairs_.modulus.vertical, product + L_, pairs_.L);
    K::multiply(s.cross, product, sum, pairs_.L);
    for (size_t i = 0; i < L_; i += 1) s.cross[i] += product[L_ + i];
    for (size_t i = 0; i < L_; i += 1) s.columns[i] = product[i];
    for (size_t i = L_; i < 2 * L_; i += 1) s.columns[i] = Vector{};
    pairs_.reducePair(pair, s);
  }

 private:
  // out = (t, q) of the a's.
  void multiplyRows(Vector* out, const Vector* left, const Vector* right, const Scratch& s) const {
    s.products.multiplyOne(s.columns, left, right);
    K::reduce(out, out + L_, s.columns, pairs_.modulus);
  }

  // number += carry · (R mod N); fits, because what a carry leaves behind is below 4N.
  void addRadix(Vector* number, Vector carry) const {
    const Vector carried = -carry;
    Vector next = {};
    for (size_t i = 0; i < L_; i += 1) {
      const Vector digit = number[i] + (pairs_.one[i] & carried) + next;
      number[i] = digit & K::digitMask;
      next = digit >> K::digitBits;
    }
  }

  const Pairs& pairs_;
  const size_t L_;
};

}  // namespace
}  // namespace sealed
