// Private-key operations of n = p·q: everything modulo p² and q² apart, then combined (CRT). No branch and no address
// depends on p, q, plaintexts or exponents, except for look-ups in owner tables that the caller asks to be fast.
#pragma once

#include "fixed_base.hpp"
#include "variable_base.hpp"

namespace sealed {
namespace {

// Arithmetic modulo the square of one secret prime p; q is the other.
template <class Arithmetic>
class PrimeHalf {
 public:
  using Vector = typename Arithmetic::Vector;
  using K = Kernel<Arithmetic>;
  using D = Digits<Arithmetic>;
  using Pairs = PairArithmetic<Arithmetic>;
  using Scratch = typename Pairs::Scratch;

  explicit PrimeHalf(const PrimeConstants& constants) : pairs(constants.pairs) {
    const size_t L = static_cast<size_t>(pairs.L);
    const size_t bytes = pairs.rootBytes;
    using Reader = ConstantReader<Arithmetic>;
    memory_.begin(3 * L * sizeof(Vector) + bytes + Reader::bytes(bytes, pairs.L), 4 + Reader::pieces);
    Reader reader(memory_, bytes, pairs.L);
    plaintextFactor_ = reader.take(pairs.L, constants.plaintextFactor);
    residueFactors_[0] = reader.take(pairs.L, ByteView{constants.residueFactors.data, bytes});
    residueFactors_[1] = reader.take(pairs.L, ByteView{constants.residueFactors.data + bytes, bytes});
    exponent_ = memory_.take<uint8_t>(bytes);
    std::memcpy(exponent_, constants.pairs.root.modulus.data, bytes);
    exponent_[bytes - 1] &= 0xfe;  // p − 1
  }

  VariableBase<Arithmetic> variableBase() const { return {pairs, 8 * pairs.rootBytes}; }

  // The plaintext modulo p: L(c^(p−1) mod p²) · (−q)⁻¹ mod p, because (1 + n)^(p−1) ≡ 1 − q·p (mod p²). `value` has
  // chunks·L digits, `pair` is working memory.
  void decrypt(Vector* residue, const Vector* value, Vector* pair, const VariableBase<Arithmetic>& variableBase,
               const Scratch& s) const {
    const int L = pairs.L;
    pairs.enter(pair, value, s);
    variableBase.power(pair, [&](size_t bitOffset, unsigned windowBits) {
      return Arithmetic::broadcast(windowDigit(exponent_, pairs.rootBytes, bitOffset, windowBits));
    }, s);
    pairs.leave(pair, pair, nullptr, s);
    const Vector carried = D::subtractOnce(pair, pairs.modulus.vertical, L, s.columns);
    pair[L] -= carried;  // one multiple of p moved from the lower half to the upper one
    D::normalise(pair + L, L);
    D::subtractOnce(pair + L, pairs.modulus.vertical, L, s.columns);
    multiplyModulo(residue, pair + L, plaintextFactor_, s);
  }

  // power · (1 + residue·n) mod p², canonical, 2L digits; `power` comes from a table and is lost.
  void mask(Vector* out, const FixedBase<Arithmetic>& table, Vector* power, const Vector* residue, Vector* atPrime,
            const Scratch& s) const {
    const Vector* parts[2] = {residue, residue + pairs.L};
    K::multiplySum(s.columns, parts, residueFactors_, 2, pairs.L);
    K::reduce(atPrime, s.quotient, s.columns, pairs.modulus);
    table.leave(power, atPrime, s);
    pairs.join(out, power, s);
  }

  // out = left · factor / R mod p, canonical; left < R/2, factor < p.
  void multiplyModulo(Vector* out, const Vector* left, const Vector* factor, const Scratch& s) const {
    K::multiply(s.columns, left, factor, pairs.L);
    K::reduce(out, s.quotient, s.columns, pairs.modulus);
    D::subtractOnce(out, pairs.modulus.vertical, pairs.L, s.columns);
  }

  const Pairs pairs;

 private:
  Arena memory_;
  uint8_t* exponent_;
  const Vector* plaintextFactor_;
  const Vector* residueFactors_[2];
};

template <class Arithmetic>
class VectorFactoredRing final : public FactoredRing {
 public:
  using Vector = typename Arithmetic::Vector;
  using K = Kernel<Arithmetic>;
  using D = Digits<Arithmetic>;
  using Half = PrimeHalf<Arithmetic>;
  using Scratch = typename Half::Scratch;
  using Port = GroupPort<Arithmetic>;
  using Table = FixedBase<Arithmetic>;
  static constexpr size_t lanes = Arithmetic::lanes;

