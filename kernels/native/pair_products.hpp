// The products of pair arithmetic. Where digits are many, factors are halved and three half-size products do the work
// of four (Karatsuba): x·y = low + (middle − low − high)·B^h + high·B^2h with low = x₀y₀, high = x₁y₁ and
// middle = (x₀ + x₁)(y₀ + y₁). The halves' sums are carried, so the middle columns may be negative: only reductions
// whose carries are signed (Arithmetic::hasSignedCarries) may read them.
#pragma once

#include "digits.hpp"
#include "kernel.hpp"
#include "memory.hpp"

namespace sealed {
namespace {

template <class Arithmetic>
class PairProducts {
 public:
  using Vector = typename Arithmetic::Vector;
  using K = Kernel<Arithmetic>;

  PairProducts(Arena& arena, int L) : L_(L), halved_(isHalved(L)) {
    if (!halved_) return;
    sums_ = arena.take<Vector>(2 * static_cast<size_t>(L));
    middle_ = arena.take<Vector>(static_cast<size_t>(L));
  }

  static size_t bytes(int L) { return isHalved(L) ? 3 * static_cast<size_t>(L) * sizeof(Vector) : 0; }
  static constexpr size_t pieces = 2;

  // T[2L] = x·y for two numbers.
  void multiplyOne(Vector* T, const Vector* x, const Vector* y) const {
    if (!halved_) {
      K::multiply(T, x, y, L_);
      return;
    }
    const int h = L_ / 2;
    const Vector carryX = addHalves(sums_, x);
    const Vector carryY = addHalves(sums_ + h, y);
    outerProducts<1>(T, {x, x}, {y, y}, 1);
    K::multiply(middle_, sums_, sums_ + h, h);
    addMiddle(T, carried(sums_, sums_ + h, carryX, carryY));
  }

  // low[2L] = x₀y₀ and cross[2L] = x₀y₁ + x₁y₀ for pairs x and y.
  void multiply(Vector* low, Vector* cross, const Vector* x, const Vector* y) const {
    if (!halved_) {
      const Vector* left[2] = {x, x + L_};
      const Vector* right[2] = {y + L_, y};
      K::multiply(low, x, y, L_);
      K::multiplySum(cross, left, right, 2, L_);
      return;
    }
    const int h = L_ / 2;
    Vector *x0 = sums_, *x1 = sums_ + h, *y0 = sums_ + 2 * h, *y1 = sums_ + 3 * h;
    const Vector carryX0 = addHalves(x0, x);
    const Vector carryX1 = addHalves(x1, x + L_);
    const Vector carryY0 = addHalves(y0, y);
    const Vector carryY1 = addHalves(y1, y + L_);
    outerProducts<1>(low, {x, x}, {y, y}, 1);
    K::multiply(middle_, x0, y0, h);
    addMiddle(low, carried(x0, y0, carryX0, carryY0));
    outerProducts<1>(cross, {x, x + L_}, {y + L_, y}, 2);
    const Vector* left[2] = {x0, x1};
    const Vector* right[2] = {y1, y0};
    K::multiplySum(middle_, left, right, 2, h);
    const Vector top = carried(x0, y1, carryX0, carryY1) + carried(x1, y0, carryX1, carryY0);
    addMiddle(cross, top);
  }

  // low[2L] = x₀² and cross[2L] = 2·x₀x₁ for a pair x.
  void square(Vector* low, Vector* cross, const Vector* x) const {
    K::square(low, x, L_);
    if (!halved_) {
      K::multiplyTwice(cross, x, x + L_, L_);
      return;
    }
    const int h = L_ / 2;
    Vector *x0 = sums_, *x1 = sums_ + h;
    const Vector carryX0 = addHalves(x0, x);
    const Vector carryX1 = addHalves(x1, x + L_);
    outerProducts<2>(cross, {x, x}, {x + L_, x + L_}, 1);
    K::multiplyTwice(middle_, x0, x1, h);
    const Vector top = carried(x0, x1, carryX0, carryX1) + carried(x0, x1, carryX0, carryX1);
    addMiddle(cross, top);
  }

 private:
  struct Factors {
    const Vector* first;
    const Vector* second;
  };

  // Below 4 blocks the additions cost what the tile saves.
  static constexpr bool isHalved(int L) {
    return Arithmetic::hasSignedCarries && L >= 4 * K::block && L % (2 * K::block) == 0;
  }

  // sum[h] = lower + upper half of a number modulo B^h; all ones in the lanes that carried beyond it.
  Vector addHalves(Vector* sum, const Vector* number) const {
    const int h = L_ / 2;
    Vector carry = {};
    for (int i = 0; i < h; i += 1) {
      const Vector digit = number[i] + number[h + i] + carry;
      sum[i] = digit & K::digitMask;
      carry = digit >> K::digitBits;
    }
    return -carry;
  }

  // T[4h] = low and high products of halves, side by side, summed over one or two pairs of factors.
  template <int times>
  void outerProducts(Vector* T, Factors x, Factors y, int terms) const {
    const int h = L_ / 2;
    const Vector* lowX[2] = {x.first, x.second};
    const Vector* lowY[2] = {y.first, y.second};
    const Vector* highX[2] = {x.first + h, x.second + h};
    const Vector* highY[2] = {y.first + h, y.second + h};
    K::template multiplySum<times>(T, lowX, lowY, terms, h);
    K::template multiplySum<times>(T + 2 * h, highX, highY, terms, h);
  }

  // Adds to the middle columns what the carries of two sums multiply; returns the product of the carries, which
  // belongs above them.
  Vector carried(const Vector* x, const Vector* y, Vector carryX, Vector carryY) const {
    const int h = L_ / 2;
    for (int i = 0; i < h; i += 1) middle_[h + i] += (x[i] & carryY) + (y[i] & carryX);
    return carryX & carryY & 1;
  }

  // T += (middle − low − high)·B^h, and `top` above the middle.
  void addMiddle(Vector* T, Vector top) const {
    const int h = L_ / 2;
    for (int i = 0; i < h; i += 1) {
      const Vector low = T[i];
      const Vector lowUpper = T[h + i];
      const Vector high = T[2 * h + i];
      const Vector highUpper = T[3 * h + i];
      T[h + i] = lowUpper + middle_[i] - low - high;
      T[2 * h + i] = high + middle_[h + i] - lowUpper - highUpper;
    }
    T[3 * h] += top;
  }

  const int L_;
  const bool halved_;
  Vector* sums_ = nullptr;
  Vector* middle_ = nullptr;
};

}  // namespace
}  // namespace sealed
