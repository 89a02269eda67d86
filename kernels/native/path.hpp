// One path: the rings of engine.hpp over one kind of vector arithmetic. Everything the paths share is a template in an
// unnamed namespace, so that no function compiled for a newer instruction set can be linked into the code of another.
#pragma once

#include "factored_ring.hpp"
#include "square_ring.hpp"

namespace sealed {
namespace {

// Spare bits of every modulus: sums of a few numbers stay far below R, and no reduction needs a final subtraction.
constexpr size_t slackBits = 16;

template <class Arithmetic>
int digitsFor(size_t bits) {
  const size_t unit = static_cast<size_t>(Arithmetic::digitBits) * Arithmetic::block;
  return static_cast<int>((bits + slackBits + unit - 1) / unit * Arithmetic::block);
}

template <class Arithmetic>
Geometry geometryFor(size_t rootBits) {
  return {Arithmetic::digitBits, digitsFor<Arithmetic>(rootBits), digitsFor<Arithmetic>(2 * rootBits)};
}

template <class Arithmetic>
SquareRing* openSquareRing(const SquareRingConstants& constants) {
  return new VectorSquareRing<Arithmetic>(constants);
}

template <class Arithmetic>
FactoredRing* openFactoredRing(const FactoredRingConstants& constants) {
  return new VectorFactoredRing<Arithmetic>(constants);
}

template <class Arithmetic>
constexpr Path pathOf() {
  return {Arithmetic::name, Arithmetic::lanes, geometryFor<Arithmetic>, openSquareRing<Arithmetic>,
          openFactoredRing<Arithmetic>};
}

}  // namespace
}  // namespace sealed