  explicit VectorFactoredRing(const FactoredRingConstants& constants)
      : p_(constants.p), q_(constants.q), L(p_.pairs.L), rootBytes_(constants.rootBytes),
        elementBytes_(2 * constants.rootBytes) {
    using Reader = ConstantReader<Arithmetic>;
    const size_t digits = 10 * static_cast<size_t>(L);
    memory_.begin(digits * (sizeof(Vector) + 8) + Reader::bytes(elementBytes_, 2 * L), 8 + Reader::pieces);
    Reader reader(memory_, elementBytes_, 2 * L);
    residueOffset_ = reader.take(L, constants.residueOffset);
    pInverse_ = reader.take(L, constants.pInverse);
    pSquare_ = reader.takeModulus(constants.pSquare);
    elementOffset_ = reader.take(2 * L, constants.elementOffset);
    qSquareInverse_ = reader.take(2 * L, constants.qSquareInverse);
  }

  size_t rootBytes() const override { return rootBytes_; }

  void decrypt(uint8_t* out, const uint8_t* ciphertexts, size_t count) override {
    VariableBase<Arithmetic> variableBase = p_.variableBase();
    VariableBase<Arithmetic> variableBaseQ = q_.variableBase();
    begin(6 + static_cast<size_t>(p_.pairs.chunks), variableBase.bytes() + variableBaseQ.bytes());
    const WipeAtEnd wipe(arena_);
    const Port port(arena_, elementBytes_);
    const Scratch scratch(arena_, L);
    variableBase.prepare(arena_);
    variableBaseQ.prepare(arena_);
    const int chunkDigits = p_.pairs.chunks * L;
    Vector* value = take(p_.pairs.chunks);
    Vector* pair = take(2);
    Vector* atP = take(1);
    Vector* atQ = take(1);
    for (size_t first = 0; first < count; first += lanes) {
      port.read(value, chunkDigits, ciphertexts, elementBytes_, first, count);
      p_.decrypt(atP, value, pair, variableBase, scratch);
      q_.decrypt(atQ, value, pair, variableBaseQ, scratch);
      combineResidues(pair, atP, atQ, scratch);
      port.write(out, rootBytes_, first, count, pair, 2 * L);
    }
  }

  size_t tableBytes(const TableShape& shape) const override {
    return Table::tableBytes(p_.pairs, shape) + Table::tableBytes(q_.pairs, shape);
  }

  void buildTables(uint8_t* tables, const uint8_t* base, const uint8_t* inverse, const TableShape& shape) override {
    begin(4 + 4 * Table::buildPairs + 2 * static_cast<size_t>(p_.pairs.chunks), 0);
    const WipeAtEnd wipe(arena_);
    const Port port(arena_, elementBytes_);
    const Scratch scratch(arena_, L);
    Vector* values[2] = {take(p_.pairs.chunks), take(p_.pairs.chunks)};
    Vector* pairs[2] = {take(2), take(2)};
    port.readShared(values[0], p_.pairs.chunks * L, base, elementBytes_);
    port.readShared(values[1], p_.pairs.chunks * L, inverse, elementBytes_);
    buildHalf(p_, tables, pairs, values, shape, scratch);
    buildHalf(q_, tables + Table::tableBytes(p_.pairs, shape), pairs, values, shape, scratch);
  }

  void encryptAsOwner(uint8_t* out, const uint8_t* tables, const TableShape& shape, bool constantTime,
                      const uint8_t* exponents, const uint8_t* residues, size_t count) override {
    begin(6 * Table::maxGroups + 6 + 1 + 2 + 4 + 6, 0);
    const WipeAtEnd wipe(arena_);
    OwnerWork work(*this);
    const size_t exponentBytes = shape.exponentBytes();
    const ExponentBatch exponentsP = {exponents, exponentBytes, 2 * exponentBytes, count};
    const ExponentBatch exponentsQ = {exponents + exponentBytes, exponentBytes, 2 * exponentBytes, count};
    const uint8_t* tableQ = tables + Table::tableBytes(p_.pairs, shape);
    const Table powersP(p_.pairs, shape);
    const Table powersQ(q_.pairs, shape);
    for (size_t first = 0; first < count; first += Table::maxGroups * lanes) {
      const size_t rest = (count - first + lanes - 1) / lanes;
      const size_t groups = rest < Table::maxGroups ? rest : Table::maxGroups;
      powersP.power(work.atP, groups, tables, constantTime, exponentsP, first, work.rows, work.scratch);
      powersQ.power(work.atQ, groups, tableQ, constantTime, exponentsQ, first, work.rows, work.scratch);
      for (size_t group = 0; group < groups; group += 1) {
        encryptGroup(out, powersP, powersQ, work, group, residues, first + group * lanes, count);
      }
    }
  }

