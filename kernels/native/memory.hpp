// Aligned memory that is wiped before it is given back, so that no key, exponent or plaintext outlives its ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes) (static_cast<void>(start), static_cast<void>(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) (static_cast<void>(start), static_cast<void>(bytes))
#endif

namespace sealed {
namespace {

// Overwrites with zeros. The barrier tells the compiler that somebody may look, so that it cannot leave the call out.
inline void wipe(void* memory, size_t bytes) {
  std::memset(memory, 0, bytes);
  __asm__ __volatile__("" : : "r"(memory) : "memory");
}

// A stretch of memory aligned to cache lines; grows when asked and loses its contents then.
class AlignedMemory {
 public:
  AlignedMemory() = default;
  AlignedMemory(const AlignedMemory&) = delete;
  AlignedMemory& operator=(const AlignedMemory&) = delete;
  ~AlignedMemory() { release(); }

  void reserve(size_t bytes) {
    if (bytes <= capacity_) return;
    release();
    const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    start_ = static_cast<uint8_t*>(std::aligned_alloc(alignment, rounded));
    if (start_ == nullptr) throw std::bad_alloc();
    capacity_ = rounded;
  }

  uint8_t* start() { return start_; }
  size_t capacity() const { return capacity_; }

 private:
  static constexpr size_t alignment = 64;

  void release() {
    if (start_ == nullptr) return;
    wipe(start_, capacity_);
    std::free(start_);
    start_ = nullptr;
    capacity_ = 0;
  }

  uint8_t* start_ = nullptr;
  size_t capacity_ = 0;
};

// Hands out pieces of one AlignedMemory, front to back. `begin` says how much an operation needs in all. Under the
// address sanitizer everything but the pieces is out of bounds, and so are the gaps between them.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { ASAN_UNPOISON_MEMORY_REGION(memory_.start(), memory_.capacity()); }

  // Forgets all pieces and makes room for `bytes` in at most `pieces` pieces.
  void begin(size_t bytes, size_t pieces) {
    ASAN_UNPOISON_MEMORY_REGION(memory_.start(), memory_.capacity());
    memory_.reserve(bytes + pieces * (granule + gap));
    ASAN_POISON_MEMORY_REGION(memory_.start(), memory_.capacity());
    used_ = 0;
  }

  template <class T>
  T* take(size_t count) {
    const size_t bytes = count * sizeof(T);
    const size_t occupied = (bytes + granule - 1) / granule * granule + gap;
    if (occupied > memory_.capacity() - used_) throw std::bad_alloc();
    uint8_t* piece = memory_.start() + used_;
    ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
    used_ += occupied;
    return reinterpret_cast<T*>(piece);
  }

  // Wipes what the operation used.
  void wipeUsed() {
    ASAN_UNPOISON_MEMORY_REGION(memory_.start(), used_);
    if (used_ > 0) wipe(memory_.start(), used_);
  }

 private:
  static constexpr size_t granule = 64;
#if defined(__SANITIZE_ADDRESS__)
  static constexpr size_t gap = 64;
#else
  static constexpr size_t gap = 0;
#endif

  AlignedMemory memory_;
  size_t used_ = 0;
};

// Wipes an arena when an operation on secrets ends, however it ends.
class WipeAtEnd {
 public:
  explicit WipeAtEnd(Arena& arena) : arena_(arena) {}
  WipeAtEnd(const WipeAtEnd&) = delete;
  WipeAtEnd& operator=(const WipeAtEnd&) = delete;
  ~WipeAtEnd() { arena_.wipeUsed(); }

 private:
  Arena& arena_;
};

}  // namespace
}  // namespace sealed
