// Products of many powers (Pippenger): for every window of the exponents, bases with equal digits are multiplied first
// and the products weighted afterwards. Which bases meet depends on the exponents: not for secret exponents.
//
// The bases of a window are sorted by digit and cut into one stretch per lane. Each lane multiplies along its stretch
// and drops the product into a bucket whenever the digit changes; where a digit continues into the next stretch, the
// two partial products meet in the bucket.
//
// Where terms come in several calls, the buckets of all windows lie in the caller's memory, without any alignment: the
// sum of all exponents, a byte for each bucket that says whether it holds something, then the rows, window after window.
// Zeros are empty.
//
// Bases that are split already (c mod N and ⌊c / N⌋) are taken as they are: as Montgomery pairs they stand for c/R, and
// R to the sum of the exponents makes up for it at the end.
#pragma once

#include <cmath>

#include "engine.hpp"
#include "group.hpp"
#include "pair.hpp"

namespace sealed {
namespace {

template <class Arithmetic>
class MultiExponentiation {
 public:
  using Vector = typename Arithmetic::Vector;
  using StoredDigit = typename Arithmetic::StoredDigit;
  using D = Digits<Arithmetic>;
  using Pairs = PairArithmetic<Arithmetic>;
  using Scratch = typename Pairs::Scratch;
  using Port = GroupPort<Arithmetic>;
  static constexpr size_t lanes = Arithmetic::lanes;

  // Terms are taken in portions, which bounds the memory: 20 MB of rows for 4096-bit elements.
  static constexpr size_t maxTerms = 16384;

  MultiExponentiation(const Pairs& pairs, Arena& arena)
      : pairs_(pairs), arena_(arena), digits_(pairs.pairDigits()), elementBytes_(2 * pairs.rootBytes) {}

  void compute(uint8_t* out, const uint8_t* bases, const uint8_t* exponents, size_t exponentBytes, size_t count) {
    const size_t terms = count < maxTerms ? count : maxTerms;
    windowBits_ = bestWindowBits(terms, 8 * exponentBytes);
    begin(terms, buckets());
    const Port port(arena_, elementBytes_);
    const Scratch scratch(arena_, pairs_.L);
    takeMemory(terms, buckets());
    copy(total_, pairs_.one);
    for (size_t first = 0; first < count; first += maxTerms) {
      const size_t portion = count - first < maxTerms ? count - first : maxTerms;
      readBases(bases + first * elementBytes_, portion, port, scratch);
      addPortion(exponents + first * exponentBytes, exponentBytes, portion, scratch);
    }
    write(out, total_, port, scratch);
  }

  static size_t accumulatorBytes(const Pairs& pairs, const TableShape& shape) {
    const size_t buckets = shape.windows() << shape.windowBits;
    return sumBytes(shape) + flagBytes(shape) + buckets * pairs.pairDigits() * sizeof(StoredDigit);
  }

  // Multiplies terms into the buckets of an accumulator.
  void accumulate(uint8_t* accumulator, const TableShape& shape, bool isSplit, const uint8_t* bases,
                  const uint8_t* exponents, size_t count) {
    if (isSplit) addExponents(accumulator, shape, exponents, count);
    const size_t terms = count < maxStreamedTerms ? count : maxStreamedTerms;
    windowBits_ = shape.windowBits;
    begin(terms, 0);
    const Port port(arena_, elementBytes_);
    const Scratch scratch(arena_, pairs_.L);
    takeMemory(terms, 0);
    for (size_t first = 0; first < count; first += maxStreamedTerms) {
      const size_t portion = count - first < maxStreamedTerms ? count - first : maxStreamedTerms;
      if (isSplit) {
        readSplitBases(bases + first * elementBytes_, portion, port);
      } else {
        readBases(bases + first * elementBytes_, portion, port, scratch);
      }
      for (size_t window = 0; window < shape.windows(); window += 1) {
        bindBuckets(accumulator, shape, window);
        const uint8_t* some = exponents + first * shape.exponentBytes();
        const size_t used = sortByDigit(some, shape.exponentBytes(), portion, window * windowBits_);
        if (used > 0) fillBuckets(used, scratch);
      }
    }
  }

