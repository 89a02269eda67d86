// Arithmetic modulo N² for a public N: the operations of engine.ts on batches, one group of lanes after the other.
#pragma once

#include "fixed_base.hpp"
#include "multi_exponentiation.hpp"
#include "variable_base.hpp"

namespace sealed {
namespace {

template <class Arithmetic>
class VectorSquareRing final : public SquareRing {
 public:
  using Vector = typename Arithmetic::Vector;
  using K = Kernel<Arithmetic>;
  using D = Digits<Arithmetic>;
  using Pairs = PairArithmetic<Arithmetic>;
  using Scratch = typename Pairs::Scratch;
  using Port = GroupPort<Arithmetic>;
  static constexpr size_t lanes = Arithmetic::lanes;

  explicit VectorSquareRing(const SquareRingConstants& constants)
      : pairs_(constants.pairs), elementBytes_(2 * pairs_.rootBytes), W(constants.square.digits) {
    const size_t numbers = 2 + radixPowerCount;
    using Reader = ConstantReader<Arithmetic>;
    memory_.begin(numbers * W * (sizeof(Vector) + 8) + Reader::bytes(elementBytes_, W), numbers + 2 + Reader::pieces);
    Reader reader(memory_, elementBytes_, W);
    square_ = reader.takeModulus(constants.square);
    radixSquared_ = reader.take(W, constants.radixSquared);
    for (int k = 0; k < radixPowerCount; k += 1) {
      radixPowers_[k] = reader.take(W, ByteView{constants.radixPowers.data + k * elementBytes_, elementBytes_});
    }
  }

  size_t rootBytes() const override { return pairs_.rootBytes; }

  void multiply(uint8_t* out, const uint8_t* left, const uint8_t* right, size_t count, bool shared) override {
    begin(3 * wideBytes(), 3);
    const Port port(arena_, elementBytes_);
    const WideScratch scratch(arena_, W);
    Vector* a = arena_.take<Vector>(W);
    Vector* b = arena_.take<Vector>(W);
    if (shared) {
      port.readShared(b, W, right, elementBytes_);
      multiplyWide(b, b, radixSquared_, scratch);
    }
    for (size_t first = 0; first < count; first += lanes) {
      port.read(a, W, left, elementBytes_, first, count);
      if (!shared) {
        port.read(b, W, right, elementBytes_, first, count);
        multiplyWide(a, a, radixSquared_, scratch);
      }
      multiplyWide(a, a, b, scratch);
      D::subtractOnce(a, square_.vertical, W, scratch.columns);
      port.write(out, elementBytes_, first, count, a, W);
    }
  }

  // Every lane multiplies a stripe. A Montgomery product divides by R, and there is one product fewer than there are
  // factors: powers of R that join as further factors make up for it.
  void product(uint8_t* out, const uint8_t* elements, size_t count) override {
    begin(3 * wideBytes(), 3);
    const Port port(arena_, elementBytes_);
    const WideScratch scratch(arena_, W);
    Vector* result = arena_.take<Vector>(W);
    Vector* factor = arena_.take<Vector>(W);
    size_t steps = 1;
    while (steps * lanes < count + __builtin_popcountll(steps * lanes - 1)) steps += 1;
    uint64_t missing = steps * lanes - 1;
    for (size_t step = 0; step < steps; step += 1) {
      Vector* target = step == 0 ? result : factor;
      if (step * lanes < count) port.read(target, W, elements, elementBytes_, step * lanes, count);
      for (size_t l = 0; l < lanes; l += 1) {
        if (step * lanes + l >= count) setLane(target, l, takeRadixPower(missing));
      }
      if (step > 0) multiplyWide(result, result, factor, scratch);
    }
    for (size_t distance = lanes / 2; distance > 0; distance /= 2) {
      for (size_t l = 0; l < distance; l += 1) moveLane(factor, l, result, l + distance);
      multiplyWide(result, result, factor, scratch);
    }
    D::subtractOnce(result, square_.vertical, W, scratch.columns);
    port.write(out, elementBytes_, 0, 1, result, W);
  }

