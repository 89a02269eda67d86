// What the addon knows of a path: the operations of crypto/modular/engine.ts on plain memory. Sizes are checked by the
// caller (addon.cc); `count` numbers are read and written, each as wide as the ring says, big-endian.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sealed {

struct ByteView {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

// Digits of a ring: L digits of digitBits bits hold a root, wideDigits its square, both with 16 bits to spare.
struct Geometry {
  int digitBits;
  int digits;
  int wideDigits;
};

// A modulus for Montgomery reduction with R = 2^(digitBits · digits).
struct ModulusConstants {
  int digits = 0;
  ByteView modulus;
  uint64_t negativeInverse = 0;  // −modulus⁻¹ mod 2^digitBits
};

// Pair arithmetic modulo the square of a root N. Pairs are two numbers of rootBytes each: value mod N, ⌊value / N⌋.
struct PairConstants {
  ModulusConstants root;
  ByteView square;        // N²
  ByteView complement;    // (1 − R) mod N
  ByteView one;           // the pair of R mod N²
  ByteView entryFactors;  // the pairs of R^(k+2) mod N² for k = 0, 1, …: one per L digits of the elements to be read
};

struct SquareRingConstants {
  PairConstants pairs;
  ModulusConstants square;  // N² itself, with its own digits and R
  ByteView radixSquared;    // R² mod N²
  ByteView radixPowers;     // R^(2^k) mod N² for k = 0 … 31
};

// One prime p of n = p·q, the other being q. Factors stand in Montgomery form: multiplied by R mod p.
struct PrimeConstants {
  PairConstants pairs;
  ByteView plaintextFactor;   // (−q)⁻¹ · R mod p
  ByteView residueFactors;    // q·R mod p and q·R² mod p: residues mod n are two chunks of L digits
};

struct FactoredRingConstants {
  PrimeConstants p;
  PrimeConstants q;
  size_t rootBytes = 0;            // of n
  ByteView residueOffset;          // the least multiple of q that is at least p
  ByteView pInverse;               // p⁻¹ · R mod q
  ModulusConstants pSquare;        // p², with its own R
  ByteView elementOffset;          // the least multiple of p² that is at least q²
  ByteView qSquareInverse;         // (q²)⁻¹ · R mod p², R of pSquare
};

struct TableShape {
  size_t exponentBits = 0;
  unsigned windowBits = 0;

  size_t windows() const { return (exponentBits + windowBits - 1) / windowBits; }
  size_t exponentBytes() const { return (exponentBits + 7) / 8; }
};

class SquareRing {
 public:
  virtual ~SquareRing();
  virtual size_t rootBytes() const = 0;
  virtual void multiply(uint8_t* out, const uint8_t* left, const uint8_t* right, size_t count, bool shared) = 0;
  virtual void product(uint8_t* out, const uint8_t* elements, size_t count) = 0;
  virtual void multiplyByOnePlus(uint8_t* out, const uint8_t* elements, const uint8_t* residues, size_t count) = 0;
  // exponentStride is 0 when one exponent serves all.
  virtual void power(uint8_t* out, const uint8_t* bases, const uint8_t* exponents, size_t exponentBytes,
                     size_t exponentStride, size_t count) = 0;
  virtual void multiExponentiate(uint8_t* out, const uint8_t* bases, const uint8_t* exponents, size_t exponentBytes,
                                 size_t count) = 0;
  // Products of powers whose terms come in several calls; an accumulator of zeros is the empty product. Split bases are
  // pairs of numbers of rootBytes each: c mod N, ⌊c / N⌋.
  virtual size_t accumulatorBytes(const TableShape& shape) const = 0;
  virtual void accumulatePowers(uint8_t* accumulator, const TableShape& shape, bool isSplit, const uint8_t* bases,
                                const uint8_t* exponents, size_t count) = 0;
  virtual void readAccumulator(uint8_t* out, const uint8_t* accumulator, const TableShape& shape, bool isSplit) = 0;
  virtual size_t tableBytes(const TableShape& shape) const = 0;
  // inverse = base⁻¹ mod N, as wide as base.
  virtual void buildTable(uint8_t* table, const uint8_t* base, const uint8_t* inverse, const TableShape& shape) = 0;
  // residues may be null.
  virtual void powerFixedBase(uint8_t* out, const uint8_t* table, const TableShape& shape, bool constantTime,
                              const uint8_t* exponents, const uint8_t* residues, size_t count) = 0;
};

class FactoredRing {
 public:
  virtual ~FactoredRing();
  virtual size_t rootBytes() const = 0;
  virtual void decrypt(uint8_t* out, const uint8_t* ciphertexts, size_t count) = 0;
  virtual size_t tableBytes(const TableShape& shape) const = 0;
  // inverse = base⁻¹ mod n, as wide as base.
  virtual void buildTables(uint8_t* tables, const uint8_t* base, const uint8_t* inverse, const TableShape& shape) = 0;
  virtual void encryptAsOwner(uint8_t* out, const uint8_t* tables, const TableShape& shape, bool constantTime,
                              const uint8_t* exponents, const uint8_t* residues, size_t count) = 0;
};

// One instruction set.
struct Path {
  const char* name;
  int lanes;
  Geometry (*geometry)(size_t rootBits);
  SquareRing* (*openSquareRing)(const SquareRingConstants&);
  FactoredRing* (*openFactoredRing)(const FactoredRingConstants&);
};

extern const Path ifmaPath;
extern const Path avx512Path;
extern const Path avx2Path;

}  // namespace sealed