  // The product that an accumulator stands for.
  void read(uint8_t* out, const uint8_t* accumulator, const TableShape& shape, bool isSplit) {
    windowBits_ = shape.windowBits;
    begin(lanes, 0);
    const Port port(arena_, elementBytes_);
    const Scratch scratch(arena_, pairs_.L);
    takeMemory(lanes, 0);
    copy(portion_, pairs_.one);
    for (size_t window = shape.windows(); window > 0; window -= 1) {
      for (unsigned bit = 0; window < shape.windows() && bit < windowBits_; bit += 1) {
        pairs_.squareOf(portion_, portion_, scratch);
      }
      bindBuckets(const_cast<uint8_t*>(accumulator), shape, window - 1);
      weighBuckets(scratch);
      pairs_.multiply(portion_, portion_, weighted_, scratch);
    }
    if (isSplit) multiplyByRadixPower(accumulator, shape, scratch);
    write(out, portion_, port, scratch);
  }

 private:
  // The same where buckets are kept: the more terms, the longer the stretches of equal digits.
  static constexpr size_t maxStreamedTerms = 32768;

  static size_t flagBytes(const TableShape& shape) {
    return ((shape.windows() << shape.windowBits) + 63) / 64 * 64;
  }

  // The sum of up to 2^64 exponents, little-endian, rounded up to cache lines.
  static size_t sumBytes(const TableShape& shape) { return (shape.exponentBytes() + 8 + 63) / 64 * 64; }

  static void addExponents(uint8_t* sum, const TableShape& shape, const uint8_t* exponents, size_t count) {
    const size_t bytes = shape.exponentBytes();
    for (size_t i = 0; i < count; i += 1) {
      const uint8_t* end = exponents + (i + 1) * bytes;
      unsigned carry = 0;
      for (size_t place = 0; place < bytes; place += 1) {
        carry += static_cast<unsigned>(sum[place]) + end[-1 - static_cast<ptrdiff_t>(place)];
        sum[place] = static_cast<uint8_t>(carry);
        carry >>= 8;
      }
      for (size_t place = bytes; carry != 0; place += 1) {
        carry += sum[place];
        sum[place] = static_cast<uint8_t>(carry);
        carry >>= 8;
      }
    }
  }

  // portion *= R ^ (the sum of the exponents).
  void multiplyByRadixPower(const uint8_t* sum, const TableShape& shape, const Scratch& scratch) {
    copy(weighted_, pairs_.one);
    for (size_t bit = 8 * (shape.exponentBytes() + 8); bit > 0; bit -= 1) {
      pairs_.squareOf(weighted_, weighted_, scratch);
      if ((sum[(bit - 1) / 8] >> ((bit - 1) % 8) & 1) != 0) {
        pairs_.multiply(weighted_, weighted_, pairs_.radix(), scratch);
      }
    }
    pairs_.multiply(portion_, portion_, weighted_, scratch);
  }

  void bindBuckets(uint8_t* accumulator, const TableShape& shape, size_t window) {
    filled_ = accumulator + sumBytes(shape) + (window << windowBits_);
    StoredDigit* rows = reinterpret_cast<StoredDigit*>(accumulator + sumBytes(shape) + flagBytes(shape));
    buckets_ = rows + (window << windowBits_) * digits_;
  }

  void write(uint8_t* out, Vector* pair, const Port& port, const Scratch& scratch) {
    pairs_.leave(pair, pair, nullptr, scratch);
    pairs_.join(value_, pair, scratch);
    port.write(out, elementBytes_, 0, 1, value_, 2 * pairs_.L);
  }

  static unsigned bestWindowBits(size_t terms, size_t exponentBits) {
    unsigned best = 1;
    double bestCost = INFINITY;
    for (unsigned bits = 1; bits <= 12; bits += 1) {
      const double windows = std::ceil(static_cast<double>(exponentBits) / bits);
      const double cost = windows * (terms + 2.0 * (1u << bits) + lanes * (2.0 * bits + 14.0));
      if (cost < bestCost) {
        best = bits;
        bestCost = cost;
      }
    }
    return best;
  }

  size_t buckets() const { return size_t{1} << windowBits_; }

  // Room for `terms` terms and `ownBuckets` buckets beside those of the caller.
  void begin(size_t terms, size_t ownBuckets) {
    const size_t rowBytes = (terms + ownBuckets + 2 * lanes + 1) * digits_ * sizeof(StoredDigit);
    const size_t indexBytes = 2 * (terms + buckets() + 1) * sizeof(uint32_t);
    const size_t valueBytes = static_cast<size_t>(pairs_.chunks) * pairs_.L * sizeof(Vector) + 8 * pairs_.pairBytes();
    const size_t sharedBytes = Scratch::bytes(pairs_.L) + Port::bytes(elementBytes_);
    arena_.begin(rowBytes + indexBytes + valueBytes + sharedBytes, 17 + Scratch::pieces);
  }

