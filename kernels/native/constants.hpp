// Constants of a ring as native-engine.ts passes them: checked for size, so that no path reads beyond them.
#pragma once

#include "boundary.hpp"

namespace sealed {

constexpr size_t largestRootBytes = 768;  // 6144 bits; see README.md for the bound on column sums

inline size_t divideUp(size_t value, size_t by) { return (value + by - 1) / by; }

inline ByteView sizedBytes(const Value& object, const char* name, size_t size) {
  const ByteView view = object.property(name).constBytes();
  expectSize(name, view.size, size);
  return view;
}

inline uint64_t smallNumber(const Value& object, const char* name) {
  const ByteView view = sizedBytes(object, name, 8);
  uint64_t number = 0;
  for (size_t i = 0; i < 8; i += 1) number = number << 8 | view.data[i];
  return number;
}

inline ModulusConstants readModulus(const Value& object, size_t bytes, int digits) {
  return {digits, sizedBytes(object, "modulus", bytes), smallNumber(object, "negativeInverse")};
}

// `readBytes` is the width of the elements that are read into pairs.
inline PairConstants readPairs(const Value& object, size_t rootBytes, size_t readBytes, const Geometry& geometry) {
  const size_t chunks = divideUp(8 * readBytes, static_cast<size_t>(geometry.digits) * geometry.digitBits);
  return {readModulus(object.property("root"), rootBytes, geometry.digits), sizedBytes(object, "square", 2 * rootBytes),
          sizedBytes(object, "complement", rootBytes), sizedBytes(object, "one", 2 * rootBytes),
          sizedBytes(object, "entryFactors", chunks * 2 * rootBytes)};
}

inline size_t readRootBytes(const Value& object) {
  const size_t bytes = object.property("rootBytes").integer(largestRootBytes);
  if (bytes == 0) throw ArgumentError("native engine: expected a root of at least one byte, got none");
  return bytes;
}

inline SquareRingConstants readSquareRing(const Path& path, const Value& object) {
  const size_t rootBytes = readRootBytes(object);
  const Geometry geometry = path.geometry(object.property("rootBits").integer(8 * rootBytes));
  const size_t elementBytes = 2 * rootBytes;
  return {readPairs(object.property("pairs"), rootBytes, elementBytes, geometry),
          readModulus(object.property("square"), elementBytes, geometry.wideDigits),
          sizedBytes(object, "radixSquared", elementBytes), sizedBytes(object, "radixPowers", 32 * elementBytes)};
}

inline PrimeConstants readPrime(const Value& object, size_t primeBytes, size_t elementBytes,
                                const Geometry& geometry) {
  return {readPairs(object.property("pairs"), primeBytes, elementBytes, geometry),
          sizedBytes(object, "plaintextFactor", primeBytes), sizedBytes(object, "residueFactors", 2 * primeBytes)};
}

inline FactoredRingConstants readFactoredRing(const Path& path, const Value& object) {
  FactoredRingConstants constants;
  constants.rootBytes = readRootBytes(object);
  const size_t primeBytes = object.property("primeBytes").integer(largestRootBytes);
  const Geometry geometry = path.geometry(object.property("primeBits").integer(8 * primeBytes));
  const size_t elementBytes = 2 * constants.rootBytes;
  if (constants.rootBytes > 2 * primeBytes || primeBytes == 0) {
    throw ArgumentError("native engine: expected primes at least half as wide as their product");
  }
  constants.p = readPrime(object.property("p"), primeBytes, elementBytes, geometry);
  constants.q = readPrime(object.property("q"), primeBytes, elementBytes, geometry);
  constants.residueOffset = sizedBytes(object, "residueOffset", primeBytes + 1);
  constants.pInverse = sizedBytes(object, "pInverse", primeBytes);
  constants.pSquare = readModulus(object.property("pSquare"), 2 * primeBytes, 2 * geometry.digits);
  constants.elementOffset = sizedBytes(object, "elementOffset", 2 * primeBytes + 1);
  constants.qSquareInverse = sizedBytes(object, "qSquareInverse", 2 * primeBytes);
  return constants;
}

}  // namespace sealed