  void multiplyByOnePlus(uint8_t* out, const uint8_t* elements, const uint8_t* residues, size_t count) override {
    begin(3 * pairs_.pairBytes() + Scratch::bytes(pairs_.L) + valueBytes(), 4 + Scratch::pieces);
    const WipeAtEnd wipe(arena_);
    const Port port(arena_, elementBytes_);
    const Scratch scratch(arena_, pairs_.L);
    Vector* value = arena_.take<Vector>(valueDigits());
    Vector* pair = arena_.take<Vector>(pairs_.pairDigits());
    Vector* residue = arena_.take<Vector>(static_cast<size_t>(pairs_.L));
    for (size_t first = 0; first < count; first += lanes) {
      port.read(value, static_cast<int>(chunkDigits()), elements, elementBytes_, first, count);
      pairs_.enter(pair, value, scratch);
      port.read(residue, pairs_.L, residues, pairs_.rootBytes, first, count);
      pairs_.leave(pair, pair, residue, scratch);
      pairs_.join(value, pair, scratch);
      port.write(out, elementBytes_, first, count, value, 2 * pairs_.L);
    }
  }

  void power(uint8_t* out, const uint8_t* bases, const uint8_t* exponents, size_t exponentBytes, size_t exponentStride,
             size_t count) override {
    VariableBase<Arithmetic> variableBase(pairs_, 8 * exponentBytes);
    begin(2 * pairs_.pairBytes() + Scratch::bytes(pairs_.L) + valueBytes() + variableBase.bytes(),
          3 + Scratch::pieces + variableBase.pieces);
    const WipeAtEnd wipe(arena_);
    const Port port(arena_, elementBytes_);
    const Scratch scratch(arena_, pairs_.L);
    Vector* value = arena_.take<Vector>(valueDigits());
    Vector* pair = arena_.take<Vector>(pairs_.pairDigits());
    variableBase.prepare(arena_);
    const ExponentBatch batch = {exponents, exponentBytes, exponentStride, count};
    for (size_t first = 0; first < count; first += lanes) {
      port.read(value, static_cast<int>(chunkDigits()), bases, elementBytes_, first, count);
      pairs_.enter(pair, value, scratch);
      variableBase.power(pair, [&](size_t bitOffset, unsigned windowBits) {
        return batch.window<Arithmetic>(first, bitOffset, windowBits);
      }, scratch);
      pairs_.leave(pair, pair, nullptr, scratch);
      pairs_.join(value, pair, scratch);
      port.write(out, elementBytes_, first, count, value, 2 * pairs_.L);
    }
  }

  void multiExponentiate(uint8_t* out, const uint8_t* bases, const uint8_t* exponents, size_t exponentBytes,
                         size_t count) override {
    MultiExponentiation<Arithmetic>(pairs_, arena_).compute(out, bases, exponents, exponentBytes, count);
  }

  size_t accumulatorBytes(const TableShape& shape) const override {
    return MultiExponentiation<Arithmetic>::accumulatorBytes(pairs_, shape);
  }

  void accumulatePowers(uint8_t* accumulator, const TableShape& shape, bool isSplit, const uint8_t* bases,
                        const uint8_t* exponents, size_t count) override {
    MultiExponentiation<Arithmetic>(pairs_, arena_).accumulate(accumulator, shape, isSplit, bases, exponents, count);
  }

  void readAccumulator(uint8_t* out, const uint8_t* accumulator, const TableShape& shape, bool isSplit) override {
    MultiExponentiation<Arithmetic>(pairs_, arena_).read(out, accumulator, shape, isSplit);
  }

  size_t tableBytes(const TableShape& shape) const override {
    return FixedBase<Arithmetic>::tableBytes(pairs_, shape);
  }

  void buildTable(uint8_t* table, const uint8_t* base, const uint8_t* inverse, const TableShape& shape) override {
    using Table = FixedBase<Arithmetic>;
    begin((2 + Table::buildPairs) * pairs_.pairBytes() + Scratch::bytes(pairs_.L) + valueBytes(),
          3 + Table::buildPieces + Scratch::pieces);
    const Port port(arena_, elementBytes_);
    const Scratch scratch(arena_, pairs_.L);
    Vector* value = arena_.take<Vector>(valueDigits());
    Vector* pair = arena_.take<Vector>(pairs_.pairDigits());
    Vector* inversePair = arena_.take<Vector>(pairs_.pairDigits());
    port.readShared(value, static_cast<int>(chunkDigits()), base, elementBytes_);
    pairs_.enter(pair, value, scratch);
    port.readShared(value, static_cast<int>(chunkDigits()), inverse, elementBytes_);
    pairs_.enter(inversePair, value, scratch);
    Table(pairs_, shape).build(table, pair, inversePair, arena_, scratch);
  }