  void takeMemory(size_t terms, size_t ownBuckets) {
    rows_ = arena_.take<StoredDigit>(terms * digits_);
    buckets_ = arena_.take<StoredDigit>(ownBuckets * digits_);
    heads_ = arena_.take<StoredDigit>(lanes * digits_);
    spare_ = arena_.take<StoredDigit>(lanes * digits_);
    filled_ = arena_.take<uint8_t>(ownBuckets);
    oneRow_ = arena_.take<StoredDigit>(digits_);
    total_ = arena_.take<Vector>(digits_);
    portion_ = arena_.take<Vector>(digits_);
    running_ = arena_.take<Vector>(digits_);
    weighted_ = arena_.take<Vector>(digits_);
    loaded_ = arena_.take<Vector>(digits_);
    factor_ = arena_.take<Vector>(digits_);
    value_ = arena_.take<Vector>(static_cast<size_t>(pairs_.chunks) * pairs_.L + 2 * static_cast<size_t>(pairs_.L));
    sorted_ = arena_.take<uint32_t>(terms);
    digitOf_ = arena_.take<uint32_t>(terms);
    starts_ = arena_.take<uint32_t>(buckets() + 1);
    D::storeRow(oneRow_, pairs_.one, 0, static_cast<int>(digits_));
  }

  void copy(Vector* out, const Vector* pair) const {
    for (size_t i = 0; i < digits_; i += 1) out[i] = pair[i];
  }

  void storeRow(StoredDigit* row, const Vector* pair, size_t l) const {
    D::storeRow(row, pair, static_cast<int>(l), static_cast<int>(digits_));
  }

  // Bases become rows: Montgomery pairs, digit after digit.
  void readBases(const uint8_t* bases, size_t count, const Port& port, const Scratch& scratch) {
    for (size_t first = 0; first < count; first += lanes) {
      port.read(value_, pairs_.chunks * pairs_.L, bases, elementBytes_, first, count);
      pairs_.enter(loaded_, value_, scratch);
      storeBases(first, count);
    }
  }

  // Bases that are split become rows as they are.
  void readSplitBases(const uint8_t* bases, size_t count, const Port& port) {
    for (size_t first = 0; first < count; first += lanes) {
      port.readStrided(loaded_, pairs_.L, bases, pairs_.rootBytes, elementBytes_, first, count);
      port.readStrided(loaded_ + pairs_.L, pairs_.L, bases + pairs_.rootBytes, pairs_.rootBytes, elementBytes_, first,
                       count);
      storeBases(first, count);
    }
  }

  void storeBases(size_t first, size_t count) {
    // Lanes beyond the last base repeat it, and so do their rows.
    StoredDigit* rows[lanes];
    for (size_t l = 0; l < lanes; l += 1) rows[l] = rows_ + (first + l < count ? first + l : count - 1) * digits_;
    storeRows<Arithmetic>(rows, loaded_, static_cast<int>(digits_));
  }

  // total *= Π rows ^ exponents.
  void addPortion(const uint8_t* exponents, size_t exponentBytes, size_t count, const Scratch& scratch) {
    const size_t windows = (8 * exponentBytes + windowBits_ - 1) / windowBits_;
    copy(portion_, pairs_.one);
    for (size_t window = windows; window > 0; window -= 1) {
      for (unsigned bit = 0; window < windows && bit < windowBits_; bit += 1) {
        pairs_.squareOf(portion_, portion_, scratch);
      }
      const size_t used = sortByDigit(exponents, exponentBytes, count, (window - 1) * windowBits_);
      if (used == 0) continue;
      std::memset(filled_, 0, buckets());
      fillBuckets(used, scratch);
      weighBuckets(scratch);
      pairs_.multiply(portion_, portion_, weighted_, scratch);
    }
    pairs_.multiply(total_, total_, portion_, scratch);
  }