 private:
  // Working memory of encryptAsOwner.
  struct OwnerWork {
    explicit OwnerWork(VectorFactoredRing& ring)
        : port(ring.arena_, ring.elementBytes_), scratch(ring.arena_, ring.L), atP(ring.take(3 * Table::maxGroups)),
          atQ(ring.take(3 * Table::maxGroups)), rows(ring.take(6)), atPrime(ring.take(1)), residue(ring.take(2)),
          elementP(ring.take(2)), elementQ(ring.take(2)), columns(ring.take(4)), quotient(ring.take(2)) {}

    const Port port;
    const Scratch scratch;
    Vector* atP;
    Vector* atQ;
    Vector* rows;
    Vector* atPrime;
    Vector* residue;
    Vector* elementP;
    Vector* elementQ;
    Vector* columns;
    Vector* quotient;
  };

  // Room for numbers of L digits, and other bytes.
  void begin(size_t numbers, size_t otherBytes) {
    arena_.begin(numbers * L * sizeof(Vector) + otherBytes + Scratch::bytes(L) + Port::bytes(elementBytes_), 24);
  }

  // A piece of `numbers` numbers of L digits.
  Vector* take(size_t numbers) { return arena_.template take<Vector>(numbers * L); }

  // A table at one prime from a base and its inverse.
  void buildHalf(const Half& half, uint8_t* table, Vector* const* pairs, Vector* const* values, const TableShape& shape,
                 const Scratch& scratch) {
    for (int i = 0; i < 2; i += 1) half.pairs.enter(pairs[i], values[i], scratch);
    Table(half.pairs, shape).build(table, pairs[0], pairs[1], arena_, scratch);
  }

  // out[2L] = atP + p · ((atQ − atP) · p⁻¹ mod q), in [0, n). The offset, a multiple of q, keeps the difference from
  // getting negative.
  void combineResidues(Vector* out, const Vector* atP, Vector* atQ, const Scratch& s) const {
    for (int i = 0; i < L; i += 1) atQ[i] += residueOffset_[i];
    D::normalise(atQ, L);
    D::subtract(atQ, atQ, atP, L);
    q_.multiplyModulo(atQ, atQ, pInverse_, s);
    K::multiply(out, atQ, p_.pairs.modulus.vertical, L);
    for (int i = 0; i < L; i += 1) out[i] += atP[i];
    D::normalise(out, 2 * L);
  }

  void encryptGroup(uint8_t* out, const Table& powersP, const Table& powersQ, const OwnerWork& work, size_t group,
                    const uint8_t* residues, size_t first, size_t count) const {
    const size_t resultDigits = Table::Product::digits(p_.pairs);
    work.port.read(work.residue, 2 * L, residues, rootBytes_, first, count);
    p_.mask(work.elementP, powersP, work.atP + group * resultDigits, work.residue, work.atPrime, work.scratch);
    q_.mask(work.elementQ, powersQ, work.atQ + group * resultDigits, work.residue, work.atPrime, work.scratch);
    combineElements(work);
    work.port.write(out, elementBytes_, first, count, work.columns, 4 * L);
  }

  // columns[4L] = c_q + q² · ((c_p − c_q) · (q²)⁻¹ mod p²), in [0, n²).
  void combineElements(const OwnerWork& work) const {
    Vector* difference = work.elementP;
    for (int i = 0; i < 2 * L; i += 1) difference[i] += elementOffset_[i];
    D::normalise(difference, 2 * L);
    D::subtract(difference, difference, work.elementQ, 2 * L);
    K::multiply(work.columns, difference, qSquareInverse_, 2 * L);
    K::reduce(difference, work.quotient, work.columns, pSquare_);
    D::subtractOnce(difference, pSquare_.vertical, 2 * L, work.columns);
    K::multiply(work.columns, difference, q_.pairs.square, 2 * L);
    for (int i = 0; i < 2 * L; i += 1) work.columns[i] += work.elementQ[i];
    D::normalise(work.columns, 4 * L);
  }

  const Half p_;
  const Half q_;
  const int L;
  const size_t rootBytes_;
  const size_t elementBytes_;
  Arena memory_;
  Arena arena_;
  typename K::Modulus pSquare_;
  const Vector* residueOffset_;
  const Vector* pInverse_;
  const Vector* elementOffset_;
  const Vector* qSquareInverse_;
};

}  // namespace
}  // namespace sealed