  void powerFixedBase(uint8_t* out, const uint8_t* table, const TableShape& shape, bool constantTime,
                      const uint8_t* exponents, const uint8_t* residues, size_t count) override {
    using Table = FixedBase<Arithmetic>;
    const size_t resultDigits = Table::Product::digits(pairs_);
    const size_t digits = Table::maxGroups * resultDigits + Table::workDigits(pairs_) + pairs_.pairDigits();
    begin(digits * sizeof(Vector) + Scratch::bytes(pairs_.L) + valueBytes(), 4 + Scratch::pieces);
    const WipeAtEnd wipe(arena_);
    const Port port(arena_, elementBytes_);
    const Scratch scratch(arena_, pairs_.L);
    Vector* results = arena_.take<Vector>(Table::maxGroups * resultDigits);
    Vector* work = arena_.take<Vector>(Table::workDigits(pairs_));
    Vector* residue = arena_.take<Vector>(static_cast<size_t>(pairs_.L));
    Vector* value = arena_.take<Vector>(2 * static_cast<size_t>(pairs_.L));
    const Table powers(pairs_, shape);
    const ExponentBatch batch = {exponents, shape.exponentBytes(), shape.exponentBytes(), count};
    for (size_t first = 0; first < count; first += Table::maxGroups * lanes) {
      const size_t rest = (count - first + lanes - 1) / lanes;
      const size_t groups = rest < Table::maxGroups ? rest : Table::maxGroups;
      powers.power(results, groups, table, constantTime, batch, first, work, scratch);
      for (size_t group = 0; group < groups; group += 1) {
        const size_t start = first + group * lanes;
        Vector* product = results + group * resultDigits;
        if (residues != nullptr) port.read(residue, pairs_.L, residues, pairs_.rootBytes, start, count);
        powers.leave(product, residues == nullptr ? nullptr : residue, scratch);
        pairs_.join(value, product, scratch);
        port.write(out, elementBytes_, start, count, value, 2 * pairs_.L);
      }
    }
  }

 private:
  static constexpr int radixPowerCount = 32;

  struct WideScratch {
    Vector* columns;   // 2W
    Vector* quotient;  // W

    PairProducts<Arithmetic> products;

    WideScratch(Arena& arena, int W)
        : columns(arena.take<Vector>(2 * static_cast<size_t>(W))),
          quotient(arena.take<Vector>(static_cast<size_t>(W))),
          products(arena, W) {}
  };

  // Room for an operation: what it names, the wide or narrow scratch it builds on, and the port.
  void begin(size_t bytes, size_t pieces) {
    const size_t scratch = 3 * wideBytes() + PairProducts<Arithmetic>::bytes(W);
    arena_.begin(bytes + scratch + Port::bytes(elementBytes_), pieces + 6);
  }

  size_t wideBytes() const { return static_cast<size_t>(W) * sizeof(Vector); }
  size_t chunkDigits() const { return static_cast<size_t>(pairs_.chunks) * pairs_.L; }
  // Room for an element in chunks or joined from a pair.
  size_t valueDigits() const { return static_cast<size_t>(pairs_.chunks < 2 ? 2 : pairs_.chunks) * pairs_.L; }
  size_t valueBytes() const { return valueDigits() * sizeof(Vector); }

  // out = left · right / R mod N², below 2·N² for factors below R; out may be a factor.
  void multiplyWide(Vector* out, const Vector* left, const Vector* right, const WideScratch& scratch) const {
    scratch.products.multiplyOne(scratch.columns, left, right);
    K::reduce(out, scratch.quotient, scratch.columns, square_);
  }

  // Takes the highest power of R out of those still missing; R⁰ when none is.
  const Vector* takeRadixPower(uint64_t& missing) const {
    if (missing == 0) return nullptr;
    const int k = 63 - __builtin_clzll(missing);
    missing &= ~(uint64_t{1} << k);
    return radixPowers_[k];
  }

  // One lane = a constant, or 1.
  void setLane(Vector* out, size_t l, const Vector* constant) const {
    for (int i = 0; i < W; i += 1) out[i][l] = constant == nullptr ? (i == 0) : constant[i][l];
  }

  void moveLane(Vector* out, size_t to, const Vector* from, size_t l) const {
    for (int i = 0; i < W; i += 1) out[i][to] = from[i][l];
  }

  Pairs pairs_;
  const size_t elementBytes_;
  const int W;
  Arena memory_;
  Arena arena_;
  typename K::Modulus square_;
  const Vector* radixSquared_;
  const Vector* radixPowers_[radixPowerCount];
};

}  // namespace
}  // namespace sealed