  // Counting sort of the terms by their digit; digit 0 takes no part. Returns the number of terms left.
  size_t sortByDigit(const uint8_t* exponents, size_t exponentBytes, size_t count, size_t bitOffset) {
    for (size_t digit = 0; digit <= buckets(); digit += 1) starts_[digit] = 0;
    for (size_t i = 0; i < count; i += 1) {
      digitOf_[i] = windowDigit(exponents + i * exponentBytes, exponentBytes, bitOffset, windowBits_);
      if (digitOf_[i] != 0) starts_[digitOf_[i] + 1] += 1;
    }
    for (size_t digit = 1; digit <= buckets(); digit += 1) starts_[digit] += starts_[digit - 1];
    const size_t used = starts_[buckets()];
    for (size_t i = 0; i < count; i += 1) {
      if (digitOf_[i] != 0) sorted_[starts_[digitOf_[i]]++] = static_cast<uint32_t>(i);
    }
    return used;
  }

  // The digit at a position of the sorted list, 0 beyond its end.
  uint32_t digitAt(size_t position, size_t used) const {
    return position < used ? digitOf_[sorted_[position]] : 0;
  }

  // Bucket d *= Π rows with digit d; lane l walks positions l·length … (l + 1)·length − 1 of the sorted terms.
  void fillBuckets(size_t used, const Scratch& scratch) {
    for (size_t l = 0; l < lanes; l += 1) headDigit_[l] = 0;
    const size_t length = (used + lanes - 1) / lanes;
    for (size_t step = 0; step < length; step += 1) {
      if (step > 0) emptyFinishedLanes(used, length, step);
      loadTerms(step == 0 ? running_ : loaded_, used, length, step);
      if (step + 1 < length) prefetchStep(used, length, step + 1);
      if (step > 0) pairs_.multiply(running_, running_, loaded_, scratch);
    }
    for (size_t l = 0; l < lanes; l += 1) empty(l, digitAt((l + 1) * length - 1, used));
    for (size_t l = 0; l < lanes; l += 1) mergeHead(l, scratch);
  }

  void loadTerms(Vector* out, size_t used, size_t length, size_t step) const {
    const StoredDigit* rows[lanes];
    for (size_t l = 0; l < lanes; l += 1) {
      const size_t position = l * length + step;
      rows[l] = position < used ? rows_ + sorted_[position] * digits_ : oneRow_;
    }
    gatherRows<Arithmetic>(out, rows, static_cast<int>(digits_));
  }

  // What the next step reads comes from far away: it travels while the multiplication before it runs.
  void prefetchStep(size_t used, size_t length, size_t step) const {
    for (size_t l = 0; l < lanes; l += 1) {
      const size_t position = l * length + step;
      if (position >= used) return;
      prefetchRow(rows_ + sorted_[position] * digits_);
      const uint32_t digit = digitAt(position, used);
      if (digit != digitAt(position - 1, used) && filled_[digit] != 0) prefetchRow(buckets_ + digit * digits_);
    }
  }

  void prefetchRow(const StoredDigit* row) const {
    for (size_t i = 0; i < digits_; i += 64 / sizeof(StoredDigit)) __builtin_prefetch(row + i);
  }

  // Lanes whose digit changes at this step drop their product, and start again with what the next bucket holds. The
  // others pass through a spare row: whole groups move faster than single lanes.
  void emptyFinishedLanes(size_t used, size_t length, size_t step) {
    StoredDigit* from[lanes];
    const StoredDigit* to[lanes];
    bool isAnyFinished = false;
    for (size_t l = 0; l < lanes; l += 1) {
      const size_t position = l * length + step;
      const uint32_t digit = digitAt(position - 1, used);
      const uint32_t next = digitAt(position, used);
      from[l] = spare_ + l * digits_;
      to[l] = from[l];
      if (digit == next) continue;
      isAnyFinished = true;
      from[l] = placeOf(l, digit);
      to[l] = next != 0 && filled_[next] != 0 ? buckets_ + next * digits_ : oneRow_;
    }
    if (!isAnyFinished) return;
    storeRows<Arithmetic>(from, running_, static_cast<int>(digits_));
    gatherRows<Arithmetic>(running_, to, static_cast<int>(digits_));
  }

  // Where a lane's product goes. The first digit of a stretch may have begun in the stretch before: its product waits
  // in the lane's head. Every other digit begins in this stretch and has its bucket to itself.
  StoredDigit* placeOf(size_t l, uint32_t digit) {
    if (digit == 0) return spare_ + l * digits_;
    if (headDigit_[l] == 0) {
      headDigit_[l] = digit;
      return heads_ + l * digits_;
    }
    filled_[digit] = 1;
    return buckets_ + digit * digits_;
  }

  void empty(size_t l, uint32_t digit) { storeRow(placeOf(l, digit), running_, l); }

  void mergeHead(size_t l, const Scratch& scratch) {
    const uint32_t digit = headDigit_[l];
    if (digit == 0) return;
    StoredDigit* bucket = buckets_ + digit * digits_;
    if (filled_[digit] == 0) {
      std::memcpy(bucket, heads_ + l * digits_, digits_ * sizeof(StoredDigit));
    } else {
      loadOne(running_, bucket);
      loadOne(loaded_, heads_ + l * digits_);
      pairs_.multiply(running_, running_, loaded_, scratch);
      storeRow(bucket, running_, 0);
    }
    filled_[digit] = 1;
  }

  void loadOne(Vector* out, const StoredDigit* row) const {
    for (size_t i = 0; i < digits_; i += 1) out[i] = Arithmetic::broadcast(row[i]);
  }

  // weighted = Π bucket[d]^d in every lane's share. Lane l takes the digits l·S + k for k < S:
  // Π bucket[l·S + k]^(l·S + k) = (Π bucket)^(l·S) · Π bucket^k, the last by running products.
  void weighBuckets(const Scratch& scratch) {
    const size_t share = buckets() > lanes ? buckets() / lanes : 1;
    copy(running_, pairs_.one);
    copy(weighted_, pairs_.one);
    for (size_t k = share; k > 0; k -= 1) {
      loadBuckets(share, k - 1);
      pairs_.multiply(running_, running_, loaded_, scratch);
      if (k > 1) pairs_.multiply(weighted_, weighted_, running_, scratch);
    }
    raiseToLaneNumber(scratch);
    for (size_t power = share; power > 1; power /= 2) pairs_.squareOf(running_, running_, scratch);
    pairs_.multiply(weighted_, weighted_, running_, scratch);
    for (size_t distance = lanes / 2; distance > 0; distance /= 2) {
      copy(loaded_, pairs_.one);
      for (size_t i = 0; i < digits_; i += 1) {
        for (size_t l = 0; l < distance; l += 1) loaded_[i][l] = weighted_[i][l + distance];
      }
      pairs_.multiply(weighted_, weighted_, loaded_, scratch);
    }
  }

  void loadBuckets(size_t share, size_t k) const {
    const StoredDigit* rows[lanes];
    for (size_t l = 0; l < lanes; l += 1) {
      const size_t digit = l * share + k;
      rows[l] = digit < buckets() && filled_[digit] != 0 ? buckets_ + digit * digits_ : oneRow_;
    }
    gatherRows<Arithmetic>(loaded_, rows, static_cast<int>(digits_));
  }

  // running = running ^ l in lane l.
  void raiseToLaneNumber(const Scratch& scratch) {
    copy(factor_, running_);
    copy(running_, pairs_.one);
    for (size_t bit = lanes / 2; bit > 0; bit /= 2) {
      pairs_.squareOf(running_, running_, scratch);
      for (size_t i = 0; i < digits_; i += 1) {
        for (size_t l = 0; l < lanes; l += 1) loaded_[i][l] = (l & bit) != 0 ? factor_[i][l] : pairs_.one[i][l];
      }
      pairs_.multiply(running_, running_, loaded_, scratch);
    }
  }

  const Pairs& pairs_;
  Arena& arena_;
  const size_t digits_;
  const size_t elementBytes_;
  unsigned windowBits_ = 1;
  StoredDigit* rows_ = nullptr;
  StoredDigit* buckets_ = nullptr;
  StoredDigit* oneRow_ = nullptr;
  Vector* total_ = nullptr;
  Vector* portion_ = nullptr;
  Vector* running_ = nullptr;
  Vector* weighted_ = nullptr;
  Vector* loaded_ = nullptr;
  Vector* factor_ = nullptr;
  Vector* value_ = nullptr;
  uint32_t* sorted_ = nullptr;
  uint32_t* digitOf_ = nullptr;
  uint32_t* starts_ = nullptr;
  uint8_t* filled_ = nullptr;
  StoredDigit* heads_ = nullptr;
  StoredDigit* spare_ = nullptr;
  uint32_t headDigit_[lanes] = {};
};

}  // namespace
}  // namespace sealed
